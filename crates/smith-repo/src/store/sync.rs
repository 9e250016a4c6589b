//! Bringing things to the disk before they are relied on.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::StoreError;

/// Up to so many files are synced one by one; more are cheaper with one sync of the whole file system.
pub(super) const SINGLE_MAX: usize = 48;

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A suffix that no other process and no other thread uses: who, and then which.
///
/// Processes of two containers may have the same number, so it says in which space of numbers it is one, and the rest is
/// drawn.
pub(crate) fn unique() -> String {
    let drawn = std::hash::RandomState::new().build_hasher().finish();
    let count = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    format!("{}.{}-{count}x{drawn:016x}", number_space(), std::process::id())
}

/// The space in which the numbers of processes that this one sees are.
pub(crate) fn number_space() -> &'static str {
    static SPACE: OnceLock<String> = OnceLock::new();
    SPACE.get_or_init(|| {
        let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() { "0".to_owned() } else { digits }
    })
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
