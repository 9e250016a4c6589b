//! Remembers what was packed: packing costs a hundred times what hashing does, and most indexes stay as they are.
//!
//! Only hashes are kept here; the bytes are objects of the store, and what is no longer there is made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::index::IndexError;
use crate::index::compress::{Blob, Compression, Text, compress, threads};
use crate::store::{Intake, Store, StoreError, write_atomically};

/// Three entries of 200 bytes, with room for what others may add.
const BYTES_MAX: u64 = 64 * 1024;

const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    format: u32,
    text: Sha256,
    blobs: BTreeMap<Compression, Packed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Packed {
    recipe: String,
    #[serde(flatten)]
    blob: Blob,
}

/// The text packed in each of these ways; only what is not there yet is made.
pub(super) fn packed(
    store: &Store,
    intake: &Intake<'_>,
    hash: &Sha256,
    text: &dyn Text,
    wanted: &BTreeSet<Compression>,
) -> Result<BTreeMap<Compression, Blob>, IndexError> {
    let path = store.compressed().join(format!("{hash}.json"));
    let mut known = read(&path, hash);
    known.retain(|kind, packed| packed.recipe == kind.recipe() && intake.has(&packed.blob.sha256));
    let missing: BTreeSet<Compression> =
        wanted.iter().filter(|kind| !known.contains_key(kind)).copied().collect();
    if !missing.is_empty() {
        for (kind, blob) in compress(text, &missing, intake, threads())? {
            known.insert(kind, Packed { recipe: kind.recipe(), blob });
        }
        let entry = Entry { format: FORMAT, text: *hash, blobs: known.clone() };
        // Serialising maps of plain values cannot fail; without the entry the next run packs again.
        if let Ok(json) = serde_json::to_vec(&entry) {
            write_atomically(&path, &json)?;
        }
    }
    known.retain(|kind, _| wanted.contains(kind));
    Ok(known.into_iter().map(|(kind, packed)| (kind, packed.blob)).collect())
}

/// Takes away what is remembered of texts whose packed forms are all gone, as a purge leaves it. Answers how many.
pub fn forget_packed(store: &Store) -> Result<usize, IndexError> {
    let (folder, mut forgotten) = (store.compressed(), 0);
    for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
        let path = entry.map_err(StoreError::io("reading", &folder))?.path();
        let named = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let Some(hash) = named else { continue };
        if read(&path, &hash).values().any(|packed| store.has(&packed.blob.sha256)) {
            continue;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("removing", &path)(error).into());
            }
            Ok(()) | Err(_) => forgotten += 1,
        }
    }
    Ok(forgotten)
}

/// An entry that cannot be read is as good as none.
fn read(path: &PathBuf, hash: &Sha256) -> BTreeMap<Compression, Packed> {
    let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= BYTES_MAX);
    let bytes = if is_small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    match serde_json::from_slice::<Entry>(&bytes) {
        Ok(entry) if entry.format == FORMAT && entry.text == *hash => entry.blobs,
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Counted(AtomicU32);

    impl Text for Counted {
        fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            out.write_all(b"text")
        }
    }

    #[test]
    fn nothing_is_packed_twice_while_it_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let (text, hash) = (Counted(AtomicU32::new(0)), Sha256::of(b"text"));
        let pack = |wanted: &[Compression]| {
            let intake = store.intake().expect("an intake");
            let wanted = wanted.iter().copied().collect();
            let blobs = packed(&store, &intake, &hash, &text, &wanted).expect("packed");
            intake.settle().expect("settled");
            (blobs, text.0.swap(0, Ordering::Relaxed))
        };
        let (one, count) = pack(&[Compression::Gz]);
        assert_eq!((one.len(), count), (1, 1));
        assert_eq!(pack(&[Compression::Gz]), (one.clone(), 0));
        let (all, count) = pack(&Compression::ALL);
        assert_eq!((all.len(), count, all[&Compression::Gz]), (3, 1, one[&Compression::Gz]));
        assert_eq!(pack(&[Compression::Xz]).1, 0);
        fs::remove_file(store.object(&all[&Compression::Xz].sha256)).expect("removed");
        assert_eq!(pack(&Compression::ALL), (all.clone(), 1));
        let path = store.compressed().join(format!("{hash}.json"));
        fs::write(&path, fs::read_to_string(&path).expect("read").replace("level 6", "level 1"))
            .expect("written");
        assert_eq!(pack(&Compression::ALL), (all.clone(), 1));
        fs::write(&path, "nonsense").expect("written");
        assert_eq!(pack(&Compression::ALL), (all.clone(), 1));
        assert_eq!(forget_packed(&store).expect("swept"), 0);
        for blob in all.values() {
            fs::remove_file(store.object(&blob.sha256)).expect("removed");
        }
        assert_eq!(forget_packed(&store).expect("swept"), 1);
        assert_eq!(fs::read_dir(store.compressed()).expect("read").count(), 0);
    }
}
