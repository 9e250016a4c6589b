//! `smith channel`: the names by which clients find a build.

use clap::{Args, Subcommand};
use smith_repo::channel::{self, ChannelError, Order, Switched};
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, Align, GOOD, Table, styled};

/// Point a name such as `prod` to a build, on this store, at once for every client.
#[derive(Debug, Args)]
pub(super) struct Channel {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Move a channel to a build that this store holds whole
    Set(Set),
    /// Move it back to the build from before its last move
    Rollback(Rollback),
    /// Where it is, and who moved it when and why
    Show(Show),
}

#[derive(Debug, Args)]
struct Set {
    /// The channel
    channel: ChannelName,
    /// The build
    build: BuildNumber,
    #[command(flatten)]
    order: OrderArgs,
}

#[derive(Debug, Args)]
struct Rollback {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    order: OrderArgs,
}

#[derive(Debug, Args)]
struct OrderArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Who wants it
    #[arg(long, value_name = "NAME", env = "USER")]
    who: String,
    /// Why: a sentence, or the number of a change
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
struct Show {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(channel: Channel) -> Result<Exit, Failure> {
    match channel.command {
        Command::Set(set) => {
            let store = set.order.store.open()?;
            let moved = channel::set(&store, &set.channel, set.build, &set.order.order()?);
            tell(&set.channel, &moved.map_err(failed)?)
        }
        Command::Rollback(back) => {
            let store = back.order.store.open()?;
            let moved = channel::rollback(&store, &back.channel, &back.order.order()?);
            tell(&back.channel, &moved.map_err(failed)?)
        }
        Command::Show(show) => shown(&show.store.open()?, &show),
    }
}

impl OrderArgs {
    fn order(&self) -> Result<Order, Failure> {
        if self.reason.trim().is_empty() {
            return Err(Failure::new(Exit::Usage, "a reason is missing, expected a sentence that says why"));
        }
        Ok(Order { who: self.who.clone(), why: self.reason.clone(), at: input::now() })
    }
}

fn failed(error: ChannelError) -> Failure {
    let exit = match &error {
        ChannelError::NotWhole { .. } | ChannelError::NoPrevious { .. } => Exit::NotThere,
        ChannelError::NotALink { .. }
        | ChannelError::History { .. }
        | ChannelError::Held(_)
        | ChannelError::Store(_) => Exit::BadInput,
    };
    Failure::new(exit, error)
}

fn tell(name: &ChannelName, switched: &Switched) -> Result<Exit, Failure> {
    let line = match switched {
        Switched::Moved { from: Some(from), to } => format!("channel {name} moved from build {from} to {to}"),
        Switched::Moved { from: None, to } => format!("channel {name} begins with build {to}"),
        Switched::WasThere => format!("channel {name} was there already"),
    };
    output::data(&format!("{} {line}\n", styled(GOOD, "good:")))?;
    Ok(Exit::Good)
}

fn shown(store: &Store, args: &Show) -> Result<Exit, Failure> {
    let moves = channel::history(store, &args.channel).map_err(failed)?;
    if args.json {
        output::json(&moves)?;
        return Ok(Exit::Good);
    }
    let Some(build) = channel::get(store, &args.channel).map_err(failed)? else {
        let error = format!("expected a channel that there is, found {}", args.channel);
        return Err(Failure::new(Exit::NotThere, error));
    };
    let mut table = Table::new(&[
        ("at", Align::Left),
        ("by", Align::Left),
        ("from", Align::Right),
        ("to", Align::Right),
        ("why", Align::Left),
    ]);
    for one in moves {
        let from = one.from.map(|from| from.to_string()).unwrap_or_default();
        table.row([one.at.to_string(), one.who, from, one.to.to_string(), one.why]);
    }
    output::data(&format!("channel {} is on build {build}\n{}", args.channel, table.render(usize::MAX)))?;
    Ok(Exit::Good)
}
