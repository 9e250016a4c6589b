//! What dpkg knows of the machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use smith_agent::protocol::{Cause, Failure};

use super::stanza::Stanzas;
use crate::op::Host;

/// A package and its architecture. What is for all architectures is filed under the machine's own, as apt does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) architecture: String,
}

/// How far a package is, in dpkg's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    NotInstalled,
    ConfigFiles,
    HalfInstalled,
    Unpacked,
    HalfConfigured,
    TriggersAwaited,
    TriggersPending,
    Installed,
}

/// A package that is on the machine, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) version: String,
    /// As the package says it, `all` too.
    pub(crate) architecture: String,
    pub(crate) state: State,
    pub(crate) is_held: bool,
    /// It was interrupted so that only a new unpacking helps.
    pub(crate) needs_reinstall: bool,
    pub(crate) size_kib: u64,
    status: String,
}

/// All packages of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The machine's own architecture.
    pub(crate) native: String,
    pub(crate) packages: BTreeMap<Key, Present>,
    /// dpkg was interrupted and has a journal to write down.
    pub(crate) has_journal: bool,
}

impl State {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "not-installed" => State::NotInstalled,
            "config-files" => State::ConfigFiles,
            "half-installed" => State::HalfInstalled,
            "unpacked" => State::Unpacked,
            "half-configured" => State::HalfConfigured,
            "triggers-awaited" => State::TriggersAwaited,
            "triggers-pending" => State::TriggersPending,
            "installed" => State::Installed,
            _ => return None,
        })
    }
}

impl Key {
    /// The name as apt shows it on a machine of this architecture.
    pub(crate) fn shown(&self, native: &str) -> String {
        if self.architecture == native {
            self.name.clone()
        } else {
            format!("{}:{}", self.name, self.architecture)
        }
    }
}

impl Machine {
    /// Reads dpkg's database, and the machine's own architecture from it: it is that of dpkg itself. Nothing where dpkg is not one
    /// of its packages.
    pub(crate) fn read_native(host: &Host) -> Result<Option<Self>, Failure> {
        let mut machine = Self::read(host, "")?;
        let mut of_dpkg = machine.packages.keys().filter(|key| key.name == "dpkg");
        let native = match (of_dpkg.next(), of_dpkg.next()) {
            (Some(key), None) if !key.architecture.is_empty() => key.architecture.clone(),
            _ => return Ok(None),
        };
        // What is for all architectures was filed before it was known which one is the machine's.
        let packages = std::mem::take(&mut machine.packages);
        let filed = |mut key: Key| {
            if key.architecture.is_empty() {
                key.architecture.clone_from(&native);
            }
            key
        };
        machine.packages = packages.into_iter().map(|(key, present)| (filed(key), present)).collect();
        machine.native = native;
        Ok(Some(machine))
    }

    /// Reads dpkg's database. `native` is the machine's own architecture.
    pub(crate) fn read(host: &Host, native: &str) -> Result<Self, Failure> {
        let mut machine = Self { native: native.to_owned(), ..Self::default() };
        let broken = |error: io::Error| {
            Failure::new(Cause::DpkgBroken, format!("expected the database of dpkg, found {error}"))
        };
        let status = host.path("/var/lib/dpkg/status");
        machine.take(File::open(status).map_err(broken)?)?;
        let journal = journal(host).map_err(broken)?;
        machine.has_journal = !journal.is_empty();
        for file in journal {
            machine.take(File::open(file).map_err(broken)?)?;
        }
        Ok(machine)
    }

    pub(crate) fn take(&mut self, file: impl Read) -> Result<(), Failure> {
        let mut stanzas =
            Stanzas::new(file, ["Package", "Architecture", "Version", "Status", "Installed-Size"]);
        loop {
            let read = stanzas.next().map_err(|error| {
                Failure::new(Cause::DpkgBroken, format!("the database of dpkg could not be read: {error}"))
            })?;
            let Some([name, architecture, version, status, size]) = read else { return Ok(()) };
            let mut words = status.split(' ');
            let (want, flag, state) = (words.next(), words.next(), words.next().and_then(State::read));
            let (Some(want), Some(flag), Some(state)) = (want, flag, state) else {
                let message = format!("expected the state of package {name:?}, found {status:?}");
                return Err(Failure::new(Cause::DpkgBroken, message));
            };
            let key = self.key(name, architecture);
            if matches!(state, State::NotInstalled | State::ConfigFiles) {
                self.packages.remove(&key);
                continue;
            }
            let present = Present {
                version: version.clone(),
                architecture: architecture.clone(),
                state,
                is_held: want == "hold",
                needs_reinstall: flag == "reinstreq",
                size_kib: size.parse().unwrap_or(0),
                status: status.clone(),
            };
            self.packages.insert(key, present);
        }
    }

    pub(crate) fn key(&self, name: &str, architecture: &str) -> Key {
        let architecture = if matches!(architecture, "all" | "") { &self.native } else { architecture };
        Key { name: name.to_owned(), architecture: architecture.to_owned() }
    }

    /// The key of a name as apt and people write it.
    pub(crate) fn key_of(&self, shown: &str) -> Key {
        let (name, architecture) = shown.split_once(':').unwrap_or((shown, ""));
        self.key(name, architecture)
    }

    /// The names of packages that are not wholly there.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let is_unfinished = |present: &Present| present.state != State::Installed || present.needs_reinstall;
        let found = self.packages.iter().filter(|(_, present)| is_unfinished(present));
        found.map(|(key, _)| key.shown(&self.native)).collect()
    }

    pub(crate) fn holds(&self) -> Vec<String> {
        let held = self.packages.iter().filter(|(_, present)| present.is_held);
        held.map(|(key, _)| key.shown(&self.native)).collect()
    }

    /// One line a package: name, architecture, version, state.
    pub(crate) fn listing(&self) -> String {
        let mut lines: Vec<String> = self
            .packages
            .iter()
            .map(|(key, is)| format!("{} {} {} {}\n", key.name, is.architecture, is.version, is.status))
            .collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// The digest by which two machines are compared.
    pub(crate) fn digest(&self) -> String {
        hex(&Sha256::digest(self.listing()))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What dpkg has noted and not yet put into its status file, in order.
fn journal(host: &Host) -> io::Result<Vec<PathBuf>> {
    let folder = match fs::read_dir(host.path("/var/lib/dpkg/updates")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in folder {
        let entry = entry?;
        // Other names are files that dpkg was still writing.
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nInstalled-Size: 7\n\n\
        Package: b\nStatus: hold ok installed\nArchitecture: i386\nVersion: 2\n\n\
        Package: c\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: 3\n\n\
        Package: d\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 4\n";

    fn machine(status: &str, update: &str) -> Result<Machine, Failure> {
        let root = tempfile::tempdir().expect("a folder");
        let dpkg = root.path().join("var/lib/dpkg");
        fs::create_dir_all(dpkg.join("updates")).expect("made");
        fs::write(dpkg.join("status"), status).expect("written");
        if !update.is_empty() {
            fs::write(dpkg.join("updates/0000"), update).expect("written");
            fs::write(dpkg.join("updates/tmp.i"), "Package: half").expect("written");
        }
        Machine::read(&Host::at(root.path()), "amd64")
    }

    #[test]
    fn what_is_installed_in_part_is_told_apart() {
        let machine = machine(STATUS, "").expect("a machine");
        assert_eq!(machine.holds(), ["b:i386"]);
        assert_eq!(machine.unfinished(), ["c"]);
        assert_eq!(machine.packages[&machine.key_of("a")].size_kib, 7);
        let lines = "a all 1 install ok installed\nb i386 2 hold ok installed\nc amd64 3 install reinstreq half-installed\n";
        assert_eq!(machine.listing(), lines);
        assert!(!machine.has_journal);
    }

    #[test]
    fn what_dpkg_has_only_noted_counts() {
        let update = "Package: a\nStatus: install ok unpacked\nArchitecture: all\nVersion: 5\n";
        let machine = machine(STATUS, update).expect("a machine");
        assert!(machine.has_journal);
        assert_eq!(machine.packages[&machine.key_of("a")].version, "5");
        assert_eq!(machine.unfinished(), ["a", "c"]);
    }

    #[test]
    fn the_architecture_is_that_of_dpkg() {
        let dpkg = |architecture: &str| {
            format!(
                "\nPackage: dpkg\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 1\n\n"
            )
        };
        let read = |status: &str| {
            let root = tempfile::tempdir().expect("a folder");
            fs::create_dir_all(root.path().join("var/lib/dpkg")).expect("made");
            fs::write(root.path().join("var/lib/dpkg/status"), status).expect("written");
            let host = Host::at(root.path());
            let native = Machine::read_native(&host).expect("a machine");
            let told =
                native.as_ref().map(|machine| Machine::read(&host, &machine.native).expect("a machine"));
            assert_eq!(native, told, "the same as where it was known before");
            native.map(|machine| machine.native)
        };
        assert_eq!(read(&(STATUS.to_owned() + &dpkg("arm64"))), Some("arm64".to_owned()));
        assert_eq!(read(STATUS), None);
        assert_eq!(read(&(STATUS.to_owned() + &dpkg("all"))), None);
        let two = STATUS.to_owned() + &dpkg("arm64") + &dpkg("amd64");
        assert_eq!(read(&two), None, "which of them runs is not known");
    }

    #[test]
    fn a_state_that_dpkg_does_not_have_is_told() {
        let failure = machine("Package: a\nStatus: install ok fine\n", "").expect_err("no state");
        assert_eq!(failure.cause, Cause::DpkgBroken);
        assert_eq!(failure.message, "expected the state of package \"a\", found \"install ok fine\"");
    }
}
