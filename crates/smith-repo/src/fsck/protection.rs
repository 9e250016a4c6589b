//! What others may read or write.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::fsck::Damage;
use crate::mirror::Objects;
use crate::store::{Store, StoreError};

/// Nobody but the owner sees secret keys.
const FOR_OTHERS: u32 = 0o077;

/// An object is written once; all its names would change with it.
const WRITABLE: u32 = 0o222;

/// Everything whose permissions let somebody do what nobody may.
pub(super) fn unprotected(store: &Store) -> Result<Vec<Damage>, StoreError> {
    let mut found: Vec<Damage> = open_keys(store)?
        .into_iter()
        .map(|(path, mode)| wrong(store, &path, "nobody else to have access", mode))
        .collect();
    for (path, mode) in writable_objects(store)? {
        found.push(wrong(store, &path, "a file that nobody may write", mode));
    }
    Ok(found)
}

/// Takes away what is too much.
pub(super) fn protect(store: &Store) -> Result<u64, StoreError> {
    let too_open: Vec<(PathBuf, u32)> =
        open_keys(store)?.into_iter().map(|(path, mode)| (path, mode & !FOR_OTHERS)).collect();
    let objects = writable_objects(store)?.into_iter().map(|(path, mode)| (path, mode & !WRITABLE));
    let mut protected = 0;
    for (path, mode) in too_open.into_iter().chain(objects) {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(StoreError::io("protecting", &path))?;
        protected += 1;
    }
    Ok(protected)
}

fn open_keys(store: &Store) -> Result<Vec<(PathBuf, u32)>, StoreError> {
    let folder = store.keys();
    let mut open = Vec::new();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(open),
        // Whoever may not look into it finds it as it should be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(open),
        Err(error) => return Err(StoreError::io("reading", &folder)(error)),
    };
    // Inside of a folder that nobody else may enter the files are safe, and are yet kept so.
    let mut paths = vec![folder.clone()];
    for entry in entries {
        paths.push(entry.map_err(StoreError::io("reading", &folder))?.path());
    }
    for path in paths {
        open.extend(mode_of(&path)?.filter(|mode| mode & FOR_OTHERS != 0).map(|mode| (path, mode)));
    }
    Ok(open)
}

fn writable_objects(store: &Store) -> Result<Vec<(PathBuf, u32)>, StoreError> {
    let mut found = Vec::new();
    for hash in Objects::names(store)? {
        let path = store.object(&hash);
        found.extend(mode_of(&path)?.filter(|mode| mode & WRITABLE != 0).map(|mode| (path, mode)));
    }
    Ok(found)
}

fn mode_of(path: &Path) -> Result<Option<u32>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.mode() & 0o7777)),
        // A purge has just taken it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("reading", path)(error)),
    }
}

fn wrong(store: &Store, path: &Path, expected: &str, mode: u32) -> Damage {
    let path = path.strip_prefix(store.root()).unwrap_or(path).to_string_lossy().into_owned();
    Damage { path, expected: expected.to_owned(), found: format!("mode {mode:04o}") }
}
