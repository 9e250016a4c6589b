//! Who may write to a bucket: many who bring builds, or one who takes some away.
//!
//! A store has leases for that; a bucket has nothing that ends with a process, so the site keeps a lock for each.

use std::fs::{self, File, OpenOptions};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::name::MirrorName;
use crate::store::{Store, StoreError};

/// Held as long as it is alive; the end of the process ends it.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error("mirror {name}: expected nobody else at work on it, found {found}")]
    Busy { name: MirrorName, found: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Turn {
    /// To bring something, beside others who do.
    pub fn to_bring(site: &Store, name: &MirrorName) -> Result<Self, TurnError> {
        Self::take(site, name, FlockOperation::NonBlockingLockShared, "a purge")
    }

    /// To take something away, alone.
    pub fn to_purge(site: &Store, name: &MirrorName) -> Result<Self, TurnError> {
        Self::take(site, name, FlockOperation::NonBlockingLockExclusive, "a sync, a repair or a purge")
    }

    fn take(
        site: &Store,
        name: &MirrorName,
        how: FlockOperation,
        found: &'static str,
    ) -> Result<Self, TurnError> {
        let folder = super::record::folder_of(site, name);
        fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
        let path = folder.join("turn");
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(StoreError::io("opening", &path))?;
        match flock(&file, how) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(TurnError::Busy { name: name.clone(), found }),
            Err(error) => Err(StoreError::io("locking", &path)(error.into()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::store;

    #[test]
    fn many_bring_and_one_purges() {
        let (_folder, site) = store();
        let name = MirrorName::new("s3-eu").expect("a name");
        let first = Turn::to_bring(&site, &name).expect("nobody is there");
        let second = Turn::to_bring(&site, &name).expect("two may bring");
        assert!(matches!(Turn::to_purge(&site, &name), Err(TurnError::Busy { .. })));
        drop((first, second));
        let purge = Turn::to_purge(&site, &name).expect("alone");
        let error = Turn::to_bring(&site, &name).expect_err("a purge is there").to_string();
        assert!(error.ends_with("found a purge"), "{error}");
        drop(purge);
        assert!(Turn::to_bring(&site, &name).is_ok());
    }
}
