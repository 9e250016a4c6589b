//! What processes left that ended before they could clear up. Their names carry the number of the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::{Store, StoreError};

/// Takes away what dead processes left in these folders of a store.
pub(crate) fn clear(folders: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let left = left(folders)?;
    left.iter().try_for_each(|path| remove(path))?;
    Ok(left)
}

/// What dead processes left in these folders of a store.
pub(crate) fn left(folders: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let mut left = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).map_err(StoreError::io("reading", folder))? {
            let path = entry.map_err(StoreError::io("reading", folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if maker(name).is_some_and(|process| !is_alive(process)) {
                left.push(path);
            }
        }
    }
    left.sort_unstable();
    Ok(left)
}

/// All folders of a store where something is made under a temporary name.
pub(crate) fn folders(store: &Store) -> Vec<PathBuf> {
    let root = store.root().to_owned();
    let state = root.join("state");
    let mut folders = vec![root, state, store.builds(), store.channels(), store.incoming()];
    folders.extend([store.partial(), store.leases(), store.compressed()]);
    // Made by the first channel.
    folders.extend(Some(store.views()).filter(|views| views.exists()));
    // What is known of each suite.
    let upstreams = below(&store.root().join("state/upstream"));
    folders.extend(upstreams.iter().flat_map(|upstream| below(upstream)));
    folders
}

/// Folders in a folder; none where there is none.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Who made it: the number before the last.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(".tmp-")?.rsplit('-').nth(1)?.parse().ok()
}

pub(crate) fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
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
