//! `smith rollout`: rehearse rollouts, look at them, and ask why something waits.

mod list;
mod show;
mod simulate;
mod start;
mod steer;
mod watch;
mod why;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Start rollouts, follow and steer them, rehearse them, and ask why something waits.
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
    Start(start::Start),
    Request(start::Request),
    Reboot(start::Reboot),
    Watch(watch::Watch),
    Pause(steer::Pause),
    Unpause(steer::Unpause),
    Resume(steer::Resume),
    Retry(steer::Retry),
    Skip(steer::Skip),
    Approve(steer::Approve),
    Abort(steer::Abort),
}

pub(super) fn run(rollout: Rollout) -> Result<Exit, Failure> {
    match rollout.command {
        Command::Simulate(simulate) => simulate::run(&simulate),
        Command::Why(why) => why::run(&why),
        Command::Show(show) => show::run(&show),
        Command::List(list) => list::run(&list),
        Command::Start(start) => start::run(&start),
        Command::Request(request) => start::request(&request),
        Command::Reboot(reboot) => start::reboot(&reboot),
        Command::Watch(watch) => watch::run(&watch),
        Command::Pause(pause) => steer::pause(&pause),
        Command::Unpause(unpause) => steer::unpause(&unpause),
        Command::Resume(resume) => steer::resume(&resume),
        Command::Retry(retry) => steer::retry(&retry),
        Command::Skip(skip) => steer::skip(&skip),
        Command::Approve(approve) => steer::approve(&approve),
        Command::Abort(abort) => steer::abort(&abort),
    }
}
