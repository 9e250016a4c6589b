//! `smith fleet gaps`: machines that no pipeline patches.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_domain::fleet::{Coverage, gaps};
use smith_domain::time::Timestamp;

use crate::failure::{Exit, Failure};
use crate::input::{self, FleetArgs};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Find machines that no bag of any pipeline selects, and bags that select nothing.
///
/// Ends with 1 when a machine is missed.
#[derive(Debug, Args)]
pub(super) struct Gaps {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Files or folders of pipelines
    #[arg(long, required = true, num_args = 1.., value_name = "FILE|FOLDER", env = "SMITH_PIPELINES")]
    pipelines: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    machines: usize,
    covered: usize,
    uncovered: Vec<String>,
    empty_bags: Vec<String>,
}

pub(super) fn run(args: &Gaps) -> Result<Exit, Failure> {
    let pipelines = input::load(&args.pipelines)?.all;
    let mut bags = Vec::new();
    for pipeline in &pipelines {
        for step in &pipeline.steps {
            for bag in step.phases.iter().flat_map(|phase| &phase.bags) {
                let name = format!("{} {} {}", pipeline.name, step.id, bag.name);
                bags.push(Coverage { name, select: bag.select.clone() });
            }
        }
    }
    let fleet = input::known(args.fleet.machines()?, Timestamp(0));
    let found = gaps(&fleet, &bags, Timestamp(0));
    let report = Report {
        machines: found.present,
        covered: found.covered,
        uncovered: found.uncovered.iter().map(|id| fleet.machine(*id).name().to_owned()).collect(),
        empty_bags: found.empty,
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::data(&text(&report))?;
    }
    Ok(if report.uncovered.is_empty() { Exit::Good } else { Exit::Finding })
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for machine in &report.uncovered {
        out.push_str(&format!("{} {machine} is in no bag\n", styled(BAD, "missed:")));
    }
    for bag in &report.empty_bags {
        out.push_str(&format!("{} bag {bag} selects no machine\n", styled(WAITS, "empty:")));
    }
    let (covered, machines) = (report.covered as u64, report.machines as u64);
    let style = if report.uncovered.is_empty() { GOOD } else { BAD };
    let missed = counted(report.uncovered.len() as u64, "machine");
    let covered = output::count(covered);
    out.push_str(&format!(
        "{} of {} are in a bag, {missed} missed\n",
        styled(style, &covered),
        counted(machines, "machine")
    ));
    out
}
