//! The settings with their defaults. Every one of them may be left out, and so may the file.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;

use crate::files::text_of;
use crate::op::Host;

/// Longer than any settings a person writes.
const MOST: u64 = 1 << 16;

const PATH: &str = "/etc/smith/agent.json";

/// Keys that stand here are those of the machine's judgement of itself; other parts of the agent read their own from the
/// same file, so that keys that are not known are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) hooks: Hooks,
    pub(crate) health: Judged,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hooks {
    /// How long one file of `drain.d` or `undrain.d` may take. Connections that end by themselves take minutes.
    pub(crate) drain_s: u32,
    /// How long one file of `health.d` may take.
    pub(crate) health_s: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Judged {
    /// What must be free, by folder. A folder that is named here replaces the default of the same folder.
    pub(crate) disks: BTreeMap<String, Free>,
    /// A name that must be resolved; without it any answer of a name server will do.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Free {
    pub(crate) mib: u64,
    /// Of the inodes, in percent, where the file system counts them.
    pub(crate) inodes_percent: u64,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { drain_s: 600, health_s: 60 }
    }
}

impl Default for Judged {
    /// A patch of the whole machine downloads and unpacks a few hundred MiB; `/boot` must hold one more kernel than it does.
    fn default() -> Self {
        let disks = [("/", 256), ("/var", 256), ("/boot", 32)];
        let free = |mib| Free { mib, ..Free::default() };
        Self {
            disks: disks.into_iter().map(|(path, mib)| (path.to_owned(), free(mib))).collect(),
            name: None,
        }
    }
}

impl Default for Free {
    fn default() -> Self {
        Self { mib: 256, inodes_percent: 2 }
    }
}

/// The settings, and what is wrong with the file if it cannot be understood; then the defaults are in force.
pub(crate) fn read(host: &Host) -> (Settings, Option<String>) {
    let wrong = |why: String| (Settings::default(), Some(format!("{PATH} cannot be understood: {why}")));
    let text = match text_of(&host.path(PATH), MOST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(error) => return wrong(error.to_string()),
    };
    match serde_json::from_str::<Settings>(&text) {
        Ok(mut settings) => {
            for (path, free) in Judged::default().disks {
                settings.health.disks.entry(path).or_insert(free);
            }
            (settings, None)
        }
        Err(error) => wrong(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(text: &str) -> (Settings, Option<String>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/smith")).unwrap();
        fs::write(root.path().join("etc/smith/agent.json"), text).unwrap();
        read(&Host::at(root.path()))
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(&Host::at(root.path())), (Settings::default(), None));
        let (settings, wrong) = of(r#"{"log": "/x", "health": {"disks": {"/srv": {"mib": 9}}}}"#);
        assert_eq!(wrong, None);
        assert_eq!(settings.hooks, Hooks::default());
        let disks: Vec<_> =
            settings.health.disks.iter().map(|(path, free)| (path.as_str(), free.mib)).collect();
        assert_eq!(disks, [("/", 256), ("/boot", 32), ("/srv", 9), ("/var", 256)]);
    }

    #[test]
    fn a_mistake_is_said_and_the_defaults_hold() {
        for bad in ["", "{\"health\": {\"disk\": {}}}", "[1]"] {
            let (settings, wrong) = of(bad);
            assert_eq!(settings, Settings::default());
            let wrong = wrong.unwrap();
            assert!(wrong.starts_with("/etc/smith/agent.json cannot be understood: "), "{wrong}");
        }
    }
}
