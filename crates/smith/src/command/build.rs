//! `smith build`: the world's packages, frozen into numbered builds.

mod archive;
mod check;
mod create;
mod diff;
mod fetch;
mod fsck;
mod init;
mod keep;
mod key;
mod list;
mod packages;
mod provenance;
mod purge;
mod show;
mod sign;
mod withdraw;

use clap::{Args, Subcommand};

pub(super) use init::apt_sources;
pub(super) use purge::tell_of_silent;

use crate::failure::{Exit, Failure};

/// Freeze upstream repositories into numbered, signed builds, and look at them.
#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Key(key::Key),
    Create(create::Create),
    Sign(sign::Sign),
    Fetch(fetch::Fetch),
    List(list::List),
    Show(show::Show),
    Packages(packages::Packages),
    Provenance(provenance::ProvenanceOf),
    Diff(diff::Diff),
    Check(check::CheckBuild),
    Fsck(fsck::Fsck),
    Keep(keep::KeepBuild),
    Purge(purge::Purge),
    Archive(archive::Archive),
    Restore(archive::Restore),
    Known(withdraw::Known),
    Withdraw(withdraw::Withdraw),
}

pub(super) fn run(build: Build) -> Result<Exit, Failure> {
    match build.command {
        Command::Init(init) => init::run(&init),
        Command::Key(key) => key::run(&key),
        Command::Create(create) => create::run(&create),
        Command::Sign(sign) => sign::run(&sign),
        Command::Fetch(fetch) => fetch::run(&fetch),
        Command::List(list) => list::run(&list),
        Command::Show(show) => show::run(&show),
        Command::Packages(packages) => packages::run(&packages),
        Command::Provenance(provenance) => provenance::run(&provenance),
        Command::Diff(diff) => diff::run(&diff),
        Command::Check(check) => check::run(&check),
        Command::Fsck(fsck) => fsck::run(&fsck),
        Command::Keep(keep) => keep::run(&keep),
        Command::Purge(purge) => purge::run(&purge),
        Command::Archive(archive) => archive::run(&archive),
        Command::Known(known) => withdraw::known(&known),
        Command::Withdraw(withdraw) => withdraw::run(&withdraw),
        Command::Restore(restore) => archive::run_restore(&restore),
    }
}
