//! What processes left that ended before they could clear up. Their names carry the number of the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::{Store, StoreError, number_space};

/// Longer than any operation takes on one temporary thing: the largest build over a slow line.
const OUTLIVED: Duration = Duration::from_secs(7 * 24 * 3600);

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
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(b".tmp-") && maker(&path) == Maker::Dead {
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
    folders.extend([store.partial(), store.leases(), store.compressed(), store.trash()]);
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

/// Who made what has this name, which says it in its part before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Unknown,
    Own,
    Living,
    Dead,
}

pub(crate) fn maker(path: &Path) -> Maker {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(who) = name.rsplit('-').nth(1) else { return Maker::Unknown };
    let (space, process) = who.split_once('.').unwrap_or((number_space(), who));
    let Ok(process) = process.parse::<u32>() else { return Maker::Unknown };
    if space != number_space() {
        // Nobody here can see whether a process of another container or host lives; only time tells.
        return if is_old(path) { Maker::Dead } else { Maker::Living };
    }
    if process == std::process::id() {
        return Maker::Own;
    }
    if Path::new("/proc").join(process.to_string()).exists() { Maker::Living } else { Maker::Dead }
}

fn is_old(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > OUTLIVED))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::unique;

    #[test]
    fn nothing_of_a_living_process_or_of_another_container_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = number_space();
        let names = [
            (format!(".tmp-a-{}", unique()), Maker::Own),
            (format!(".tmp-b-{space}.1-0x1"), Maker::Living),
            (format!(".tmp-c-{space}.4194999-0x1"), Maker::Dead),
            (".tmp-d-4194999-0".to_owned(), Maker::Dead),
            // Its numbers say nothing here, and it is not old.
            (".tmp-e-99.4194999-0x1".to_owned(), Maker::Living),
            (".tmp-f".to_owned(), Maker::Unknown),
            ("index.json".to_owned(), Maker::Unknown),
        ];
        for (name, made_by) in &names {
            let path = folder.path().join(name);
            fs::write(&path, "x").expect("written");
            assert_eq!(maker(&path), *made_by, "{name}");
        }
        let old = folder.path().join(".tmp-e-99.4194999-0x1");
        let cleared = clear(&[folder.path().to_owned()]).expect("cleared");
        assert_eq!(cleared.len(), 2);
        let file = fs::File::options().write(true).open(&old).expect("there");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("aged");
        assert_eq!(clear(&[folder.path().to_owned()]).expect("cleared"), [old]);
    }
}
