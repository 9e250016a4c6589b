//! Builds and mirrors at the size of Debian, beside the tools that people use for them.
//!
//! `cargo xtask bench repo [--runs N] [--only WORK]`. Everything is made below the target folder from the machine's own
//! upstream: its index of 63,000 packages, of which package files of a kilobyte are made, and two thousand real ones. Each
//! figure is the median of its runs; each tool does the same work on the same files on the same disk. A tool that is not
//! installed is named and left out.

#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

mod arguments;
mod build;
mod ingest;
mod measure;
mod mirror;
mod place;
mod stubs;
mod table;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::place::Place;
use crate::table::Table;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A part of the work, and what does it.
type Part = (&'static str, fn(&Place, &mut Table) -> Outcome);

const PARTS: [Part; 6] = [
    ("parse", ingest::parse),
    ("ingest", ingest::take_in),
    ("verify", ingest::verify),
    ("build", build::builds),
    ("sync", mirror::sync),
    ("purge", mirror::purge),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, what, store, upstream] = arguments.as_slice()
        && what == stubs::PUBLISH
    {
        return stubs::publish_alone(store.as_ref(), upstream.as_ref());
    }
    let arguments = Arguments::read(5, &PARTS.map(|(name, _)| name))?;
    let place = Place::make(arguments.runs)?;
    let mut table = Table::default();
    Table::head();
    for (name, part) in PARTS.into_iter().filter(|(name, _)| arguments.is_wanted(name)) {
        part(&place, &mut table).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(table.end()?)
}
