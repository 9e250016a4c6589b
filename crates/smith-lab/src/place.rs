//! Where labs lie: one folder for all, one below it for each, and a cache that outlives them.

use std::path::{Component, Path, PathBuf};

use crate::error::LabError;
use crate::name::{LabName, MachineName};

/// The folders of all labs of a computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    dir: PathBuf,
    cache: PathBuf,
}

impl Place {
    /// # Errors
    /// Both must be absolute. Overlays take `:` and `,` apart, and a machine's own `/run` hides what lies there.
    pub fn new(dir: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Result<Self, LabError> {
        let (dir, cache) = (dir.into(), cache.into());
        for path in [&dir, &cache] {
            check(path)?;
        }
        Ok(Self { dir, cache })
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub(crate) fn lab(&self, name: &LabName) -> Folder {
        Folder(self.dir.join(name.as_str()))
    }
}

fn check(path: &Path) -> Result<(), LabError> {
    let refuse = |expected| Err(LabError::Place { expected, found: path.display().to_string() });
    let Some(text) = path.to_str() else { return refuse("a path in UTF-8") };
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return refuse("an absolute path without `..`");
    }
    if text.contains([':', ',', '\\', '"', '\n', ' ']) {
        return refuse("a path without blanks, quotes, colons and commas");
    }
    if path.starts_with("/run") || path.starts_with("/sys") || path.starts_with("/proc") {
        return refuse("a folder on a disk, not below /run, /sys or /proc");
    }
    Ok(())
}

/// The folder of one lab and what stands where in it.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("lab.json")
    }

    pub(crate) fn keeper(&self) -> PathBuf {
        self.0.join("keep.sh")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.0.join("known_hosts")
    }

    pub(crate) fn inventory(&self) -> PathBuf {
        self.0.join("inventory")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.0.join("layers")
    }

    pub(crate) fn machine(&self, name: &MachineName) -> MachineFolder {
        MachineFolder(self.0.join("machines").join(name.as_str()))
    }
}

/// The folder of one machine.
#[derive(Debug, Clone)]
pub(crate) struct MachineFolder(PathBuf);

impl MachineFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file system of the machine's own changes; its size is what the machine takes for the size of its disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk.ext4")
    }

    /// Where the keeper mounts the disk, out of everybody else's sight.
    pub(crate) fn writable(&self) -> PathBuf {
        self.0.join("writable")
    }

    /// Where the keeper mounts the whole tree, out of everybody else's sight.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    pub(crate) fn console(&self) -> PathBuf {
        self.0.join("console")
    }

    /// While this file is there, the keeper does not boot the machine again.
    pub(crate) fn held(&self) -> PathBuf {
        self.0.join("held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_mounts_would_misread_is_refused() {
        for bad in ["relative", "/a/../b", "/a:b", "/a,b", "/a b", "/run/lab", "/proc/lab"] {
            assert!(Place::new(bad, "/var/cache/x").is_err(), "{bad}");
            assert!(Place::new("/srv/x", bad).is_err(), "{bad}");
        }
        assert!(Place::new("/srv/lab", "/runner/cache").is_ok());
    }
}
