//! `smith fleet`: which machines there are, and which nobody patches.

mod check;
mod confirm;
mod gaps;
mod lookup;
mod show;
mod sources;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Look machines up, check the inventory, and find machines that nobody patches.
#[derive(Debug, Args)]
pub(super) struct Fleet {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Lookup(lookup::Lookup),
    Gaps(gaps::Gaps),
    Check(check::Check),
    Sources(sources::Sources),
    Confirm(confirm::Confirm),
    Show(show::Show),
    SignOff(show::SignOff),
}

pub(super) fn run(fleet: Fleet) -> Result<Exit, Failure> {
    match fleet.command {
        Command::Lookup(lookup) => lookup::run(&lookup),
        Command::Gaps(gaps) => gaps::run(&gaps),
        Command::Check(check) => check::run(&check),
        Command::Sources(sources) => sources::run(&sources),
        Command::Confirm(confirm) => confirm::run(&confirm),
        Command::Show(show) => show::run(&show),
        Command::SignOff(sign_off) => show::sign_off(&sign_off),
    }
}
