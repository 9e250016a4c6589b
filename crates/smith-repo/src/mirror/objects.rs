//! What lies under `objects`, found by listing its 256 folders instead of asking for each object.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::hash::Sha256;
use crate::mirror::parallel::each;
use crate::store::{Store, StoreError};

/// An object's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lying {
    pub(crate) size: u64,
    /// Which file it is; its other names have the same.
    pub(crate) inode: u64,
}

/// All objects of a store.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) by_hash: HashMap<Sha256, Lying>,
    /// Below `objects/sha256` and not named as an object is.
    pub(crate) foreign: Vec<String>,
}

type Entry = Result<(Sha256, Lying), String>;

impl Objects {
    /// The names alone, which is much cheaper than [`Objects::list`].
    pub(crate) fn names(store: &Store) -> Result<Vec<Sha256>, StoreError> {
        let found = shards(store, |shard, entry| named(shard, entry).map(Ok))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// With sizes and inodes.
    pub(crate) fn list(store: &Store) -> Result<Self, StoreError> {
        let look = |shard: &str, entry: &fs::DirEntry| -> Option<io::Result<Entry>> {
            let foreign = || format!("objects/sha256/{shard}/{}", entry.file_name().to_string_lossy());
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // A purge has just taken it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => return Some(Err(error)),
            };
            let lying = Lying { size: metadata.len(), inode: metadata.ino() };
            match named(shard, entry).filter(|_| metadata.is_file()) {
                Some(hash) => Some(Ok(Ok((hash, lying)))),
                None => Some(Ok(Err(foreign()))),
            }
        };
        let mut objects = Self::default();
        for entry in shards(store, look)?.into_iter().flatten() {
            match entry {
                Ok((hash, lying)) => {
                    objects.by_hash.insert(hash, lying);
                }
                Err(path) => objects.foreign.push(path),
            }
        }
        objects.foreign.sort_unstable();
        Ok(objects)
    }
}

fn named(shard: &str, entry: &fs::DirEntry) -> Option<Sha256> {
    let name = entry.file_name();
    let hex = format!("{shard}{}", name.to_str()?);
    // Only lower-case names are where an object is looked for.
    Sha256::from_hex(hex.as_bytes()).filter(|hash| hash.hex() == hex)
}

fn shards<R: Send>(
    store: &Store,
    look: impl Fn(&str, &fs::DirEntry) -> Option<io::Result<R>> + Sync,
) -> Result<Vec<Vec<R>>, StoreError> {
    let root = store.objects();
    let folders: Vec<String> = (0..=255u8).map(|shard| format!("{shard:02x}")).collect();
    let list = |shard: &String| -> Option<Result<Vec<R>, StoreError>> {
        let folder = root.join(shard);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(StoreError::io("reading", &folder)(error))),
        };
        let found = entries
            .filter_map(|entry| entry.map_or_else(|error| Some(Err(error)), |entry| look(shard, &entry)));
        Some(found.collect::<io::Result<_>>().map_err(StoreError::io("reading", &folder)))
    };
    each(&folders, list).into_iter().collect()
}
