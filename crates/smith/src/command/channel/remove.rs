//! `smith channel remove`: a channel goes away.

use clap::Args;
use smith_repo::mirror::{Action, Good, Outcome, append_log};
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use crate::command::channel::OrderArgs;
use crate::failure::{Exit, Failure};
use crate::input::{self, Place, StoreArgs, Suites, Sure, WhereArgs};
use crate::output::{self, BAD, GOOD, WAITS, styled};

/// Take a channel away: clients that ask for it find nothing any more
///
/// On the store itself, or on mirrors. Builds stay, and may be purged then. Its history stays, and what its clients have
/// seen, so that `smith channel set` makes the same channel again. `--dry-run` says where it is. Where one of the places
/// does not have it, nothing is taken away.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    at: WhereArgs,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    sure: Sure,
}

pub(super) fn run(args: &Remove) -> Result<Exit, Failure> {
    let (site, order, channel) = (args.store.open()?, args.order.order()?, &args.channel);
    let places = args.at.places(&site, Suites::Kept)?;
    for place in &places {
        if !place.has(channel)? {
            let words = place.words();
            let error = format!("{words}expected a channel that there is, found {channel}");
            args.log(&site, place, None, Err(error.clone()))?;
            return Err(Failure::new(Exit::NotThere, error).with_hint("`smith channel show` names them"));
        }
    }
    if !args.dry_run {
        args.sure
            .or_ask(&format!("take channel {channel} away? clients that ask for it find nothing then"))?;
    }
    let mut exit = Exit::Good;
    for place in &places {
        let words = place.words();
        if args.dry_run {
            let on = on(place.current(channel)?);
            let would = styled(WAITS, "would:");
            output::data(&format!("{would} {words}take channel {channel} away, which is {on}\n"))?;
            continue;
        }
        match place.remove(channel, &order) {
            Ok(from) => {
                let on = on(from);
                output::data(&format!(
                    "{} {words}channel {channel} is gone, which was {on}\n",
                    styled(GOOD, "good:")
                ))?;
                let state = format!("{channel}-removed");
                args.log(&site, place, from, Ok(Good { state, objects: 0, bytes: 0, seconds: 0.0 }))?;
            }
            Err(failure) => {
                let why = format!("channel {channel}: {}", failure.reason());
                output::data(&format!("{} {words}{why}\n", styled(BAD, "bad:")))?;
                args.log(&site, place, None, Err(why))?;
                exit = failure.exit;
            }
        }
    }
    Ok(exit)
}

impl Remove {
    fn log(
        &self,
        site: &Store,
        place: &Place,
        build: Option<BuildNumber>,
        result: Result<Good, String>,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let outcome = Outcome { mirror: place.name.clone(), build, action: Action::Channel, result };
        let logged = append_log(site, input::now(), &[outcome]);
        logged.map_err(|error| Failure::new(Exit::Output, error))
    }
}

fn on(build: Option<BuildNumber>) -> String {
    build.map_or_else(|| "on a build that nothing tells".to_owned(), |build| format!("on build {build}"))
}
