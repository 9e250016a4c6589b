//! `smith rollout list`: every project of a journal, one line each.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_domain::rollout::{Mode, Rollout, RolloutEnd};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, Align, Table, count, moment};

/// List the rollouts of a journal with their project ids, the newest last.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The journal file; a server may be writing it
    #[arg(long, value_name = "FILE", env = "SMITH_JOURNAL")]
    journal: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct One {
    project: u32,
    pipeline: String,
    build: u32,
    by: String,
    started: String,
    state: &'static str,
    machines: u32,
    pass: u32,
    failed: u32,
    lost: u32,
    unstarted: u32,
    running: u32,
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let state = input::opening(&args.journal)?.state;
    if args.json {
        output::json(&state.rollouts.iter().map(one).collect::<Vec<One>>())?;
        return Ok(Exit::Good);
    }
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("project", right),
        ("config", left),
        ("build", right),
        ("started", left),
        ("state", left),
        ("pass", right),
        ("failed", right),
        ("unstarted", right),
    ]);
    for rollout in state.rollouts.iter() {
        let tally = rollout.tally();
        table.row([
            rollout.id.to_string(),
            rollout.pipeline.name.to_string(),
            rollout.build.to_string(),
            moment(rollout.started_at),
            state_word(rollout).to_owned(),
            count(tally.done),
            count(tally.failed + tally.lost),
            count(tally.waiting),
        ]);
    }
    output::data(&table.render(output::WIDTH))?;
    Ok(Exit::Good)
}

pub(super) fn state_word(rollout: &Rollout) -> &'static str {
    match rollout.mode {
        Mode::Running => "running",
        Mode::Paused => "paused",
        Mode::Aborting => "aborting",
        Mode::Ended { end: RolloutEnd::Succeeded, .. } => "complete",
        Mode::Ended { end: RolloutEnd::Aborted, .. } => "aborted",
    }
}

fn one(rollout: &Rollout) -> One {
    let tally = rollout.tally();
    One {
        project: rollout.id.0,
        pipeline: rollout.pipeline.name.to_string(),
        build: rollout.build.0,
        by: rollout.by.clone(),
        started: rollout.started_at.to_string(),
        state: state_word(rollout),
        machines: tally.total(),
        pass: tally.done,
        failed: tally.failed,
        lost: tally.lost,
        unstarted: tally.waiting,
        running: tally.running,
    }
}
