//! `smith pipeline check`: everything that is wrong in pipelines, with the place of each mistake.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::failure::{Exit, Failure, What};
use crate::input;
use crate::output::{self, counted};

/// Check pipelines and show every mistake with its place.
///
/// A folder is checked as a whole: what its pipelines say about each other must hold too.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[arg(required = true, value_name = "FILE|FOLDER", env = "SMITH_PIPELINES")]
    paths: Vec<PathBuf>,
    /// Print JSON: a list of the mistakes, empty if there are none
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Mistake {
    file: String,
    line: u32,
    column: u32,
    code: &'static str,
    expected: String,
    found: String,
    hint: Option<String>,
}

pub(super) fn run(args: &Check) -> Result<Exit, Failure> {
    match input::load(&args.paths) {
        Ok(_) if args.json => {
            output::json::<[Mistake; 0]>(&[])?;
            Ok(Exit::Good)
        }
        Ok(pipelines) => {
            let (all, files) = (pipelines.all.len() as u64, pipelines.files as u64);
            output::data(&format!(
                "{} in {}: no mistakes\n",
                counted(all, "pipeline"),
                counted(files, "file")
            ))?;
            Ok(Exit::Good)
        }
        Err(Failure { what: What::Mistakes { problems, .. }, exit, .. }) if args.json => {
            let mistakes = problems.0.into_iter().map(|problem| Mistake {
                file: problem.file,
                line: problem.line,
                column: problem.column,
                code: problem.code,
                expected: problem.expected,
                found: problem.found,
                hint: problem.hint,
            });
            output::json(&mistakes.collect::<Vec<_>>())?;
            Ok(exit)
        }
        Err(failure) => Err(failure),
    }
}
