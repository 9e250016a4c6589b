//! The moments in which only one process may act: a number is given, a lease begun, a sweep made.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
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
    _file: File,
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
        Ok(Locked { _file: file })
    }
}
