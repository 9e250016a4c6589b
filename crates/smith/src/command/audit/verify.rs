//! `smith audit verify`: whether the journal still says what was written.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_journal::codec::Codec;
use smith_journal::{Head, VerifyError, read_checkpoints, refold, verify};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, GOOD, counted, styled};

/// Recompute the journal's hash chain and name the first bad row.
///
/// The chain alone proves that the rows belong together; checkpoints kept elsewhere also prove that nobody wrote the
/// whole history anew. Ends with 4 when a row is bad.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The journal file; a server may be writing it
    #[arg(value_name = "FILE", env = "SMITH_JOURNAL")]
    file: PathBuf,
    /// Compare with checkpoints that were written down outside the journal
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    good: bool,
    rows: Option<u64>,
    head: Option<Head>,
    checkpoints: usize,
    first_bad_row: Option<u64>,
    problem: Option<String>,
}

pub(super) fn run(args: &Verify) -> Result<Exit, Failure> {
    let reader = input::open(&args.file)?;
    let checkpoints = match &args.checkpoints {
        Some(path) => read_checkpoints(path)?,
        None => Vec::new(),
    };
    let compared = checkpoints.len();
    if args.checkpoints.is_some() && checkpoints.is_empty() {
        let error = "expected at least one checkpoint in the file, found none";
        return Err(Failure::new(Exit::BadInput, error)
            .with_hint("`smith audit checkpoint JOURNAL FILE` adds the present one"));
    }
    let verified = verify(&reader, Head::GENESIS, &checkpoints);
    if verified.is_ok() {
        // Rows that agree with each other may still tell of what cannot be, and a snapshot of something else.
        refold(&reader, &Codec::default())?;
    }
    match verified {
        Ok(verified) if args.json => {
            let (rows, head) = (Some(verified.rows), Some(verified.head));
            output::json(&Report {
                good: true,
                rows,
                head,
                checkpoints: compared,
                first_bad_row: None,
                problem: None,
            })?;
            Ok(Exit::Good)
        }
        Ok(verified) => {
            let rows = counted(verified.rows, "row");
            let beside = match compared {
                0 => String::new(),
                n => format!(" and with {}", counted(n as u64, "checkpoint")),
            };
            let good = styled(GOOD, "good:");
            output::data(&format!("{good} {rows} agree with each other{beside}\nhead: {}\n", verified.head))?;
            Ok(Exit::Good)
        }
        Err(VerifyError::Broken(broken)) if args.json => {
            let (first_bad_row, problem) = (Some(broken.seq().0), Some(broken.to_string()));
            output::json(&Report {
                good: false,
                rows: None,
                head: None,
                checkpoints: compared,
                first_bad_row,
                problem,
            })?;
            Ok(Exit::BrokenJournal)
        }
        Err(VerifyError::Broken(broken)) => {
            let hint = match broken.seq().0.saturating_sub(1) {
                0 => "no row before it can be vouched for".to_owned(),
                before => format!("everything up to row {before} is as it was written"),
            };
            Err(Failure::from(VerifyError::Broken(broken)).with_hint(hint))
        }
        Err(error @ VerifyError::Read(_)) => Err(error.into()),
    }
}
