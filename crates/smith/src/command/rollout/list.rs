//! `smith rollout list`: every project of a journal, one line each.

use clap::Args;
use smith_api::ProjectLine;
use smith_server::answers;

use super::super::change::pages;

use crate::failure::{Exit, Failure};
use crate::input::{self, ViewArgs};
use crate::output::{self, Align, Table, count, moment_of};

/// List rollouts with their project ids, the newest last.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    view: ViewArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let projects: Vec<ProjectLine> = match args.view.journal() {
        Some(journal) => {
            let state = input::opening(journal)?.state;
            state.rollouts.iter().map(|one| answers::project_line(&state, one)).collect()
        }
        None => args.view.server.ask(async |client| pages(&client, "/v1/projects").await)?,
    };
    if args.json {
        output::json(&projects)?;
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
    for ProjectLine { project, pipeline, build, started, state, totals, .. } in projects {
        table.row([
            project.to_string(),
            pipeline,
            build.to_string(),
            moment_of(&started),
            state,
            count(totals.pass),
            count(totals.failed + totals.lost),
            count(totals.unstarted),
        ]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}
