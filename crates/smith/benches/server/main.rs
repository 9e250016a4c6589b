//! What a whole server costs: speed, answers meanwhile, memory, restarts.
//!
//! `cargo xtask bench server [--runs N] [--only PART]`. The server is a process of its own, as `smith serve` makes it: settings,
//! inventory, driver, journal on the disk, view, streams, HTTP on a socket and on loopback. Only its machines are not there:
//! each answers a moment later that what it was asked went well. The fleet, the journal and the settings are made below the
//! target folder.
//!
//! Among the tests it runs once with small numbers: what is wanted then is that everything ends well, however long it takes.

#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

#[path = "../repo/arguments.rs"]
mod arguments;
mod child;
mod large;
mod load;
#[expect(dead_code, reason = "other benches measure what they run to its end")]
#[path = "../repo/measure.rs"]
mod measure;
mod pace;
mod process;
mod simulated;
mod site;
mod size;
#[expect(dead_code, reason = "other benches have peers that may not be installed")]
#[path = "../repo/table.rs"]
mod table;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::size::Size;
use crate::table::Table;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A part of the work, and what does it.
type Part = (&'static str, fn(&Size, &mut Table) -> Outcome);

const PARTS: [Part; 2] = [("pace", pace::pace), ("large", large::large)];

/// The name by which this is chosen or left out among tests.
const TEST: &str = "server_bench";

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
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, config, socket] = words.as_slice()
        && word == child::CHILD
    {
        return child::serve(config.as_ref(), socket.as_ref());
    }
    if words.iter().any(|word| word == "--bench") {
        let arguments = Arguments::read(3, &PARTS.map(|(name, _)| name))?;
        let size = Size::full(arguments.runs);
        let mut table = Table::default();
        Table::head();
        for (name, part) in PARTS.into_iter().filter(|(name, _)| arguments.is_wanted(name)) {
            part(&size, &mut table).map_err(|error| format!("{name}: {error}"))?;
        }
        return Ok(table.end()?);
    }
    // Words that begin with dashes are for the harness that other tests have; the others choose tests by their names.
    let mut names = words.iter().filter(|word| !word.starts_with('-')).peekable();
    if names.peek().is_some() && !names.any(|name| TEST.contains(name.as_str())) {
        return Ok(());
    }
    println!("{TEST}: small numbers, whatever time they take");
    let mut table = Table::default();
    for (name, part) in PARTS {
        part(&Size::SMALL, &mut table).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}
