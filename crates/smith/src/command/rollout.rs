//! `smith rollout`: rehearse rollouts, look at them, and ask why something waits.

mod list;
mod show;
mod simulate;
mod why;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Rehearse rollouts, look at them, and ask why something waits.
#[derive(Debug, Args)]
pub(super) struct Rollout {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Simulate(Box<simulate::Simulate>),
    Why(Box<why::Why>),
    Show(show::Show),
    List(list::List),
}

pub(super) fn run(rollout: Rollout) -> Result<Exit, Failure> {
    match rollout.command {
        Command::Simulate(simulate) => simulate::run(&simulate),
        Command::Why(why) => why::run(&why),
        Command::Show(show) => show::run(&show),
        Command::List(list) => list::run(&list),
    }
}
