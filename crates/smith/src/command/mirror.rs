//! `smith mirror`: the same builds elsewhere.

mod serve;
mod sync;
mod verify;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Bring builds to a mirror, check what lies there, hand it out.
#[derive(Debug, Args)]
pub(super) struct Mirror {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sync(sync::Sync),
    Verify(verify::Verify),
    Serve(serve::Serve),
}

pub(super) fn run(mirror: Mirror) -> Result<Exit, Failure> {
    match mirror.command {
        Command::Sync(sync) => sync::run(&sync),
        Command::Verify(verify) => verify::run(&verify),
        Command::Serve(serve) => serve::run(&serve),
    }
}
