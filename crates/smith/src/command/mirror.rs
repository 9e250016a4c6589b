//! `smith mirror`: the same builds elsewhere.

mod add;
mod list;
mod log;
mod purge;
mod recover;
mod remove;
mod rename;
mod serve;
mod status;
mod sync;
mod verify;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Bring builds to mirrors, check what lies there, hand it out.
///
/// A site knows its mirrors by name: folders of this host and buckets. `add`, `list`, `rename` and `remove` are about what
/// it knows; `sync`, `status`, `verify`, `recover` and `purge` about what lies there. What they did stands in the site's
/// log, one line for each mirror and build, which `log` reads.
#[derive(Debug, Args)]
pub(super) struct Mirror {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Add),
    List(list::List),
    Rename(rename::Rename),
    Remove(remove::Remove),
    Sync(sync::Sync),
    Status(status::Status),
    Verify(verify::Verify),
    Recover(recover::Recover),
    Purge(purge::PurgeMirrors),
    Log(log::Log),
    Serve(serve::Serve),
}

pub(super) fn run(mirror: Mirror) -> Result<Exit, Failure> {
    match mirror.command {
        Command::Add(add) => add::run(&add),
        Command::List(list) => list::run(&list),
        Command::Rename(rename) => rename::run(&rename),
        Command::Remove(remove) => remove::run(&remove),
        Command::Sync(sync) => sync::run(&sync),
        Command::Status(status) => status::run(&status),
        Command::Verify(verify) => verify::run(&verify),
        Command::Recover(recover) => recover::run(&recover),
        Command::Purge(purge) => purge::run(&purge),
        Command::Log(log) => log::run(&log),
        Command::Serve(serve) => serve::run(&serve),
    }
}
