//! What runs have left that were killed or failed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsck::{Checked, FsckError, Kind, Report};
use crate::hash::Sha256;
use crate::mirror::{Maker, left_stale, maker, stale_folders};
use crate::name::BuildNumber;
use crate::retention::{ripe, unswept};
use crate::store::{LeaseState, Store, StoreError};

/// The leases as they were before anything was looked at.
pub(super) fn leftovers(
    what: &Checked<'_>,
    leases: Vec<(PathBuf, LeaseState)>,
    report: &mut Report,
) -> Result<(), FsckError> {
    let store = what.store;
    let named = |path: &Path| path.strip_prefix(store.root()).unwrap_or(path).to_string_lossy().into_owned();
    let sized = |path: PathBuf| (named(&path), size_below(&path));
    report.leave(Kind::Temporary, left_stale(&stale_folders(store))?.into_iter().map(sized));
    report.running = leases.iter().filter(|(_, state)| *state == LeaseState::Held).count() as u64;
    let ended = leases.into_iter().filter(|(_, state)| *state == LeaseState::Ended);
    report.leave(Kind::Lease, ended.map(|(path, _)| sized(path)));
    // What a run is at cannot be told from what one has left, so it is not called left while one runs.
    if report.running == 0 {
        report.leave(Kind::Incoming, hashes_in(&store.incoming())?.into_iter().map(sized));
        report.leave(Kind::Partial, hashes_in(&store.partial())?.into_iter().map(sized));
    }
    // What a purge has taken that runs at this time is no leftover: it sweeps next.
    let is_left = |folder: &PathBuf| folder.parent().is_none_or(|batch| maker(batch) != Maker::Living);
    report.leave(Kind::Unswept, unswept(store)?.into_iter().filter(is_left).map(sized));
    report.leave(Kind::Trash, ripe(store, what.grace, what.now)?.into_iter().map(sized));
    if !index_is_right(store, &report.builds)? {
        report.leave(Kind::Index, [("builds/index.json".to_owned(), 0)]);
    }
    Ok(())
}

fn hashes_in(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(StoreError::io("reading", folder))? {
        let entry = entry.map_err(StoreError::io("reading", folder))?;
        if entry.file_name().to_str().is_some_and(|name| name.parse::<Sha256>().is_ok()) {
            found.push(entry.path());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A store without builds need not have one.
fn index_is_right(store: &Store, builds: &[BuildNumber]) -> Result<bool, StoreError> {
    let path = store.builds().join("index.json");
    match fs::read(&path) {
        Ok(bytes) => {
            Ok(serde_json::from_slice::<Vec<BuildNumber>>(&bytes).is_ok_and(|listed| listed == builds))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(builds.is_empty()),
        Err(error) => Err(StoreError::io("reading", &path)(error)),
    }
}

fn size_below(path: &Path) -> u64 {
    let Ok(there) = fs::symlink_metadata(path) else { return 0 };
    if !there.is_dir() {
        return there.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size_below(&entry.path())).sum()
}
