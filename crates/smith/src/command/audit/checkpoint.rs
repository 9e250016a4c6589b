//! `smith audit checkpoint`: the head of the journal, written down outside it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use smith_journal::{Checkpoint as Noted, Head, verify, write_checkpoint};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output;

/// Add the journal's head to a file of checkpoints.
///
/// Kept where nobody who can write the journal can write, it proves later that the history was not written anew:
/// `smith audit verify --checkpoints FILE`. Nothing is added for a journal with a bad row.
#[derive(Debug, Args)]
pub(super) struct Checkpoint {
    /// The journal file; a server may be writing it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file of checkpoints, one JSON object a line: `seq`, `hash` and `at` in milliseconds since 1970
    #[arg(value_name = "CHECKPOINTS")]
    checkpoints: PathBuf,
}

pub(super) fn run(args: &Checkpoint) -> Result<Exit, Failure> {
    let verified = verify(&input::open(&args.file)?, Head::GENESIS, &[])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    write_checkpoint(&args.checkpoints, &Noted { head: verified.head, at })?;
    output::data(&format!("head: {}\n", verified.head))?;
    Ok(Exit::Good)
}
