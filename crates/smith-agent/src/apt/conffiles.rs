//! Configuration files that a package brought anew beside the machine's own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::op::Host;

/// The ends of the names, and which file won.
const ENDS: [(&str, &str); 4] = [
    (".dpkg-dist", "the machine's was kept, the package's is"),
    (".ucf-dist", "the machine's was kept, the package's is"),
    (".dpkg-old", "the package's was taken, the machine's is"),
    (".ucf-old", "the package's was taken, the machine's is"),
];

/// /etc of a large server has some ten thousand files.
const FILES_MAX: usize = 200_000;

/// Such files at one moment; each is told from an older one of its name.
#[derive(Debug, Default)]
pub(crate) struct Beside(BTreeMap<PathBuf, (u64, i64, i64)>);

impl Beside {
    pub(crate) fn of(host: &Host) -> Self {
        let mut found = BTreeMap::new();
        let mut folders = vec![host.path("/etc")];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            // A folder that vanished meanwhile has nothing to tell.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                seen += 1;
                if seen > FILES_MAX {
                    return Self(found);
                }
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if ending(&entry.path()).is_some()
                    && let Ok(is) = entry.metadata()
                {
                    found.insert(entry.path(), (is.ino(), is.mtime(), is.mtime_nsec()));
                }
            }
        }
        Self(found)
    }

    /// What came since, in words.
    pub(crate) fn since(&self, before: &Self, host: &Host) -> Vec<String> {
        let root = host.path("/");
        let is_new = |(path, is): &(&PathBuf, &(u64, i64, i64))| before.0.get(*path) != Some(*is);
        let words = |path: &PathBuf| {
            let (end, words) = ending(path)?;
            let shown = format!("/{}", path.strip_prefix(&root).unwrap_or(path).display());
            Some(format!("{}: {words} {shown}", shown.trim_end_matches(end)))
        };
        self.0.iter().filter(is_new).filter_map(|(path, _)| words(path)).collect()
    }
}

fn ending(path: &Path) -> Option<(&'static str, &'static str)> {
    let name = path.file_name()?.to_string_lossy();
    ENDS.into_iter().find(|(end, _)| name.ends_with(end))
}
