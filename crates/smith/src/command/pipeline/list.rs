//! `smith pipeline list`: the pipelines of a folder, one line each.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_api::{Page, Pipeline as Answer, PipelineStep};
use smith_domain::pipeline::Pipeline;

use crate::failure::{Exit, Failure};
use crate::input::{self, ServerArgs};
use crate::output::{self, Align, Table, count};

/// List the pipelines ("configs") of a folder, or of a running server where none is given.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The folder
    #[arg(value_name = "FOLDER", env = "SMITH_PIPELINES")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct One {
    pipeline: String,
    title: String,
    owner: String,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    step: String,
    title: String,
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let pipelines: Vec<One> = match args.folder.as_deref().filter(|_| !args.server.is_named()) {
        Some(folder) => input::load(&[folder.to_owned()])?.all.iter().map(of_file).collect(),
        None => {
            let all: Page<Answer> = args.server.ask(async |client| client.get("/v1/pipelines").await)?;
            all.items.into_iter().map(of_server).collect()
        }
    };
    if args.json {
        output::json(&pipelines)?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[
        ("config", Align::Left),
        ("steps", Align::Right),
        ("owner", Align::Left),
        ("title", Align::Left),
    ]);
    for One { pipeline, title, owner, steps } in pipelines {
        table.row([pipeline, count(steps.len() as u64), owner, title]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn of_file(pipeline: &Pipeline) -> One {
    let step =
        |step: &smith_domain::pipeline::Step| Step { step: step.id.to_string(), title: step.title.clone() };
    One {
        pipeline: pipeline.name.to_string(),
        title: pipeline.title.clone(),
        owner: pipeline.owner.to_string(),
        steps: pipeline.steps.iter().map(step).collect(),
    }
}

fn of_server(pipeline: Answer) -> One {
    let step = |step: PipelineStep| Step { step: step.step, title: step.title };
    let Answer { pipeline, title, owner, steps, .. } = pipeline;
    One { pipeline, title, owner, steps: steps.into_iter().map(step).collect() }
}
