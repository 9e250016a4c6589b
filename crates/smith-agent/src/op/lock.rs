//! Locks that the kernel lets go of when their holder dies, however it dies. So whether somebody is alive needs no process
//! id, which another process may have by now.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Between two tries. Locks are held either for milliseconds or as long as an operation runs.
const AGAIN: Duration = Duration::from_millis(10);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    file: File,
}

impl Held {
    /// The lock's own file, where its holder says who it is.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// The lock, if nobody has it.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<Held>> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The lock, if it becomes free in time.
pub(crate) fn wait_lock(path: &Path, limit: Duration) -> io::Result<Option<Held>> {
    let begun = Instant::now();
    loop {
        match try_lock(path)? {
            None if begun.elapsed() < limit => thread::sleep(AGAIN),
            held => return Ok(held),
        }
    }
}
