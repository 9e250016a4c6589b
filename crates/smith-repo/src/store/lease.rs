//! What a running operation relies on, so that a purge beside it leaves it alone.
//!
//! A lease is a file that names objects, locked for as long as its process lives. It is begun under the store's lock, and
//! a sweep reads all leases under that lock: so either the sweep sees the lease, or the operation sees what the sweep took.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::hash::Sha256;
use crate::store::sync::unique;
use crate::store::{Locked, Store, StoreError};

/// Held while an operation runs.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    path: PathBuf,
    _file: File,
}

/// Whether the operation of a lease runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseState {
    Held,
    Ended,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // One that stays behind is not locked, so the next sweep removes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// From now on no purge takes these objects. Look for them after this, not before.
    pub fn lease(&self, wanted: impl IntoIterator<Item = Sha256>) -> Result<Lease, StoreError> {
        let id = unique();
        let temporary = self.leases().join(format!(".tmp-{id}"));
        let path = self.leases().join(format!("{id}.lease"));
        let file = File::create(&temporary).map_err(StoreError::io("writing", &temporary))?;
        let written =
            flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from).and_then(|()| {
                let mut out = BufWriter::new(&file);
                wanted.into_iter().try_for_each(|hash| out.write_all(&hash.0))?;
                out.flush()
            });
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::io("writing", &temporary)(error));
        }
        let begun = self.lock_now().and_then(|locked| {
            fs::rename(&temporary, &path).map_err(StoreError::io("renaming to", &path))?;
            Ok(locked)
        });
        let locked = begun.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
        // Those of runs that were killed go with it.
        self.leased(&locked)?;
        Ok(Lease { path, _file: file })
    }

    /// All leases and whether somebody holds them.
    pub(crate) fn lease_states(&self) -> Result<Vec<(PathBuf, LeaseState)>, StoreError> {
        let mut states = Vec::new();
        let folder = self.leases();
        for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
            let path = entry.map_err(StoreError::io("reading", &folder))?.path();
            if path.extension().is_some_and(|extension| extension == "lease")
                && let Ok(file) = File::open(&path)
            {
                let is_free = flock(&file, FlockOperation::NonBlockingLockShared).is_ok();
                states.push((path, if is_free { LeaseState::Ended } else { LeaseState::Held }));
            }
        }
        states.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(states)
    }

    /// Everything that running operations rely on. Leases of dead processes are taken away.
    pub fn leased(&self, _: &Locked) -> Result<BTreeSet<Sha256>, StoreError> {
        let mut leased = BTreeSet::new();
        let folder = self.leases();
        for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
            let path = entry.map_err(StoreError::io("reading", &folder))?.path();
            if path.extension().is_some_and(|extension| extension == "lease") {
                read_lease(&path, &mut leased)?;
            }
        }
        Ok(leased)
    }
}

fn read_lease(path: &Path, leased: &mut BTreeSet<Sha256>) -> Result<(), StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // Its operation has just ended.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("opening", path)(error)),
    };
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        let _ = fs::remove_file(path);
        return Ok(());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(StoreError::io("reading", path))?;
    for hash in bytes.chunks_exact(32) {
        leased.insert(Sha256(hash.try_into().unwrap_or_default()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_seen_while_it_is_held_and_one_of_a_dead_process_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let (a, b) = (Sha256::of(b"a"), Sha256::of(b"b"));
        let lease = store.lease([a]).expect("a lease");
        // What a process that was killed leaves: the file, and nobody who locks it.
        let left = store.leases().join("1-1.lease");
        fs::write(&left, b.0).expect("written");
        let locked = store.lock_now().expect("free");
        assert_eq!(store.leased(&locked).expect("read"), BTreeSet::from([a]));
        assert!(!left.exists());
        drop(lease);
        assert_eq!(store.leased(&locked).expect("read"), BTreeSet::new());
    }
}
