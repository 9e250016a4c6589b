//! How far spans have got, on the disk: what comes after it is sent by the next server.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::write_whole;

/// The file in the data folder.
const NAME: &str = "telemetry.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The hash of the journal's first row: numbers of rows say nothing about another journal.
    pub(super) journal: String,
    #[serde(flatten)]
    pub(super) reached: Reached,
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Reached {
    /// All that ended up to this row was taken by a collector, or was given up.
    pub(super) sent: u64,
    /// The row that the oldest trace began with which was open then; the one after `sent` if none was.
    pub(super) since: u64,
}

/// Where the cursor lies.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn in_folder(data: &Path) -> Self {
        Self(data.join(NAME))
    }

    /// What cannot be read is as if it was not there: what ended while nobody could send it is lost then.
    pub(super) fn read(&self) -> Option<Cursor> {
        std::fs::read(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    pub(super) fn write(&self, cursor: &Cursor) -> io::Result<()> {
        write_whole(&self.0, &serde_json::to_vec(cursor).map_err(io::Error::other)?)
    }
}
