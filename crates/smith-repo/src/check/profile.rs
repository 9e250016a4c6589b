//! What machines have installed: thousands of status files that collapse to a few that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::check::CheckError;
use crate::deb822::{Stanza, Stanzas};
use crate::hash::Sha256;

/// A status file of a machine with ten thousand packages is 15 MB.
const STATUS_MAX: u64 = 256 << 20;

/// A list of suites is a few lines.
const SUITES_MAX: u64 = 1 << 20;

/// Machines that have the same packages in the same states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The names of all machines that are so, in order.
    pub machines: Vec<String>,
    /// Over name, version, architecture and state of every package, and the suites.
    pub hash: Sha256,
    /// The text of a dpkg status file that is so.
    pub(super) status: Status,
    /// The suites that were named for it; none means those of its distribution.
    pub(super) suites: BTreeSet<String>,
    pub(super) packages: Vec<Installed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    File(PathBuf),
    Text(String),
}

/// A package as a status file has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Installed {
    pub(super) name: String,
    pub(super) arch: String,
    pub(super) version: String,
    /// `install ok installed`
    pub(super) state: String,
}

/// Reads a folder of dpkg status files. A machine's name is its file's; `NAME.suites` holds suites of the build one on a
/// line, `NAME.sources` the machine's apt sources in their newer form.
pub fn read_profiles(folder: &Path) -> Result<Vec<Profile>, CheckError> {
    let failed = |source| CheckError::Read { path: folder.to_owned(), source };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_word = name.ends_with(".suites") || name.ends_with(".sources");
        if path.is_file() && !name.starts_with('.') && !name.is_empty() && !is_word {
            names.insert(name);
        }
    }
    // Only one of those that are alike lies in memory.
    let mut profiles: BTreeMap<Sha256, Profile> = BTreeMap::new();
    // Files that are equal byte for byte need not be read as lists to see that they are alike.
    let mut seen: BTreeMap<(Sha256, BTreeSet<String>), Sha256> = BTreeMap::new();
    for name in names {
        let path = folder.join(&name);
        let text = read(&path, STATUS_MAX)?;
        let suites = suites(folder, &name)?;
        let key = (Sha256::of(&text), suites.clone());
        if let Some(known) = seen.get(&key).and_then(|hash| profiles.get_mut(hash)) {
            known.machines.push(name);
            continue;
        }
        let packages = packages(&path, &text)?;
        let hash = hash(&packages, &suites);
        seen.insert(key, hash);
        let new = || Profile { machines: Vec::new(), hash, status: Status::File(path), suites, packages };
        profiles.entry(hash).or_insert_with(new).machines.push(name);
    }
    if profiles.is_empty() {
        return Err(CheckError::NoProfile { path: folder.to_owned() });
    }
    let mut profiles: Vec<Profile> = profiles.into_values().collect();
    profiles.sort_by(|one, other| one.machines.cmp(&other.machines));
    Ok(profiles)
}

pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, CheckError> {
    let failed = |source| CheckError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        let (path, found) = (path.to_owned(), "a larger one".to_owned());
        return Err(CheckError::Form { path, expected: "a file of bounded size", found });
    }
    Ok(bytes)
}

impl Profile {
    /// One that no machine has reported.
    pub(super) fn implied(
        path: &Path,
        name: String,
        text: String,
        suites: BTreeSet<String>,
    ) -> Result<Self, CheckError> {
        let packages = packages(path, text.as_bytes())?;
        let hash = hash(&packages, &suites);
        Ok(Self { machines: vec![name], hash, status: Status::Text(text), suites, packages })
    }

    /// What it is called in a report.
    pub fn name(&self) -> &str {
        self.machines.first().map_or("", String::as_str)
    }

    /// The architectures of its packages, the machine's own first: that of dpkg, which is native by definition.
    pub(super) fn architectures(&self) -> Vec<String> {
        let known = self.packages.iter().filter(|one| one.arch != "all" && !one.arch.is_empty());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for one in known {
            let weight = if one.name == "dpkg" { self.packages.len() + 1 } else { 1 };
            *counts.entry(&one.arch).or_default() += weight;
        }
        let mut all: Vec<(&str, usize)> = counts.into_iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.into_iter().map(|(arch, _)| arch.to_owned()).collect()
    }
}

fn packages(path: &Path, text: &[u8]) -> Result<Vec<Installed>, CheckError> {
    let wrong =
        |found: String| CheckError::Form { path: path.to_owned(), expected: "a status file of dpkg", found };
    let mut packages = Vec::new();
    for stanza in Stanzas::new(text) {
        let stanza = stanza.map_err(|error| wrong(error.to_string()))?;
        let [mut name, mut state, mut arch, mut version] = [None, None, None, None];
        for field in stanza.fields() {
            let field = field.map_err(|error| wrong(error.to_string()))?;
            let place = match field.name() {
                one if one.eq_ignore_ascii_case("Package") => &mut name,
                one if one.eq_ignore_ascii_case("Status") => &mut state,
                one if one.eq_ignore_ascii_case("Architecture") => &mut arch,
                one if one.eq_ignore_ascii_case("Version") => &mut version,
                _ => continue,
            };
            let text = field.text().map_err(|error| wrong(error.to_string()))?;
            *place = Some(text.trim().to_owned());
        }
        let (Some(name), Some(state)) = (name, state) else {
            return Err(wrong(format!("line {}: a stanza without Package or Status", stanza.line())));
        };
        let (arch, version) = (arch.unwrap_or_default(), version.unwrap_or_default());
        packages.push(Installed { name, arch, version, state });
    }
    packages.sort_unstable();
    Ok(packages)
}

fn field(stanza: &Stanza<'_>, name: &str) -> Result<Option<String>, String> {
    let field = stanza.field(name).map_err(|error| error.to_string())?;
    let text = field.map(|field| field.text()).transpose().map_err(|error| error.to_string())?;
    Ok(text.map(|text| text.trim().to_owned()))
}

fn hash(packages: &[Installed], suites: &BTreeSet<String>) -> Sha256 {
    // No field holds a line feed, so that different lists never give the same text.
    let mut text = String::with_capacity(packages.len() * 64);
    for one in packages {
        for part in [&one.name, &one.version, &one.arch, &one.state] {
            text.push_str(&part.replace('\n', " "));
            text.push('\n');
        }
    }
    text.push('\n');
    for suite in suites {
        text.push_str(suite);
        text.push('\n');
    }
    Sha256::of(text.as_bytes())
}

fn suites(folder: &Path, name: &str) -> Result<BTreeSet<String>, CheckError> {
    let mut suites = BTreeSet::new();
    let path = folder.join(format!("{name}.suites"));
    if path.exists() {
        let text = String::from_utf8_lossy(&read(&path, SUITES_MAX)?).into_owned();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        suites.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
    }
    let path = folder.join(format!("{name}.sources"));
    if path.exists() {
        let text = read(&path, SUITES_MAX)?;
        let wrong =
            |found: String| CheckError::Form { path: path.clone(), expected: "sources of apt", found };
        for stanza in Stanzas::new(&text) {
            let stanza = stanza.map_err(|error| wrong(error.to_string()))?;
            let enabled = field(&stanza, "Enabled").map_err(wrong)?;
            if enabled.is_some_and(|word| word.eq_ignore_ascii_case("no")) {
                continue;
            }
            let named = field(&stanza, "Suites").map_err(wrong)?.unwrap_or_default();
            suites.extend(named.split_whitespace().map(str::to_owned));
        }
    }
    Ok(suites)
}
