//! `smith rollout show`: how far a project is, phase by phase and bag by bag, and what it waits for.

use clap::Args;
use smith_api::Project;
use smith_server::answers;

use crate::failure::{Exit, Failure};
use crate::input::{self, ViewArgs};
use crate::output::{self, Coloured};

/// Show how far a rollout is: totals, phases, bags with their change tasks, and what it waits for.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The project id, as `smith rollout list` shows it
    id: u32,
    #[command(flatten)]
    view: ViewArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let project: Project = match args.view.journal() {
        Some(journal) => {
            let state = input::opening(journal)?.state;
            answers::project(&state, input::rollout_of(&state, args.id)?)
        }
        None => {
            let path = format!("/v1/projects/{}", args.id);
            args.view.server.ask(async |client| client.get(&path).await)?
        }
    };
    if args.json {
        output::json(&project)?;
    } else {
        output::data(&answers::project_text(&project, &Coloured))?;
    }
    Ok(Exit::Good)
}
