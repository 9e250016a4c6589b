//! `smith fleet gaps`: machines that no pipeline patches.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_api::Gaps as Answer;
use smith_domain::fleet::{Coverage, gaps};
use smith_domain::time::Timestamp;

use crate::failure::{Exit, Failure};
use crate::input::{self, FleetArgs, ServerArgs};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Find machines that no bag of any pipeline selects, and bags that select nothing.
///
/// A running server answers for its fleet and pipelines, unless an inventory or a text is given, with pipelines. Ends with 1
/// when a machine is missed.
#[derive(Debug, Args)]
pub(super) struct Gaps {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Files or folders of pipelines
    #[arg(long, num_args = 1.., value_name = "FILE|FOLDER", env = "SMITH_PIPELINES")]
    pipelines: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    machines: usize,
    covered: usize,
    /// Left out on purpose; only a server knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<u32>,
    uncovered: Vec<String>,
    empty_bags: Vec<String>,
}

pub(super) fn run(args: &Gaps) -> Result<Exit, Failure> {
    if args.fleet.is_of_server(&args.server) {
        let found: Answer = args.server.ask(async |client| client.get("/v1/gaps").await)?;
        let report = Report {
            machines: found.machines as usize,
            covered: found.covered as usize,
            exempt: Some(found.exempt),
            uncovered: found.missed,
            empty_bags: found.empty_bags,
        };
        return tell(args, &report);
    }
    if args.pipelines.is_empty() {
        let error = "expected --pipelines FILE|FOLDER beside the machines, found none";
        return Err(Failure::new(Exit::Usage, error).with_hint("SMITH_PIPELINES may name them, too"));
    }
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
        exempt: None,
        uncovered: found.uncovered.iter().map(|id| fleet.machine(*id).name().to_owned()).collect(),
        empty_bags: found.empty,
    };
    tell(args, &report)
}

fn tell(args: &Gaps, report: &Report) -> Result<Exit, Failure> {
    if args.json {
        output::json(report)?;
    } else {
        output::data(&text(report))?;
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
    let exempt = match report.exempt {
        None | Some(0) => String::new(),
        Some(number) => format!(", {} exempt", output::count(number)),
    };
    out.push_str(&format!(
        "{} of {} are in a bag{exempt}, {missed} missed\n",
        styled(style, &covered),
        counted(machines, "machine")
    ));
    out
}
