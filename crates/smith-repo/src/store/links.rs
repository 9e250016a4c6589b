//! Names that have become files of their own are led to their object again.
//!
//! A build that comes back from the trash may bring files that were brought anew meanwhile, and a copy of a store may have
//! lost its links: the content is right and lies there twice.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::hash::Sha256;
use crate::store::sync::unique;
use crate::store::{Store, StoreError};

impl Store {
    /// Whether this name is a file beside its object, which is there with its content. Where the object is bad, the name may
    /// be what mends it.
    pub(crate) fn is_loose(&self, name: &Path, hash: &Sha256) -> bool {
        let object = self.object(hash);
        let (Ok(there), Ok(meant)) = (fs::symlink_metadata(name), fs::symlink_metadata(&object)) else {
            return false;
        };
        there.is_file()
            && there.ino() != meant.ino()
            && Sha256::of_file(&object).is_ok_and(|(found, _)| found == *hash)
    }
}

/// Makes `name` another name of `file`; readers see the old one or the new one. Its folder is there.
pub(crate) fn lead(file: &Path, name: &Path) -> Result<(), StoreError> {
    let folder = name.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".tmp-{}", unique()));
    fs::hard_link(file, &temporary).map_err(StoreError::io("linking", &temporary))?;
    let renamed = fs::rename(&temporary, name).map_err(StoreError::io("renaming to", name));
    // A rename between two names of one file does nothing and leaves both.
    let _ = fs::remove_file(&temporary);
    renamed
}
