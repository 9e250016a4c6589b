//! Whether a file system has room for what would come, seen before the first byte does.
//!
//! What lies on the same file system is linked and takes none.

use std::path::Path;

use crate::hash::Sha256;
use crate::mirror::sync::SyncError;
use crate::mirror::sync::local::links;
use crate::name::BuildNumber;
use crate::store::{Store, StoreError};

/// What a dry run has counted so far: a build that would come takes the room of those after it.
#[derive(Debug, Default)]
pub(crate) struct Coming {
    pub(crate) objects: std::collections::HashSet<Sha256>,
    bytes: u64,
}

impl Coming {
    /// Counts what is missing for a build, and refuses what does not fit any more.
    pub(super) fn fits(
        &mut self,
        store: &Store,
        build: BuildNumber,
        (missing, folders): (&[(Sha256, u64)], &[impl AsRef<Path>]),
    ) -> Result<(), SyncError> {
        let comes = |(hash, size): &&(Sha256, u64)| {
            !folders.iter().any(|folder| links(folder.as_ref(), store, (*hash, *size)))
        };
        let bytes = missing
            .iter()
            .filter(comes)
            .map(|(_, size)| size)
            .fold(0, |sum: u64, size| sum.saturating_add(*size));
        self.bytes = self.bytes.saturating_add(bytes);
        let (needed, free) = (self.bytes, free(store)?);
        if bytes == 0 || needed <= free {
            return Ok(());
        }
        Err(SyncError::Room { build, needed, free, place: store.root().to_owned() })
    }
}

/// A store that is only planned has the room of the folder that it would be in.
fn free(store: &Store) -> Result<u64, StoreError> {
    let there = store.root().ancestors().find(|folder| folder.exists()).unwrap_or(store.root());
    let found = rustix::fs::statvfs(there);
    let found = found.map_err(|error| StoreError::io("reading", there)(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
