//! `smith audit dump`: the whole journal as lines of JSON.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use clap::Args;
use smith_journal::{Seq, export};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output;

/// Write the journal as text, one JSON object a line; `smith audit import` reads it back.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The journal file; a server may be writing it
    #[arg(value_name = "FILE", env = "SMITH_JOURNAL")]
    file: PathBuf,
    /// The first row that is written; importing needs all of them
    #[arg(long, value_name = "ROW", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
}

pub(super) fn run(args: &Dump) -> Result<Exit, Failure> {
    let reader = input::open(&args.file)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let head = export(&reader, Seq(args.from - 1), &mut out)?;
    out.flush()?;
    output::note(&format!("head: {head}"));
    Ok(Exit::Good)
}
