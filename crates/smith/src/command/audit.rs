//! `smith audit`: the journal as evidence.

mod checkpoint;
mod export;
mod import;
mod show;
mod verify;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Verify, read, export and import the journal.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Verify),
    Checkpoint(checkpoint::Checkpoint),
    Show(show::Show),
    Export(export::Export),
    Import(import::Import),
}

pub(super) fn run(audit: Audit) -> Result<Exit, Failure> {
    match audit.command {
        Command::Verify(verify) => verify::run(&verify),
        Command::Checkpoint(checkpoint) => checkpoint::run(&checkpoint),
        Command::Show(show) => show::run(&show),
        Command::Export(export) => export::run(&export),
        Command::Import(import) => import::run(&import),
    }
}
