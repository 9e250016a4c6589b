//! `smith pipeline list`: the pipelines of a folder, one line each.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, Align, Table, count};

/// List the pipelines ("configs") of a folder.
#[derive(Debug, Args)]
pub(super) struct List {
    #[arg(value_name = "FOLDER", env = "SMITH_PIPELINES")]
    folder: PathBuf,
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
    let pipelines = input::load(std::slice::from_ref(&args.folder))?.all;
    if args.json {
        let all = pipelines.iter().map(|pipeline| One {
            pipeline: pipeline.name.to_string(),
            title: pipeline.title.clone(),
            owner: pipeline.owner.to_string(),
            steps: pipeline
                .steps
                .iter()
                .map(|step| Step { step: step.id.to_string(), title: step.title.clone() })
                .collect(),
        });
        output::json(&all.collect::<Vec<_>>())?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[
        ("config", Align::Left),
        ("steps", Align::Right),
        ("owner", Align::Left),
        ("title", Align::Left),
    ]);
    for pipeline in &pipelines {
        table.row([
            pipeline.name.to_string(),
            count(pipeline.steps.len() as u64),
            pipeline.owner.to_string(),
            pipeline.title.clone(),
        ]);
    }
    output::data(&table.render(output::WIDTH))?;
    Ok(Exit::Good)
}
