//! `smith rollout list`: every project of a journal, one line each.

use std::path::PathBuf;

use clap::Args;
use smith_server::answers;

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

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let state = input::opening(&args.journal)?.state;
    if args.json {
        output::json(
            &state.rollouts.iter().map(|one| answers::project_line(&state, one)).collect::<Vec<_>>(),
        )?;
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
            answers::state_word(rollout).to_owned(),
            count(tally.done),
            count(tally.failed + tally.lost),
            count(tally.waiting),
        ]);
    }
    output::data(&table.render(output::WIDTH))?;
    Ok(Exit::Good)
}
