//! `smith audit`: the journal as evidence.

mod checkpoint;
mod dump;
mod evidence;
mod export;
mod import;
mod packages;
mod show;
mod verify;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Show, verify and export what happened; look at evidence and package lists.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Show),
    Export(export::Export),
    Verify(verify::Verify),
    Evidence(evidence::Evidence),
    Packages(packages::Packages),
    Checkpoint(checkpoint::Checkpoint),
    Dump(dump::Dump),
    Import(import::Import),
}

pub(super) fn run(audit: Audit) -> Result<Exit, Failure> {
    match audit.command {
        Command::Verify(verify) => verify::run(&verify),
        Command::Checkpoint(checkpoint) => checkpoint::run(&checkpoint),
        Command::Show(show) => show::run(&show),
        Command::Export(export) => export::run(&export),
        Command::Evidence(evidence) => evidence::run(&evidence),
        Command::Packages(packages) => packages::run(&packages),
        Command::Dump(dump) => dump::run(&dump),
        Command::Import(import) => import::run(&import),
    }
}
