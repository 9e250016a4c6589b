//! A download in progress, which another run may take up where this one ends.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::hash::{Hashing, Sha256};
use crate::store::sync::unique;
use crate::store::{Intake, Store, StoreError};

/// A file that grows until it has the expected size and hash. Only one process writes it.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    expected: Sha256,
    size: u64,
    out: Hashing<File>,
}

impl Store {
    /// What is there of an object so far; nothing, if somebody else is at it.
    pub fn partial_of(&self, expected: Sha256, size: u64) -> Result<Partial, StoreError> {
        let path = self.partial().join(expected.hex());
        let open = |path: &PathBuf| {
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
        };
        let (mut path, mut file) = (path.clone(), open(&path).map_err(StoreError::io("opening", &path))?);
        let is_ours = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&file, &path);
        if !is_ours {
            // Another process is at it, or has just handed it over and what we opened is an object by now.
            path = self.partial().join(format!(".tmp-{}", unique()));
            file = open(&path).map_err(StoreError::io("opening", &path))?;
        }
        let mut partial = Partial { path, expected, size, out: Hashing::new(file) };
        partial.catch_up()?;
        Ok(partial)
    }
}

impl Partial {
    /// Bytes that are there already.
    pub fn length(&self) -> u64 {
        self.out.written()
    }

    /// Forgets what is there: it turned out to be something else.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        let file = self.out.inner_mut();
        let cut = file.set_len(0).and_then(|()| file.rewind());
        cut.map_err(StoreError::io("emptying", &self.path))?;
        let file = self.out.inner_mut().try_clone().map_err(StoreError::io("opening", &self.path))?;
        self.out = Hashing::new(file);
        Ok(())
    }

    /// The next bytes. More than were expected are refused before they are written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.length() + bytes.len() as u64 > self.size {
            let found = format!("at least {} bytes", self.length() + bytes.len() as u64);
            return Err(StoreError::Damaged { expected: self.expected, size: self.size, found });
        }
        self.out.write_all(bytes).map_err(StoreError::io("writing", &self.path))
    }

    /// Hands it over if it is what was expected; takes it away if it is not.
    pub fn finish(self, intake: &Intake<'_>) -> Result<(), StoreError> {
        let Self { path, expected, size, mut out } = self;
        // Locked until it has its new name: another who waits for the lock must not hand it over again.
        let _locked = out.inner_mut().try_clone().map_err(StoreError::io("opening", &path))?;
        let (hash, length) = out.finish();
        if hash == expected && length == size {
            return intake.adopt(&path, expected);
        }
        let _ = fs::remove_file(&path);
        let found = format!("sha256 {hash} of {length} bytes");
        Err(StoreError::Damaged { expected, size, found })
    }

    /// Hashes what an earlier run has written.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let file = self.out.inner_mut().try_clone().map_err(StoreError::io("opening", &self.path))?;
        let length = file.metadata().map_err(StoreError::io("reading", &self.path))?.len();
        if length > self.size {
            return self.restart();
        }
        let mut hashing = Hashing::new(io::sink());
        let mut reader = &file;
        io::copy(&mut reader, &mut hashing).map_err(StoreError::io("reading", &self.path))?;
        // The rest is hashed on from here, so the hasher moves over to the file.
        self.out = hashing.map(|_| file);
        let at =
            self.out.inner_mut().seek(SeekFrom::End(0)).map_err(StoreError::io("reading", &self.path))?;
        if at != self.out.written() {
            return self.restart();
        }
        Ok(())
    }
}

/// Whether the file still has this name.
fn is_at(file: &File, path: &Path) -> bool {
    let inode =
        |metadata: io::Result<Metadata>| metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let here = inode(file.metadata());
    here.is_some() && here == inode(fs::symlink_metadata(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let whole = Sha256::of(b"hello world");
        let mut partial = store.partial_of(whole, 11).expect("begun");
        partial.write(b"hello ").expect("written");
        drop(partial);
        let mut partial = store.partial_of(whole, 11).expect("taken up");
        assert_eq!(partial.length(), 6);
        // Somebody else at the same time begins anew, beside it.
        assert_eq!(store.partial_of(whole, 11).expect("beside").length(), 0);
        partial.write(b"world").expect("written");
        let intake = store.intake().expect("an intake");
        partial.finish(&intake).expect("good");
        intake.settle().expect("settled");
        assert_eq!(fs::read(store.object(&whole)).expect("there"), b"hello world");
    }

    #[test]
    fn what_is_too_long_or_something_else_is_refused_and_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        let whole = Sha256::of(b"hello");
        let mut partial = store.partial_of(whole, 5).expect("begun");
        assert!(partial.write(b"hello!").is_err());
        partial.restart().expect("restarted");
        partial.write(b"jello").expect("written");
        let error = partial.finish(&intake).expect_err("another hash");
        assert!(error.to_string().contains("sha256"), "{error}");
        assert!(!store.partial().join(whole.hex()).exists());
        // A file that an earlier run left longer than it may be is begun anew.
        fs::write(store.partial().join(whole.hex()), "hello world").expect("written");
        assert_eq!(store.partial_of(whole, 5).expect("begun").length(), 0);
    }
}
