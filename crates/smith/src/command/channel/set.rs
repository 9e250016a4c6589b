//! `smith channel set`, `rollback` and `refresh`: moving a channel.

use clap::Args;
use smith_repo::channel::{How, Order, Switched, Way};
use smith_repo::mirror::{Action, Good, Outcome, append_log};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::{Signer, SigningKeys};
use smith_repo::store::Store;

use crate::command::channel::OrderArgs;
use crate::failure::{Exit, Failure};
use crate::input::{Place, PlaceArgs, SigningArgs, StoreArgs};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Move a channel to a build that is held whole
///
/// It moves in one moment: clients find the old build or the new one, and one in the middle of an update finds what it
/// began with. With mirrors asked for, nothing moves unless all of them can. apt keeps the newer of two Releases, so what
/// is older than what the channel served before is dated and signed anew, with the keys of the store; where there are
/// none, it says which suites clients will not take.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The channel
    channel: ChannelName,
    /// The build
    build: BuildNumber,
    #[command(flatten)]
    moving: Moving,
}

/// Move it one step back along the way that it came; twice, two steps
///
/// On each mirror to the build that was there before. `smith channel set` leads forward again.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    moving: Moving,
}

/// Date and sign what it serves anew, before it expires
///
/// The build stays. For recipes with `valid-for-days`, as often as clients should notice that a mirror has stopped.
#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    moving: Moving,
}

#[derive(Debug, Args)]
struct Moving {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    signing: SigningArgs,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// A place, and where its channel goes.
struct Step {
    place: Place,
    from: Option<BuildNumber>,
    to: BuildNumber,
}

pub(super) fn set(args: &Set) -> Result<Exit, Failure> {
    args.moving.run(&args.channel, |_| Ok(args.build), Doing::Set)
}

pub(super) fn rollback(args: &Rollback) -> Result<Exit, Failure> {
    args.moving.run(&args.channel, |place| place.previous(&args.channel), Doing::Back)
}

pub(super) fn refresh(args: &Refresh) -> Result<Exit, Failure> {
    args.moving.run(&args.channel, |place| place.known(&args.channel), Doing::Refresh)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Set,
    Back,
    Refresh,
}

impl Moving {
    fn run(
        &self,
        channel: &ChannelName,
        aim: impl Fn(&Place) -> Result<BuildNumber, Failure>,
        doing: Doing,
    ) -> Result<Exit, Failure> {
        let site = self.store.open()?;
        let order = self.order.order()?;
        let keys = self.signing.keys(&site)?;
        if doing == Doing::Refresh && keys.is_none() {
            let error = "expected a key in the store that Releases are signed with, found none";
            return Err(Failure::new(Exit::NotThere, error));
        }
        let (mut ready, mut unready) = (Vec::new(), Vec::new());
        for place in self.places.places(&site)? {
            let step = |place: &Place| {
                let (from, to) = (place.current(channel)?, aim(place)?);
                place.check(channel, to)?;
                Ok((from, to))
            };
            match step(&place) {
                Ok((from, to)) => ready.push(Step { place, from, to }),
                Err(failure) => unready.push((place, failure)),
            }
        }
        if !self.places.skips_unready() && !unready.is_empty() {
            self.log_refused(&site, channel, &unready)?;
            return refused(unready);
        }
        let mut exit = if unready.is_empty() { Exit::Good } else { Exit::Finding };
        for (place, failure) in unready {
            self.bad(&site, channel, &place, &failure)?;
        }
        for step in &ready {
            if self.dry_run {
                output::data(&format!("{} {}\n", styled(WAITS, "would:"), words(channel, step, doing)))?;
                continue;
            }
            match act(channel, step, doing, &order, keys.as_ref()) {
                Ok(switched) => {
                    self.good(&site, channel, step, &switched)?;
                    if doing == Doing::Back {
                        tell_ways(channel, step);
                    }
                    // It moved, and yet some clients stay where they are.
                    let is_stuck =
                        matches!(&switched, Switched::Moved(moved) if moved.stuck().next().is_some());
                    exit = if is_stuck && exit == Exit::Good { Exit::Finding } else { exit };
                }
                Err(failure) => {
                    self.bad(&site, channel, &step.place, &failure)?;
                    exit = failure.exit;
                }
            }
        }
        Ok(exit)
    }

    fn good(
        &self,
        site: &Store,
        channel: &ChannelName,
        step: &Step,
        switched: &Switched,
    ) -> Result<(), Failure> {
        let words = step.place.words();
        match switched {
            Switched::WasThere => {
                output::data(&format!(
                    "{} {words}channel {channel} was there already\n",
                    styled(GOOD, "good:")
                ))?;
            }
            Switched::Moved(moved) => {
                let from = moved.from.map_or_else(|| "nothing".to_owned(), |from| format!("build {from}"));
                let line = match moved.from {
                    Some(from) if from == moved.to => format!("channel {channel} stays on build {from}"),
                    Some(_) | None => format!("channel {channel} moved from {from} to build {}", moved.to),
                };
                let anew = moved.suites.iter().filter(|(_, how)| *how == How::Anew).count();
                let dated = match anew as u64 {
                    0 => String::new(),
                    anew => format!(", {} dated anew", counted(anew, "suite")),
                };
                output::data(&format!("{} {words}{line}{dated}\n", styled(GOOD, "good:")))?;
                for suite in moved.stuck() {
                    output::note(&format!(
                        "{} {words}clients that have seen a newer {suite} keep it: there is no key here to date \
                         this one anew; `smith channel refresh` where the key is, then `smith channel follow`",
                        styled(WAITS, "note:")
                    ));
                }
            }
        }
        let state = match switched {
            Switched::WasThere => format!("{channel}-was-there"),
            Switched::Moved(_) => format!("{channel}-moved"),
        };
        let good = Good { state, objects: 0, bytes: 0, seconds: 0.0 };
        self.log(site, &step.place.name, Some(step.to), Ok(good))
    }

    fn bad(
        &self,
        site: &Store,
        channel: &ChannelName,
        place: &Place,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let why = format!("channel {channel}: {}", failure.reason());
        output::data(&format!("{} {}{why}\n", styled(BAD, "bad:"), place.words()))?;
        self.log(site, &place.name, None, Err(why))
    }

    /// Nothing moved, and whoever looks for why finds it where moves are.
    fn log_refused(
        &self,
        site: &Store,
        channel: &ChannelName,
        unready: &[(Place, Failure)],
    ) -> Result<(), Failure> {
        for (place, failure) in unready {
            self.log(site, &place.name, None, Err(format!("channel {channel}: {}", failure.reason())))?;
        }
        Ok(())
    }

    fn log(
        &self,
        site: &Store,
        mirror: &Option<MirrorName>,
        build: Option<BuildNumber>,
        result: Result<Good, String>,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let outcome = Outcome { mirror: mirror.clone(), build, action: Action::Channel, result };
        let logged = append_log(site, crate::input::now(), &[outcome]);
        logged.map_err(|error| Failure::new(Exit::Output, error))
    }
}

/// What leads on from here, and what leads forward again: a rollback may have been one too many.
fn tell_ways(channel: &ChannelName, step: &Step) {
    let words = step.place.words();
    let further = match step.place.previous(channel) {
        Ok(build) => format!("one more rollback leads to build {build}"),
        Err(_) => "there is no build before this one".to_owned(),
    };
    let mirror = step.place.name.as_ref().map_or_else(String::new, |name| format!(" --mirror {name}"));
    let forward = step.from.map_or_else(String::new, |from| {
        format!("; `smith channel set {channel} {from}{mirror}` goes forward again")
    });
    output::note(&format!("{} {words}{further}{forward}", styled(WAITS, "note:")));
}

/// Nothing has moved.
fn refused(unready: Vec<(Place, Failure)>) -> Result<Exit, Failure> {
    let many = unready.len();
    let mut unready = unready.into_iter();
    match unready.next() {
        Some((Place { name: None, .. }, failure)) => Err(failure),
        Some(first) => {
            let exit = first.1.exit;
            let many = counted(many as u64, "mirror");
            let mut text = format!("{many} cannot take it, and nothing was moved");
            for (place, failure) in std::iter::once(first).chain(unready) {
                text.push_str(&format!("\n  {}{}", place.words(), failure.reason()));
            }
            Err(Failure::new(exit, text).with_hint("`--skip-unready` moves the others"))
        }
        None => Ok(Exit::Good),
    }
}

fn words(channel: &ChannelName, step: &Step, doing: Doing) -> String {
    let (place, to) = (step.place.words(), step.to);
    match (step.from, doing) {
        (_, Doing::Refresh) => format!("{place}date channel {channel} on build {to} anew"),
        (Some(from), Doing::Set | Doing::Back) if from == to => {
            format!("{place}leave channel {channel} on build {to}")
        }
        (Some(from), Doing::Set | Doing::Back) => {
            format!("{place}move channel {channel} from build {from} to {to}")
        }
        (None, Doing::Set | Doing::Back) => format!("{place}begin channel {channel} with build {to}"),
    }
}

fn act(
    channel: &ChannelName,
    step: &Step,
    doing: Doing,
    order: &Order,
    keys: Option<&SigningKeys>,
) -> Result<Switched, Failure> {
    let signer = keys.map(|keys| keys as &dyn Signer);
    match (doing, signer) {
        (Doing::Refresh, Some(signer)) => step.place.refresh(channel, order, signer),
        (Doing::Back, signer) => step.place.set(channel, step.to, Way::Back, order, signer),
        (Doing::Refresh | Doing::Set, signer) => step.place.set(channel, step.to, Way::To, order, signer),
    }
}
