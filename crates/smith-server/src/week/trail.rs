//! What a switch of a channel found before it moved anything, written down first: whoever goes on after a crash, or leads
//! back, knows where everything was.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use smith_domain::id::CycleId;

use super::shop::Trouble;
use crate::files::write_whole;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Trail {
    /// Where the channel is led to.
    pub(super) build: u32,
    /// Where it was on each mirror; nothing where there was none.
    pub(super) mirrors: BTreeMap<String, Option<u32>>,
    /// What the journal said of each region.
    pub(super) regions: BTreeMap<String, Option<u32>>,
}

const BEFORE: &str = "cycle-";
const BEHIND: &str = "-channel.json";

/// Where the trail of a cycle lies.
pub(super) fn path(data: &Path, cycle: CycleId) -> PathBuf {
    data.join("week").join(format!("{BEFORE}{cycle}{BEHIND}"))
}

/// The cycles whose switch was begun and has not come to an end that was written down.
pub(super) fn left(data: &Path) -> io::Result<Vec<CycleId>> {
    let entries = match fs::read_dir(data.join("week")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(BEFORE)?.strip_suffix(BEHIND));
        found.extend(number.and_then(|number| number.parse().ok()).map(CycleId));
    }
    Ok(found)
}

impl Trail {
    /// The trail of an earlier try to the same build.
    pub(super) fn read(path: &Path, build: u32) -> Result<Option<Self>, Trouble> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Trouble::failed(&error)),
        };
        let trail: Self = serde_json::from_slice(&text).map_err(|error| Trouble::failed(&error))?;
        Ok(Some(trail).filter(|trail| trail.build == build))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Trouble> {
        let bytes = serde_json::to_vec(self).map_err(|error| Trouble::failed(&error))?;
        write_whole(path, &bytes).map_err(|error| Trouble::failed(&error))
    }

    /// Nothing is left to be gone on with. A trail that cannot be removed is looked at again at the next start, and nothing
    /// comes of it.
    pub(super) fn remove(path: &Path) {
        let _ = fs::remove_file(path);
    }
}
