//! `smith audit import`: a journal from its text.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use smith_journal::{SqliteStore, import};

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
    let store = SqliteStore::open(&args.file)?;
    let head = import(&store, lines)?;
    let rows = counted(head.seq.0, "row");
    output::data(&format!("{} {rows} imported\nhead: {head}\n", styled(GOOD, "good:")))?;
    output::note(
        "compare the head with the one that the export printed: lines missing at the end cannot be seen otherwise",
    );
    Ok(Exit::Good)
}
