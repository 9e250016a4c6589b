//! Objects and names that no build refers to: what runs that were given up had brought.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::hash::Sha256;
use crate::mirror::Objects;
use crate::retention::RetentionError;
use crate::retention::sweep::{Living, Trash, prune, remove};
use crate::store::{Store, StoreError};

/// Something that no build refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Below the store's folder.
    pub path: String,
    pub bytes: u64,
    pub since: Timestamp,
}

/// Objects, and names in the pool, that no live build, no archived one and no running operation refers to.
///
/// Names are only those that lead to an object: other files in the pool are somebody else's.
pub fn orphans(store: &Store) -> Result<Vec<Orphan>, RetentionError> {
    let living = Living::read(store, &store.lock_to_look()?)?;
    let mut orphans = Vec::new();
    for hash in Objects::names(store)?.into_iter().filter(|hash| !living.objects.contains(hash)) {
        let path = store.object(&hash);
        orphans.extend(seen(store, &path)?);
    }
    let pool = store.root().join("pool");
    let mut names = Vec::new();
    files_below(&pool, &mut |path, metadata| {
        let name = path.strip_prefix(&pool).unwrap_or(path).to_string_lossy().into_owned();
        if metadata.nlink() > 1 && !living.paths.contains(name.as_str()) {
            names.push((path.to_owned(), metadata.ino()));
        }
    })?;
    let leased: BTreeSet<u64> = living.leased.iter().filter_map(|hash| inode(&store.object(hash))).collect();
    for (path, inode) in names {
        if !leased.contains(&inode) {
            orphans.extend(seen(store, &path)?.map(|orphan| Orphan { bytes: 0, ..orphan }));
        }
    }
    orphans.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(orphans)
}

/// Moves orphans that are older than this into the trash, names into nothing. What a run brings in at this time stays.
pub fn take_orphans(store: &Store, age: SignedDuration, now: Timestamp) -> Result<u64, RetentionError> {
    let old: Vec<Orphan> =
        orphans(store)?.into_iter().filter(|orphan| now.duration_since(orphan.since) >= age).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let trash = Trash::new(store, now, "orphans")?;
    let locked = store.lock_now()?;
    let living = Living::read(store, &locked)?;
    let mut taken = 0;
    for orphan in old {
        let path = store.root().join(&orphan.path);
        if let Some(name) = orphan.path.strip_prefix("pool/") {
            if !living.paths.contains(name)
                && !living.leased.iter().any(|hash| inode(&store.object(hash)) == inode(&path))
            {
                remove(&path)?;
                prune(&path, &store.root().join("pool"));
                taken += 1;
            }
            continue;
        }
        let hex: String = orphan.path.trim_start_matches("objects/sha256/").replace('/', "");
        let Ok(hash) = hex.parse::<Sha256>() else { continue };
        if !living.objects.contains(&hash) && trash.take_if_there(&path, &hash.hex())? {
            taken += 1;
        }
    }
    Ok(taken)
}

fn seen(store: &Store, path: &Path) -> Result<Option<Orphan>, StoreError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("reading", path)(error)),
    };
    // When it got its name here, which a link or a rename changes and the time of its content does not tell.
    let since = Timestamp::from_second(metadata.ctime()).unwrap_or(Timestamp::MAX);
    let path = path.strip_prefix(store.root()).unwrap_or(path).to_string_lossy().into_owned();
    Ok(Some(Orphan { path, bytes: metadata.len(), since }))
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

fn files_below(folder: &Path, see: &mut dyn FnMut(&Path, &fs::Metadata)) -> Result<(), StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A purge has taken it away since it was seen, as it does with folders that are empty.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("reading", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("reading", folder))?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => files_below(&entry.path(), see)?,
            Ok(metadata) if metadata.is_file() => see(&entry.path(), &metadata),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading", &entry.path())(error)),
        }
    }
    Ok(())
}
