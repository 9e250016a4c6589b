//! The disk of a machine: a file system in a file, which takes up what is written to it and no more.

use std::fs::File;
use std::path::Path;

use crate::error::{Doing as _, LabError};
use crate::tool::{SHORT, Tool};

/// What a machine has for its own changes: a whole upgrade with its downloads fits, and it is full soon enough.
const SIZE: u64 = 2 << 30;

pub(crate) fn make(path: &Path) -> Result<(), LabError> {
    let file = File::create(path).doing("making", path)?;
    file.set_len(SIZE).doing("making", path)?;
    // Nothing is kept back for root, which is all that runs there; the journal of the file system is as small as may be.
    Tool::new("mkfs.ext4", SHORT)
        .args([
            "-q",
            "-F",
            "-m",
            "0",
            "-J",
            "size=4",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
        ])
        .arg(path)
        .run()?;
    Ok(())
}
