//! `smith agent`: the agents on machines, asked by a person.

mod enroll;
mod install;
mod run;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Ask the agents on machines, put them there, and record the machines' host keys
#[derive(Debug, Args)]
pub(super) struct Agent {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Install(install::Install),
    Enroll(enroll::Enroll),
}

pub(super) fn run(agent: &Agent) -> Result<Exit, Failure> {
    match &agent.command {
        Command::Run(run) => run::run(run),
        Command::Install(install) => install::run(install),
        Command::Enroll(enroll) => enroll::run(enroll),
    }
}
