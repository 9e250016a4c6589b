//! `smith pipeline`: check and read pipelines.

mod check;
mod list;
mod show;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Check and read pipelines ("configs").
#[derive(Debug, Args)]
pub(super) struct Pipeline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Show(show::Show),
    List(list::List),
}

pub(super) fn run(pipeline: Pipeline) -> Result<Exit, Failure> {
    match pipeline.command {
        Command::Check(check) => check::run(&check),
        Command::Show(show) => show::run(&show),
        Command::List(list) => list::run(&list),
    }
}
