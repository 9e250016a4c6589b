//! `smith fleet check`: whether the inventory can be read and agrees with itself.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, Align, Table, WAITS, count, counted, styled};

/// Read all sources of the inventory and show what is doubtful in them.
///
/// Ends with 1 when something is doubtful, and with 3 when a file has mistakes.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration of the inventory (`sources.yaml`)
    #[arg(long, value_name = "CONFIG", env = "SMITH_INVENTORY")]
    inventory: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    machines: usize,
    sources: Vec<Source>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Source {
    source: String,
    file: String,
    machines: u32,
}

pub(super) fn run(args: &Check) -> Result<Exit, Failure> {
    let (config, reading) = input::reading(&args.inventory)?;
    let sources = config.sources.iter().map(|source| Source {
        source: source.name.to_string(),
        file: source.file.clone(),
        machines: reading.counts().get(&source.name).copied().unwrap_or(0),
    });
    let report = Report {
        machines: reading.machines().len(),
        sources: sources.collect(),
        warnings: reading.warnings().iter().map(ToString::to_string).collect(),
    };
    if args.json {
        output::json(&report)?;
    } else {
        let mut table =
            Table::new(&[("source", Align::Left), ("machines", Align::Right), ("file", Align::Left)]);
        for source in &report.sources {
            table.row([source.source.clone(), count(source.machines), source.file.clone()]);
        }
        let mut text = table.render(output::WIDTH);
        for warning in &report.warnings {
            text.push_str(&format!("{} {warning}\n", styled(WAITS, "doubtful:")));
        }
        let machines = counted(report.machines as u64, "machine");
        text.push_str(&format!("{machines}, {} doubtful\n", count(report.warnings.len() as u64)));
        output::data(&text)?;
    }
    // A fleet of nobody is what a broken export looks like.
    let is_good = report.warnings.is_empty() && report.machines > 0;
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}
