//! Checkpoints: heads that were written down outside the journal, one JSON object a line.
//!
//! A line counts once it ends; a torn last line was never acknowledged, is not read, and is cut off by the next write.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::row::{Hash, Head};

/// A head and when it was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    #[serde(flatten)]
    pub head: Head,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The root of the tree over the rows up to it. The hash proves them to whoever has them all, the root also single ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Hash>,
}

#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error("the checkpoint file {} could not be {doing}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("expected a checkpoint in line {line} of {}, found {found}", path.display())]
    BadLine { path: PathBuf, line: usize, found: String },
}

/// Adds one line to the file; it is on the disk when this returns.
pub fn write_checkpoint(path: &Path, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let failed = |source| CheckpointError::Io { doing: "written", path: path.to_owned(), source };
    append_line(path, checkpoint).map_err(failed)
}

fn append_line(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut line = serde_json::to_vec(checkpoint)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    file.write_all(&line)?;
    file.sync_all()?;
    if text.is_empty() { sync_folder(path) } else { Ok(()) }
}

/// A new file survives a power cut only when its folder is on the disk as well.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// All checkpoints of a file, in the order in which they were written.
pub fn read_checkpoints(path: &Path) -> Result<Vec<Checkpoint>, CheckpointError> {
    let failed = |source| CheckpointError::Io { doing: "read", path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(failed)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut checkpoints = Vec::new();
    for (index, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let checkpoint = serde_json::from_slice(line).map_err(|error| CheckpointError::BadLine {
            path: path.to_owned(),
            line: index + 1,
            found: error.to_string(),
        })?;
        checkpoints.push(checkpoint);
    }
    Ok(checkpoints)
}
