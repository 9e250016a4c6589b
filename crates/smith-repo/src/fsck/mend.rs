//! What is safe to put right: leftovers are taken up or cleared, permissions, names and lists made as they should
//! be. What is
//! damaged needs another store that has it, and a person where somebody's wish is not known.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::fsck::FsckError;
use crate::fsck::names::relink;
use crate::fsck::protection::protect;
use crate::mirror::{clear_stale, stale_folders, write_index};
use crate::retention::{empty_trash, empty_unpromised, finish_sweep, take_orphans};
use crate::store::{Store, StoreError};

/// Nobody is expected to go on with what failed a day ago, and so long a purged build can come back.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How old leftovers have to be that a run may yet take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Day,
    /// Somebody needs the room at once. Purged builds were promised for their day and stay for it.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Mended {
    pub cleared: u64,
    pub taken_in: u64,
    pub orphans: u64,
    pub protected: u64,
    /// Names that were files of their own and are links to their objects now.
    pub relinked: u64,
    /// Bytes that are free now.
    pub freed: u64,
}

pub fn mend(store: &Store, age: Age, now: Timestamp) -> Result<Mended, FsckError> {
    let age = match age {
        Age::Day => DAY,
        Age::Any => SignedDuration::ZERO,
    };
    let mut mended =
        Mended { cleared: clear_stale(&stale_folders(store))?.len() as u64, ..Mended::default() };
    let before = store.lease_states()?.len();
    store.leased(&store.lock_now()?)?;
    let after = store.lease_states()?.len();
    mended.cleared += before.saturating_sub(after) as u64;
    mended.taken_in = store.intake()?.settle()? as u64;
    finish_sweep(store, now)?;
    // While an operation runs, a download that stands still may be its own.
    if after == 0 {
        let (count, bytes) = old_downloads(store, age, now)?;
        mended.cleared += count;
        mended.freed += bytes;
    }
    let relinked = relink(store)?;
    mended.relinked = relinked.names;
    mended.freed += relinked.freed;
    mended.orphans = take_orphans(store, age, now)?;
    mended.freed += empty_trash(store, DAY, now)?;
    mended.freed += empty_unpromised(store, age, now)?;
    mended.protected = protect(store)?;
    write_index(store, &store.lock_now()?)?;
    Ok(mended)
}

fn old_downloads(store: &Store, age: SignedDuration, now: Timestamp) -> Result<(u64, u64), StoreError> {
    let (mut count, mut bytes) = (0, 0);
    let folder = store.partial();
    for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
        let path = entry.map_err(StoreError::io("reading", &folder))?.path();
        let metadata = fs::symlink_metadata(&path).map_err(StoreError::io("reading", &path))?;
        let written = Timestamp::from_second(metadata.mtime()).ok();
        if written.is_some_and(|at| now.duration_since(at) >= age) {
            fs::remove_file(&path).map_err(StoreError::io("removing", &path))?;
            count += 1;
            bytes += metadata.len();
        }
    }
    Ok((count, bytes))
}
