//! The sources of a machine's own apt, read into upstreams: deb822 files and one-line lists.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::name::{PartName, SuiteName, UpstreamName};
use crate::upstream::{Extras, Filter, Staleness, Upstream};

/// A sources file is a page of text; a larger one is something else.
const FILE_MAX: u64 = 4 << 20;

/// A machine whose apt configuration is read.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where its file system begins.
    pub root: PathBuf,
    /// What dpkg calls its architecture.
    pub architecture: PartName,
}

/// A source that cannot be an upstream of a build, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub file: String,
    pub line: usize,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BadSource {
    #[error("{file}:{line}: expected {expected}, found {found:?}")]
    Line { file: String, line: usize, expected: &'static str, found: String },
    #[error("reading {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has {found} bytes, expected at most {FILE_MAX}", .path.display())]
    TooLarge { path: PathBuf, found: u64 },
    #[error("no enabled source of packages was found below {}", .root.display())]
    None { root: PathBuf },
}

/// One `deb` line or one stanza, before it is joined with others of the same repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Source {
    file: String,
    line: usize,
    has_sources: bool,
    has_binaries: bool,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    architectures: Vec<String>,
    signed_by: Option<String>,
    trusted: bool,
    check_valid_until: bool,
}

impl Machine {
    /// Its enabled sources as upstreams, and those that cannot be.
    pub fn upstreams(&self) -> Result<(Vec<Upstream>, Vec<Unread>), BadSource> {
        let mut sources = Vec::new();
        for path in self.files()? {
            let text = read(&path)?;
            let name = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            if path.extension().is_some_and(|extension| extension == "sources") {
                sources.extend(stanzas(&name, &text)?);
            } else {
                sources.extend(lines(&name, &text)?);
            }
        }
        let (mut upstreams, mut unread) = (BTreeMap::new(), Vec::new());
        for source in sources {
            if let Err(why) = self.add(&mut upstreams, &source) {
                unread.push(Unread { file: source.file, line: source.line, why });
            }
        }
        if upstreams.is_empty() && unread.is_empty() {
            return Err(BadSource::None { root: self.root.clone() });
        }
        Ok((named(upstreams), unread))
    }

    fn files(&self) -> Result<Vec<PathBuf>, BadSource> {
        let mut files = Vec::new();
        let list = self.root.join("etc/apt/sources.list");
        if list.exists() {
            files.push(list);
        }
        let folder = self.root.join("etc/apt/sources.list.d");
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let path =
                        entry.map_err(|source| BadSource::Read { path: folder.clone(), source })?.path();
                    // apt passes over files with other names, too.
                    if path.extension().is_some_and(|one| one == "list" || one == "sources") {
                        files.push(path);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BadSource::Read { path: folder, source }),
        }
        files.sort();
        Ok(files)
    }

    fn add(&self, upstreams: &mut BTreeMap<Key, Upstream>, source: &Source) -> Result<(), String> {
        if !source.has_binaries {
            return Err("it has source packages only, and a build is of binary packages".to_owned());
        }
        if source.trusted {
            return Err("it is trusted without a signature, which a build never is".to_owned());
        }
        let keyrings = self.keyrings(source.signed_by.as_deref())?;
        for uri in &source.uris {
            let known = ["http://", "https://", "file:"].iter().any(|scheme| uri.starts_with(scheme));
            if !known {
                return Err(format!(
                    "{uri} is fetched in a way that only apt knows; give an http or https address"
                ));
            }
        }
        let names = |texts: &[String]| -> Result<Vec<PartName>, String> {
            texts.iter().map(|text| PartName::new(text).map_err(|error| error.to_string())).collect()
        };
        let architectures = if source.architectures.is_empty() {
            vec![self.architecture.clone()]
        } else {
            names(&source.architectures)?
        };
        let key = Key {
            uris: source.uris.clone(),
            components: source.components.clone(),
            keyrings: keyrings.clone(),
        };
        let staleness = if source.check_valid_until { Staleness::Refuse } else { Staleness::Allow };
        let upstream = upstreams.entry(key).or_insert(Upstream {
            name: UpstreamName::new("upstream").map_err(|error| error.to_string())?,
            uris: source.uris.clone(),
            suites: Vec::new(),
            components: names(&source.components)?,
            architectures: Vec::new(),
            keyrings,
            signers: Vec::new(),
            threshold: 1,
            distribution: None,
            filter: Filter::default(),
            snapshot: None,
            staleness,
            extras: Extras::default(),
        });
        for suite in &source.suites {
            let suite = suite.replace("$(ARCH)", self.architecture.as_str());
            let suite = SuiteName::new(&suite).map_err(|error| error.to_string())?;
            if !upstream.suites.contains(&suite) {
                upstream.suites.push(suite);
            }
        }
        for architecture in architectures {
            if !upstream.architectures.contains(&architecture) {
                upstream.architectures.push(architecture);
            }
        }
        Ok(())
    }

    /// The files that `Signed-By` names; without it, what apt believes by default.
    fn keyrings(&self, signed_by: Option<&str>) -> Result<Vec<PathBuf>, String> {
        let below = |path: &str| self.root.join(path.trim_start_matches('/'));
        if let Some(signed_by) = signed_by {
            if signed_by.contains("BEGIN PGP") {
                return Err(
                    "its key stands in the source itself; write it to a file and name that".to_owned()
                );
            }
            let words = signed_by.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty());
            let (paths, keys): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with('/'));
            if !keys.is_empty() && paths.is_empty() {
                return Err(format!(
                    "it names the key {} and no file; name the keyring file",
                    keys.join(" ")
                ));
            }
            return Ok(paths.into_iter().map(below).collect());
        }
        let folder = below("/etc/apt/trusted.gpg.d");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|one| one == "gpg" || one == "asc"))
            .collect();
        files.extend([below("/etc/apt/trusted.gpg")].into_iter().filter(|path| path.exists()));
        files.sort();
        if files.is_empty() {
            return Err(
                "it names no keyring and the machine has none that apt believes by default".to_owned()
            );
        }
        Ok(files)
    }
}

/// Sources with all of this alike are suites of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    uris: Vec<String>,
    components: Vec<String>,
    keyrings: Vec<PathBuf>,
}

/// Each gets the last part of its address as its name, with a number where two would be alike.
fn named(upstreams: BTreeMap<Key, Upstream>) -> Vec<Upstream> {
    let mut taken: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for mut upstream in upstreams.into_values() {
        let uri = upstream.uris.first().map_or("", String::as_str);
        let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let plain: String = last
            .chars()
            .map(|char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' })
            .collect();
        let plain = plain.trim_matches(['-', '.']).chars().take(50).collect::<String>();
        let base = if plain.is_empty() { "upstream".to_owned() } else { plain };
        let mut name = base.clone();
        let mut number = 2;
        while taken.contains(&name) {
            name = format!("{base}-{number}");
            number += 1;
        }
        if let Ok(good) = UpstreamName::new(&name) {
            upstream.name = good;
        }
        taken.push(name);
        all.push(upstream);
    }
    all
}

fn read(path: &Path) -> Result<String, BadSource> {
    let failed = |source| BadSource::Read { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(failed)?.len();
    if found > FILE_MAX {
        return Err(BadSource::TooLarge { path: path.to_owned(), found });
    }
    fs::read_to_string(path).map_err(failed)
}

/// `deb [arch=amd64 signed-by=/x.gpg] uri suite component…`
fn lines(file: &str, text: &str) -> Result<Vec<Source>, BadSource> {
    let mut sources = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let plain = text.split('#').next().unwrap_or_default().trim();
        if plain.is_empty() {
            continue;
        }
        let bad = |expected| BadSource::Line {
            file: file.to_owned(),
            line,
            expected,
            found: text.chars().take(200).collect(),
        };
        let (kind, rest) =
            plain.split_once(char::is_whitespace).ok_or_else(|| bad("`deb` and an address"))?;
        if kind != "deb" && kind != "deb-src" {
            return Err(bad("a line that begins with deb or deb-src"));
        }
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(|| bad("options that end with `]`"))?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        let uri = words.next().ok_or_else(|| bad("an address"))?;
        let suite = words.next().ok_or_else(|| bad("a suite after the address"))?;
        let mut source = Source {
            file: file.to_owned(),
            line,
            has_sources: kind == "deb-src",
            has_binaries: kind == "deb",
            uris: vec![uri.trim_end_matches('/').to_owned()],
            components: words.collect(),
            suites: vec![suite],
            check_valid_until: true,
            ..Source::default()
        };
        if source.components.is_empty() && !source.suites[0].ends_with('/') {
            return Err(bad("a component after the suite, or a suite that ends with a slash"));
        }
        for option in options.split_whitespace() {
            let (name, value) = option.split_once('=').ok_or_else(|| bad("options as name=value"))?;
            set(&mut source, name, &value.replace(',', " "));
        }
        sources.push(source);
    }
    Ok(sources)
}

/// Fields in stanzas, as in a `.sources` file.
fn stanzas(file: &str, text: &str) -> Result<Vec<Source>, BadSource> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut begins = 1;
    for (line, text) in (1..).zip(text.lines().chain([""])) {
        if text.starts_with('#') {
            continue;
        }
        if text.trim().is_empty() {
            if !fields.is_empty() {
                sources.extend(stanza(file, begins, &std::mem::take(&mut fields))?);
            }
            continue;
        }
        if fields.is_empty() {
            begins = line;
        }
        let bad = |expected| BadSource::Line {
            file: file.to_owned(),
            line,
            expected,
            found: text.chars().take(200).collect(),
        };
        if text.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut().ok_or_else(|| bad("a field before its continuation"))?;
            value.push('\n');
            value.push_str(text.trim());
        } else {
            let (name, value) =
                text.split_once(':').ok_or_else(|| bad("a field: a name, a colon, a value"))?;
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Ok(sources)
}

fn stanza(file: &str, line: usize, fields: &[(String, String)]) -> Result<Option<Source>, BadSource> {
    let get = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let words = |name: &str| -> Vec<String> {
        get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    if get("enabled").is_some_and(|value| ["no", "false", "off", "0", "without", "disable"].contains(&value))
    {
        return Ok(None);
    }
    let bad = |expected, name: &str| BadSource::Line {
        file: file.to_owned(),
        line,
        expected,
        found: get(name).unwrap_or_default().chars().take(200).collect(),
    };
    let types = words("types");
    let mut source = Source {
        file: file.to_owned(),
        line,
        has_sources: types.iter().any(|one| one == "deb-src"),
        has_binaries: types.iter().any(|one| one == "deb"),
        uris: words("uris").iter().map(|uri| uri.trim_end_matches('/').to_owned()).collect(),
        suites: words("suites"),
        components: words("components"),
        check_valid_until: true,
        ..Source::default()
    };
    if !source.has_binaries && !source.has_sources {
        return Err(bad("`Types: deb`", "types"));
    }
    if source.uris.is_empty() {
        return Err(bad("`URIs:` with an address", "uris"));
    }
    if source.suites.is_empty() {
        return Err(bad("`Suites:` with a suite", "suites"));
    }
    if source.components.is_empty() && !source.suites.iter().all(|suite| suite.ends_with('/')) {
        return Err(bad("`Components:` with a component", "components"));
    }
    for (name, value) in fields {
        set(&mut source, name, value);
    }
    Ok(Some(source))
}

/// An option of either form.
fn set(source: &mut Source, name: &str, value: &str) {
    let words = || value.split_whitespace().map(str::to_owned).collect();
    let yes = ["yes", "true", "on", "1", "with", "enable"].contains(&value);
    match name.to_ascii_lowercase().as_str() {
        "arch" | "architectures" => source.architectures = words(),
        "signed-by" => source.signed_by = Some(value.to_owned()),
        "trusted" => source.trusted = yes,
        "check-valid-until" => source.check_valid_until = yes,
        // What else there is says how apt fetches, not what.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let root = folder.path().to_owned();
        (folder, Machine { root, architecture: PartName::new("amd64").expect("a name") })
    }

    const DEB822: &str = "# main\nTypes: deb deb-src\nURIs: http://one.example/debian/\nSuites: bookworm bookworm-updates\n\
        Components: main contrib\nSigned-By: /usr/share/keyrings/a.gpg\n\nTypes: deb\nEnabled: no\nURIs: x:\nSuites: y\n\
        Components: z\n\nTypes: deb\nURIs: http://one.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
        Architectures: amd64 arm64\nSigned-By:\n /usr/share/keyrings/a.gpg\n /usr/share/keyrings/b.gpg\n";

    #[test]
    fn both_forms_are_read_and_suites_of_one_repository_joined() {
        let list = "# a comment\ndeb [signed-by=/k.gpg arch=amd64,i386 check-valid-until=no] https://two.example/apt/ stable main # x\n\
            deb [signed-by=/k.gpg] https://two.example/apt beta main\ndeb [trusted=yes] http://three.example ./\n";
        let (_folder, machine) =
            machine(&[("etc/apt/sources.list.d/debian.sources", DEB822), ("etc/apt/sources.list", list)]);
        let (upstreams, unread) = machine.upstreams().expect("read");
        let shown: Vec<String> = upstreams
            .iter()
            .map(|one| {
                let words =
                    |names: &[PartName]| names.iter().map(PartName::as_str).collect::<Vec<_>>().join(",");
                let suites: Vec<&str> = one.suites.iter().map(SuiteName::as_str).collect();
                let (components, archs) = (words(&one.components), words(&one.architectures));
                format!("{} {} {components} {archs} {}", one.name, suites.join(","), one.keyrings.len())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "debian bookworm,bookworm-updates main,contrib amd64 1",
                "debian-security bookworm-security main amd64,arm64 2",
                "apt stable,beta main amd64,i386 1",
            ]
        );
        assert_eq!(unread.len(), 1);
        assert!(unread[0].why.contains("without a signature"), "{unread:?}");
        assert_eq!(unread[0].line, 4);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("deb http://x.example\n", "sources.list:1: expected a suite"),
            ("\nrpm http://x.example stable main\n", "sources.list:2: expected a line that begins"),
            ("deb http://x.example stable\n", "expected a component"),
            ("deb [arch=amd64 http://x.example stable main\n", "expected options that end"),
        ] {
            let (_folder, machine) = machine(&[("etc/apt/sources.list", text)]);
            let error = machine.upstreams().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for (text, expected) in [
            ("Types: deb\nSuites: x\nComponents: y\n", "debian.sources:1: expected `URIs:`"),
            ("URIs: http://x.example\n", "expected `Types: deb`"),
            ("\n\n continued\n", "debian.sources:3: expected a field before"),
            ("Types deb\n", "expected a field: a name"),
        ] {
            let (_folder, machine) = machine(&[("etc/apt/sources.list.d/debian.sources", text)]);
            let error = machine.upstreams().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let (_folder, machine) = machine(&[("etc/apt/sources.list", "# nothing\n")]);
        assert!(matches!(machine.upstreams(), Err(BadSource::None { .. })));
    }
}
