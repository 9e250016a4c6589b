//! One process at a time writes a journal file: a lock on a file beside it, which the kernel gives back when the
//! process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct WriteLock {
    _file: File,
}

pub(super) enum Locking {
    Locked(WriteLock),
    /// Another holder has it.
    Busy,
}

pub(super) fn lock_path(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

/// The lock file stays behind when the lock is given back: to remove it would let two processes lock two files of the
/// same name.
pub(super) fn try_lock(journal: &Path) -> io::Result<Locking> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock_path(journal))?;
    match file.try_lock() {
        Ok(()) => Ok(Locking::Locked(WriteLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(Locking::Busy),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
