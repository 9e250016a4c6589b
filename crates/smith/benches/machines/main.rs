//! What reaching machines costs, beside the tools that people use for it.
//!
//! `cargo xtask bench machines [--runs N] [--only PART]`. Needs root: `lab` and `patch` have real machines, and those of `fanout` and `hold` are one sshd in a
//! network namespace of its own, under many addresses, so that every tool pays for the same server. Python's tools are looked
//! for in the environment that `SMITH_BENCH_VENV` names; a tool that is not there is named and left out.

#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

#[path = "../repo/arguments.rs"]
mod arguments;
mod fanout;
mod hold;
mod lab;
#[path = "../repo/measure.rs"]
mod measure;
mod street;
#[path = "../repo/table.rs"]
mod table;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::table::Table;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A part of the work, and what does it.
type Part = (&'static str, fn(u32, &mut Table) -> Outcome);

const PARTS: [Part; 4] =
    [("fanout", fanout::facts), ("hold", hold::sessions), ("lab", lab::twelve), ("patch", lab::patch)];

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
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|word| word == hold::CHILD) {
        return hold::child(&arguments.skip(1).collect::<Vec<_>>());
    }
    let arguments = Arguments::read(3, &PARTS.map(|(name, _)| name))?;
    let mut table = Table::default();
    Table::head();
    for (name, part) in PARTS.into_iter().filter(|(name, _)| arguments.is_wanted(name)) {
        part(arguments.runs, &mut table).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(table.end()?)
}
