//! `smith audit checkpoint`: the head of the journal, written down outside it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use smith_journal::{take_checkpoint, write_checkpoint};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output;

/// Add the journal's head to a file of checkpoints.
///
/// Kept where nobody who can write the journal can write, it proves later that the history was not written anew:
/// `smith audit verify --checkpoints FILE`, of the journal as of an export of some of its rows. Nothing is added for a journal with a bad row.
#[derive(Debug, Args)]
pub(super) struct Checkpoint {
    /// The journal file; a server may be writing it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file of checkpoints, one JSON object a line: `seq`, `hash`, `at` in milliseconds since 1970, and `root`
    #[arg(value_name = "CHECKPOINTS")]
    checkpoints: PathBuf,
}

pub(super) fn run(args: &Checkpoint) -> Result<Exit, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let noted = take_checkpoint(&input::open(&args.file)?, at)?;
    write_checkpoint(&args.checkpoints, &noted)?;
    output::data(&format!("head: {}\n", noted.head))?;
    Ok(Exit::Good)
}
