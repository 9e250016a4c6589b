//! `smith audit import`: a journal from its text.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use smith_journal::codec::Codec;
use smith_journal::{Head, SqliteStore, import, refold};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, GOOD, counted, styled};

/// Make a journal of exported lines. Every line is verified on the way in, and nothing is kept if one is bad.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The exported lines; `-` reads standard input
    #[arg(value_name = "LINES")]
    lines: PathBuf,
    /// The new journal file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &Import) -> Result<Exit, Failure> {
    let lines: Box<dyn BufRead + Send> = if args.lines.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let failed = |source| input::unreadable("exported lines", &args.lines, source);
        Box::new(BufReader::new(File::open(&args.lines).map_err(failed)?))
    };
    let is_new = !args.file.exists();
    let head = imported(&args.file, lines).inspect_err(|_| {
        if is_new {
            forget(&args.file);
        }
    })?;
    let rows = counted(head.seq.0, "row");
    output::data(&format!("{} {rows} imported\nhead: {head}\n", styled(GOOD, "good:")))?;
    output::note(
        "compare the head with the one that the export printed: lines missing at the end cannot be seen otherwise",
    );
    Ok(Exit::Good)
}

fn imported(file: &Path, lines: Box<dyn BufRead + Send>) -> Result<Head, Failure> {
    let store = SqliteStore::open(file)?;
    let head = import(&store, lines)?;
    if head == Head::GENESIS {
        let error = "expected at least one exported line, found none";
        return Err(Failure::new(Exit::BadInput, error));
    }
    // Lines that agree with each other may still tell of what cannot be.
    refold(&store, &Codec::default())?;
    Ok(head)
}

/// Takes away what was begun, so that nothing is kept.
fn forget(file: &Path) {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        // What is not there need not go, and what cannot go is told by the error that led here.
        let _ = std::fs::remove_file(path);
    }
}
