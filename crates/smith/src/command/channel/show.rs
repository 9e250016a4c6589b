//! `smith channel show`: where channels are, and who moved them.

use clap::Args;
use serde::Serialize;
use smith_repo::channel::{self, Ends, Left, Move, Standing, Trouble, Way};
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, Align, BAD, Table, WAITS, styled};

/// Where it is, and who moved it when and why; all channels where none is named
///
/// Names files of it that are damaged and Releases that have ended or soon will, with what mends that, and ends with 1
/// for what is damaged or has ended.
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
    /// Nothing where its files are damaged and what is left of them does not tell.
    build: Option<BuildNumber>,
    /// The oldest date of what it serves.
    dated: Option<jiff::Timestamp>,
    /// When the first of its Releases ends, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<Ends>,
    /// Its files that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damage: Vec<Trouble>,
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
            let (on, moves) = (one.on(), history(&one.moves));
            output::data(&format!("channel {} is on {on}\n{}{moves}", one.channel, wrong(one)))?;
        }
        (false, _, []) => output::data("there is no channel\n")?,
        (false, _, all) => {
            let wrong: String = all.iter().map(wrong).collect();
            output::data(&format!("{}{wrong}", table(all)))?;
        }
    }
    let is_bad = |one: &Shown| {
        let left = one.ends.as_ref().map(|ends| ends.left(input::now()));
        !one.damage.is_empty() || left == Some(Left::Nothing)
    };
    Ok(if shown.iter().any(is_bad) { Exit::Finding } else { Exit::Good })
}

fn read(store: &Store, name: &ChannelName) -> Result<Shown, Failure> {
    let Some(standing) = channel::standing(store, name).map_err(input::channel_failed)? else {
        let error = format!("expected a channel that there is, found {name}");
        return Err(Failure::new(Exit::NotThere, error));
    };
    let ends = channel::ends(store, name).map_err(input::channel_failed)?;
    let Standing { build, view, damage, moves, .. } = standing;
    let dated = view.and_then(|view| view.suites.values().map(|suite| suite.date).min());
    Ok(Shown { channel: name.clone(), build, dated, ends, damage, moves })
}

impl Shown {
    fn on(&self) -> String {
        self.build.map_or_else(|| "a build that nothing tells".to_owned(), |build| format!("build {build}"))
    }
}

/// What is not as it should be, or will soon not be.
fn wrong(one: &Shown) -> String {
    let mut text = String::new();
    for Trouble { path, expected, found } in &one.damage {
        let bad = styled(BAD, "bad:");
        text.push_str(&format!(
            "{bad} channel {}: {path}: expected {expected}, found {found}\n",
            one.channel
        ));
    }
    let now = input::now();
    if let Some(ends) = &one.ends
        && let Some(words) = ends.words(&one.channel, "", now)
    {
        let is_over = ends.left(now) == Left::Nothing;
        let word = if is_over { styled(BAD, "bad:") } else { styled(WAITS, "soon:") };
        text.push_str(&format!("{word} {words}\n"));
    }
    text
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
        let to = match one.way {
            Way::To | Way::Back => one.to.to_string(),
            Way::Removed => "gone".to_owned(),
        };
        table.row([one.at.to_string(), one.who.clone(), from, to, one.why.clone()]);
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
        let build = one.build.map_or_else(|| "unknown".to_owned(), |build| build.to_string());
        table.row([one.channel.to_string(), build, at, who, why]);
    }
    table.render(usize::MAX)
}
