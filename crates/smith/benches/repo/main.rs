//! Builds and mirrors at the size of Debian, beside the tools that people use for them.
//!
//! `cargo xtask bench repo [--runs N] [--only WORK]`. Everything is made below the target folder from the machine's own
//! upstream: its index of 63,000 packages, of which package files of a kilobyte are made, and two thousand real ones. Each
//! figure is the median of its runs; each tool does the same work on the same files on the same disk. A tool that is not
//! installed is named and left out.

#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

mod build;
mod ingest;
mod measure;
mod mirror;
mod place;
mod stubs;
mod table;

use std::process::ExitCode;

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
    let (mut runs, mut only) = (5, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What cargo tells every benchmark.
            "--bench" => {}
            "--runs" => runs = arguments.next().ok_or("expected a number after --runs")?.parse()?,
            "--only" => only = Some(arguments.next().ok_or("expected a part after --only")?),
            other => return Err(format!("expected --runs N or --only PART, found {other}").into()),
        }
    }
    let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Some(only) = only.as_deref().filter(|only| !known.contains(only)) {
        return Err(format!("expected one of {}, found {only}", known.join(", ")).into());
    }
    let place = Place::make(runs)?;
    let mut table = Table::default();
    Table::head();
    for (name, part) in PARTS {
        if only.as_deref().is_none_or(|only| only == name) {
            part(&place, &mut table)?;
        }
    }
    Ok(table.end()?)
}
