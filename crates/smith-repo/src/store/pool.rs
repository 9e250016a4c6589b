//! The pool: every package file under the path that package indexes name.
//!
//! A path is written once. All builds share it, so that a client that read the index of one build can fetch from it while
//! a channel moves to the next; therefore the same path never changes its content.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::hash::Sha256;
use crate::name::{RelPath, UpstreamName};
use crate::store::{Store, StoreError};

/// A folder that is empty is taken away once in a purge; so often in a row is something else.
const TRIES: u32 = 16;

/// What became of a name in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolLink {
    Made,
    /// It was there, with this content.
    WasThere,
}

/// A path that has another content already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConflict {
    pub found: Sha256,
}

impl Store {
    /// Gives an object its name in the pool.
    pub fn link_pool(
        &self,
        upstream: &UpstreamName,
        path: &RelPath,
        hash: &Sha256,
    ) -> Result<PoolLink, StoreError> {
        let (object, name) = (self.object(hash), self.pool_file(upstream, path));
        match link(&object, &name) {
            Ok(()) => Ok(PoolLink::Made),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match self.pool_conflict(upstream, path, hash)? {
                    None if fs::symlink_metadata(&name).is_ok() => Ok(PoolLink::WasThere),
                    // What stood there of other content was being purged.
                    None => self.link_pool(upstream, path, hash),
                    Some(PoolConflict { found }) => Err(StoreError::Conflict {
                        upstream: upstream.clone(),
                        path: path.to_string(),
                        expected: *hash,
                        found,
                    }),
                }
            }
            Err(error) => Err(StoreError::io("linking", &name)(error)),
        }
    }

    /// Whether the path has another content than this. A path that does not exist is in nobody's way.
    pub fn pool_conflict(
        &self,
        upstream: &UpstreamName,
        path: &RelPath,
        hash: &Sha256,
    ) -> Result<Option<PoolConflict>, StoreError> {
        let name = self.pool_file(upstream, path);
        let there = match fs::symlink_metadata(&name) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("reading", &name)(error)),
        };
        let object = self.object(hash);
        if let Ok(object) = fs::metadata(&object)
            && (object.dev(), object.ino()) == (there.dev(), there.ino())
        {
            return Ok(None);
        }
        // A copy of the store may have lost its links; the content decides.
        match Sha256::of_file(&name) {
            Ok((found, _)) => Ok((found != *hash).then_some(PoolConflict { found })),
            // A purge has taken the name since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("reading", &name)(error)),
        }
    }
}

/// A hard link; folders on the way are made.
pub(super) fn link(object: &Path, name: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::hard_link(object, name) {
            // A purge may take an empty folder away between the two.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES && object.exists() => {
                tries += 1;
                match name.parent().map_or(Ok(()), fs::create_dir_all) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            linked => return linked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_changes_its_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        let (one, two) = (intake.put(b"one").expect("put"), intake.put(b"two").expect("put"));
        intake.settle().expect("settled");
        let upstream = UpstreamName::new("debian").expect("a name");
        let path = RelPath::new("main/a/a_1_all.deb").expect("a path");
        assert_eq!(store.link_pool(&upstream, &path, &one).expect("linked"), PoolLink::Made);
        assert_eq!(store.link_pool(&upstream, &path, &one).expect("linked"), PoolLink::WasThere);
        let error = store.link_pool(&upstream, &path, &two).expect_err("another content");
        let text = error.to_string();
        assert!(text.contains(&one.hex()) && text.contains(&two.hex()), "{text}");
        // A copy of the same content is as good as a link.
        let name = store.pool_file(&upstream, &path);
        fs::remove_file(&name).expect("removed");
        fs::write(&name, "one").expect("written");
        assert_eq!(store.link_pool(&upstream, &path, &one).expect("linked"), PoolLink::WasThere);
    }
}
