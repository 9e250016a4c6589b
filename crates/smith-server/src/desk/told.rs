//! Whom a message has reached that has not reached all who want it.
//!
//! A message is brought again until all have it, and nobody is told twice for that. What is known of it lies on the disk as soon as
//! somebody is left out, so that a server that is started again knows it as well.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::files::write_whole;

/// Messages that are remembered, the newest ones. Each is brought for three days at most.
const MESSAGES_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Told {
    path: PathBuf,
    known: Mutex<Known>,
}

/// By the name of the message; a target is the digest of what the settings say of it, so that an edited one is another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Known(VecDeque<(String, BTreeSet<String>)>);

impl Told {
    /// What cannot be read is as if it was not there: somebody may be told twice, which is better than never.
    pub(super) fn open(path: &Path) -> Self {
        let known = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path: path.to_owned(), known: Mutex::new(known.unwrap_or_default()) }
    }

    pub(super) fn has_reached(&self, message: &str, target: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.0.iter().any(|(id, reached)| id == message && reached.contains(target))
    }

    /// It reached these, and somebody else it did not.
    pub(super) fn note(&self, message: &str, targets: BTreeSet<String>) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.0.iter_mut().find(|(id, _)| id == message) {
            Some((_, reached)) => reached.extend(targets),
            None => known.0.push_back((message.to_owned(), targets)),
        }
        if known.0.len() > MESSAGES_MAX {
            known.0.pop_front();
        }
        self.keep(&known)
    }

    /// Everybody has it.
    pub(super) fn forget(&self, message: &str) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.0.len();
        known.0.retain(|(id, _)| id != message);
        if known.0.len() == before { Ok(()) } else { self.keep(&known) }
    }

    /// The lock is held meanwhile, so that the newest is what lies there.
    fn keep(&self, known: &Known) -> io::Result<()> {
        write_whole(&self.path, &serde_json::to_vec(known).map_err(io::Error::other)?)
    }
}
