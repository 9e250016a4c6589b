//! Bulky facts beside a journal: a folder of files, each named by the SHA-256 of what it holds. Events name them by it, so that the
//! journal's chain commits to every byte of them.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::chain::sha256;
use crate::checkpoint::sync_folder;
use crate::proof::MAX_ATTACHED_BYTES;
use crate::row::Hash;

/// Package lists shrink about sixfold at level 3; higher levels gain a few percent for several times the work.
const LEVEL: i32 = 3;

/// `blobs/sha256/ab/ab12….zst`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFolder {
    root: PathBuf,
}

#[derive(Debug, Error)]
pub enum BlobFault {
    #[error("{} could not be {doing}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is damaged: expected content with SHA-256 {expected}, found {found}", path.display())]
    Damaged { path: PathBuf, expected: Hash, found: String },
}

/// The number of a file that is being written; two threads may keep the same content at once.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl BlobFolder {
    /// The folder beside a journal in this data folder.
    pub fn beside(data: &Path) -> Self {
        Self { root: data.join("blobs").join("sha256") }
    }

    fn path(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root.join(&name[..2]).join(format!("{name}.zst"))
    }

    /// Keeps the bytes; they are on the disk when it returns. The same bytes again are written only if they are not there whole.
    pub fn put(&self, bytes: &[u8]) -> Result<Hash, BlobFault> {
        let hash = sha256(bytes);
        let path = self.path(hash);
        let failed = |source| BlobFault::Io { doing: "written", path: path.clone(), source };
        if bytes.len() > MAX_ATTACHED_BYTES {
            let text = format!("expected at most {MAX_ATTACHED_BYTES} bytes, found {}", bytes.len());
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        if matches!(self.get(hash), Ok(Some(_))) {
            return Ok(hash);
        }
        let packed = zstd::bulk::compress(bytes, LEVEL).map_err(failed)?;
        self.write(&path, &packed).map_err(failed)?;
        Ok(hash)
    }

    fn write(&self, path: &Path, packed: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        let is_new = !folder.is_dir();
        fs::create_dir_all(folder)?;
        if is_new {
            // The folders above may be new as well; each lives only once the one above it is on the disk.
            folder.ancestors().take(3).try_for_each(sync_folder)?;
        }
        let beside =
            folder.join(format!(".{}-{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut file = File::create(&beside)?;
        let written =
            file.write_all(packed).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // What cannot be taken away either is small, and is never read.
            let _ = fs::remove_file(&beside);
        }
        written?;
        sync_folder(path)
    }

    /// The bytes with this hash, checked; nothing where they are not there.
    pub fn get(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobFault> {
        let path = self.path(hash);
        let failed = |source| BlobFault::Io { doing: "read", path: path.clone(), source };
        let mut packed = Vec::new();
        // Nothing that was kept is longer packed than it may be unpacked.
        let limit = 2 * MAX_ATTACHED_BYTES as u64;
        match File::open(&path) {
            Ok(file) => file.take(limit).read_to_end(&mut packed).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let damaged = |found: String| BlobFault::Damaged { path: path.clone(), expected: hash, found };
        let bytes = zstd::bulk::decompress(&packed, MAX_ATTACHED_BYTES)
            .map_err(|error| damaged(error.to_string()))?;
        let found = sha256(&bytes);
        if found == hash { Ok(Some(bytes)) } else { Err(damaged(found.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_damaged_is_said() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = BlobFolder::beside(data.path());
        let text = "openssl 3.0.17-1 -> 3.0.18-1\n".repeat(100);
        let hash = folder.put(text.as_bytes()).expect("it is kept");
        assert_eq!(folder.get(hash).expect("it is there").as_deref(), Some(text.as_bytes()));
        assert!(folder.get(Hash::GENESIS).expect("nothing").is_none());
        let path = folder.path(hash);
        assert!(path.starts_with(data.path().join("blobs/sha256")), "{}", path.display());
        let whole = fs::read(&path).expect("a file");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("a torn file");
            assert!(matches!(folder.get(hash), Err(BlobFault::Damaged { .. })), "{length}");
        }
        // Keeping it again heals it.
        assert_eq!(folder.put(text.as_bytes()).expect("it is kept"), hash);
        assert!(folder.get(hash).expect("it is there").is_some());
        let long = vec![0; MAX_ATTACHED_BYTES + 1];
        assert!(matches!(folder.put(&long), Err(BlobFault::Io { doing: "written", .. })));
    }
}
