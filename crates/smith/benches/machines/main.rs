//! What reaching machines costs, beside the tools that people use for it.
//!
//! `cargo xtask bench machines [--runs N] [--only PART]`. Needs root: `lab` and `patch` have real machines, and those of `fanout` and `hold` are one sshd in a
//! network namespace of its own, under many addresses, so that every tool pays for the same server. Python's tools are looked
//! for in the environment that `SMITH_BENCH_VENV` names; a tool that is not there is named and left out.

#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

mod fanout;
mod hold;
mod lab;
#[path = "../repo/measure.rs"]
mod measure;
mod street;
#[path = "../repo/table.rs"]
mod table;

use std::process::ExitCode;

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
    let (mut runs, mut only) = (3, None);
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
    let mut table = Table::default();
    Table::head();
    for (name, part) in PARTS {
        if only.as_deref().is_none_or(|only| only == name) {
            part(runs, &mut table)?;
        }
    }
    Ok(table.end()?)
}
