//! The moments in which only one process may act: a number is given, a lease begun, a sweep made.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::{Store, StoreError};

/// A sweep of a million objects takes a few seconds; whoever holds the lock for longer is stuck.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The store's lock. Freed when it is dropped, or when the process dies.
#[derive(Debug)]
#[must_use]
pub struct Locked {
    /// None where there is nothing that could be locked, so that nobody else can write either.
    _file: Option<File>,
}

impl Store {
    /// Waits until nobody else holds the store.
    pub fn lock_now(&self) -> Result<Locked, StoreError> {
        let path = self.lock();
        let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = open.map_err(StoreError::io("opening", &path))?;
        let began = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < self.patience => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(Errno::WOULDBLOCK) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    let holder = holder.trim().chars().take(20).collect();
                    return Err(StoreError::Locked { holder, waited: self.patience.as_secs() });
                }
                Err(error) => return Err(StoreError::io("locking", &path)(error.into())),
            }
        }
        // Only for whoever waits in vain; a full disk must not keep anybody from purging.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Locked { _file: Some(file) })
    }

    /// The same for those who only look, and may not write here: beside others who look, as far as there is a lock to hold.
    pub(crate) fn lock_to_look(&self) -> Result<Locked, StoreError> {
        let path = self.lock();
        match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Err(error) if is_read_only(&error) => self.share(&path),
            // Whatever else is wrong is told by those who lock it.
            Ok(_) | Err(_) => self.lock_now(),
        }
    }

    fn share(&self, path: &Path) -> Result<Locked, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            // Nobody has locked it ever, or it cannot be read: whoever looks sees what is there now.
            Err(error) if error.kind() == ErrorKind::NotFound || is_read_only(&error) => {
                return Ok(Locked { _file: None });
            }
            Err(error) => return Err(StoreError::io("opening", path)(error)),
        };
        let began = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockShared) {
                Ok(()) => return Ok(Locked { _file: Some(file) }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < self.patience => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(Errno::WOULDBLOCK) => {
                    return Err(StoreError::Locked {
                        holder: "somebody".to_owned(),
                        waited: self.patience.as_secs(),
                    });
                }
                Err(error) => return Err(StoreError::io("locking", path)(error.into())),
            }
        }
    }
}

/// The store of somebody else, or a file system that is mounted to be read.
fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::store;

    #[test]
    fn those_who_may_only_look_share_the_lock_and_keep_writers_out() {
        let (_folder, store) = store();
        // Nobody has locked it yet.
        assert!(store.share(&store.lock()).expect("nothing to lock")._file.is_none());
        drop(store.lock_now().expect("locked"));
        let (one, two) = (store.share(&store.lock()), store.share(&store.lock()));
        let writer = File::open(store.lock()).expect("opened");
        let lock = |how| flock(&writer, how);
        assert_eq!(lock(FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK));
        drop((one.expect("shared"), two.expect("shared")));
        assert_eq!(lock(FlockOperation::NonBlockingLockExclusive), Ok(()));
    }
}
