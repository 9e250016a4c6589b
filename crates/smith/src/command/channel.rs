//! `smith channel`: the names by which clients find a build.

mod follow;
mod record;
mod remove;
mod set;
mod show;

use clap::{Args, Subcommand};
use smith_repo::channel::Order;

use crate::failure::{Exit, Failure};
use crate::input;

/// Point a name such as `prod` to a build, at once for every client
#[derive(Debug, Args)]
pub(super) struct Channel {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Set(set::Set),
    Rollback(set::Rollback),
    Refresh(set::Refresh),
    Follow(follow::Follow),
    Remove(remove::Remove),
    Show(show::Show),
    Known(record::Known),
    Record(record::Record),
}

/// Who wants it, and why.
#[derive(Debug, Args)]
struct OrderArgs {
    /// Who wants it
    #[arg(long, value_name = "NAME", default_value_t = input::who())]
    who: String,
    /// Why: a sentence, or the number of a change
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn run(channel: &Channel) -> Result<Exit, Failure> {
    match &channel.command {
        Command::Set(set) => set::set(set),
        Command::Rollback(rollback) => set::rollback(rollback),
        Command::Refresh(refresh) => set::refresh(refresh),
        Command::Follow(follow) => follow::run(follow),
        Command::Remove(remove) => remove::run(remove),
        Command::Show(show) => show::run(show),
        Command::Known(known) => record::known(known),
        Command::Record(record) => record::run(record),
    }
}

impl OrderArgs {
    fn order(&self) -> Result<Order, Failure> {
        Ok(Order { who: input::reason(&self.who)?, why: input::reason(&self.reason)?, at: input::now() })
    }
}
