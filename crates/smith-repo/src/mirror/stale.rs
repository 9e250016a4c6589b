//! What processes left that ended before they could clear up. Their names carry the number of the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::{Store, StoreError};

/// Takes away what dead processes left in these folders of a store.
pub(crate) fn clear(folders: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let mut cleared = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).map_err(StoreError::io("reading", folder))? {
            let path = entry.map_err(StoreError::io("reading", folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if maker(name).is_some_and(is_dead) {
                remove(&path)?;
                cleared.push(path);
            }
        }
    }
    cleared.sort_unstable();
    Ok(cleared)
}

/// All folders of a store where something is made under a temporary name.
pub(super) fn folders(store: &Store) -> Vec<PathBuf> {
    let root = store.root().to_owned();
    let state = root.join("state");
    vec![root, state, store.builds(), store.channels(), store.incoming(), store.partial(), store.leases()]
}

/// Who made it: the number before the last.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(".tmp-")?.rsplit('-').nth(1)?.parse().ok()
}

fn is_dead(process: u32) -> bool {
    !Path::new("/proc").join(process.to_string()).exists()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        // Somebody else clears up at the same time.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("removing", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
