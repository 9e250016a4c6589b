//! `smith channel show`: where channels are, and who moved them.

use clap::Args;
use serde::Serialize;
use smith_repo::channel::{self, Move};
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, Align, Table};

/// Where it is, and who moved it when and why; all channels where none is named
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The channel
    channel: Option<ChannelName>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    channel: ChannelName,
    build: BuildNumber,
    /// The oldest date of what it serves.
    dated: Option<jiff::Timestamp>,
    moves: Vec<Move>,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let names = match &args.channel {
        Some(name) => vec![name.clone()],
        None => channel::names(&store).map_err(|error| Failure::new(Exit::Output, error))?,
    };
    let shown = names.iter().map(|name| read(&store, name)).collect::<Result<Vec<_>, _>>()?;
    match (args.json, &args.channel, shown.as_slice()) {
        (true, Some(_), [one]) => output::json(one)?,
        (true, _, all) => output::json(&all)?,
        (false, Some(_), [one]) => {
            let moves = history(&one.moves);
            output::data(&format!("channel {} is on build {}\n{moves}", one.channel, one.build))?;
        }
        (false, _, []) => output::data("there is no channel\n")?,
        (false, _, all) => output::data(&table(all))?,
    }
    Ok(Exit::Good)
}

fn read(store: &Store, name: &ChannelName) -> Result<Shown, Failure> {
    let Some(view) = channel::current(store, name).map_err(input::channel_failed)? else {
        let error = format!("expected a channel that there is, found {name}");
        return Err(Failure::new(Exit::NotThere, error));
    };
    let dated = view.suites.values().map(|suite| suite.date).min();
    let moves = channel::history(store, name).map_err(input::channel_failed)?;
    Ok(Shown { channel: name.clone(), build: view.build, dated, moves })
}

fn history(moves: &[Move]) -> String {
    let mut table = Table::new(&[
        ("at", Align::Left),
        ("by", Align::Left),
        ("from", Align::Right),
        ("to", Align::Right),
        ("why", Align::Left),
    ]);
    for one in moves {
        let from = one.from.map(|from| from.to_string()).unwrap_or_default();
        table.row([one.at.to_string(), one.who.clone(), from, one.to.to_string(), one.why.clone()]);
    }
    table.render(usize::MAX)
}

fn table(all: &[Shown]) -> String {
    let mut table = Table::new(&[
        ("channel", Align::Left),
        ("build", Align::Right),
        ("since", Align::Left),
        ("by", Align::Left),
        ("why", Align::Left),
    ]);
    for one in all {
        let (at, who, why) = match one.moves.last() {
            Some(last) => (last.at.to_string(), last.who.clone(), last.why.clone()),
            None => Default::default(),
        };
        table.row([one.channel.to_string(), one.build.to_string(), at, who, why]);
    }
    table.render(usize::MAX)
}
