//! Bringing things to the disk before they are relied on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::StoreError;

/// Up to so many files are synced one by one; more are cheaper with one sync of the whole file system.
pub(super) const SINGLE_MAX: usize = 48;

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A suffix that no other process and no other thread uses at this time.
pub(crate) fn unique() -> String {
    format!("{}-{}", std::process::id(), TEMPORARY.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let open = File::open(folder).map_err(StoreError::io("opening", folder))?;
    open.sync_all().map_err(StoreError::io("syncing", folder))
}

/// Everything that was written to the file system of this folder.
pub(crate) fn sync_file_system(folder: &Path) -> Result<(), StoreError> {
    let open = File::open(folder).map_err(StoreError::io("opening", folder))?;
    rustix::fs::syncfs(&open).map_err(|error| StoreError::io("syncing", folder)(error.into()))
}

/// A small file of ours: the old content or the new one, whatever happens.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".tmp-{name}-{}", unique()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    let written = write()
        .map_err(StoreError::io("writing", &temporary))
        .and_then(|()| fs::rename(&temporary, path).map_err(StoreError::io("renaming to", path)));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(folder))
}
