//! What a command leads to: events, or a typed rejection that says what was expected and what was found.

use crate::access::{self, AccessCommand, AccessRejection, Digest};
use crate::actor::Actor;
use crate::build::{self, BuildEvent, BuildState, Setting};
use crate::change::{self, ChangeCommand, ChangeEvent, ChangeRejection};
use crate::clock::{self, Ahead};
use crate::cycle::{self, CycleCommand, CycleRejection, Link};
use crate::errand::{Errand, ErrandEvent, ErrandId, ErrandKind, ErrandOutcome, ErrandState};
use crate::event::{DriverEvent, Event};
use crate::fleet::{FleetCommand, FleetRejection};
use crate::id::BuildNumber;
use crate::reason::{self, BadReason};
use crate::rollout::{self, RolloutCommand, RolloutRejection};
use crate::state::State;
use crate::ticket::TicketEvent;
use crate::time::Now;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Fleet(FleetCommand),
    Build(BuildCommand),
    Rollout(RolloutCommand),
    Change(ChangeCommand),
    Access(AccessCommand),
    Cycle(CycleCommand),
    /// Does the command once: the same key with the same request is answered with what came of it the first time.
    Keyed {
        key: String,
        /// Of the whole request.
        digest: Digest,
        command: Box<Command>,
    },
    /// An outside service answered.
    ErrandReport {
        errand: ErrandId,
        outcome: ErrandOutcome,
    },
    /// A driver takes over.
    Begin {
        owner: String,
    },
    /// The driver saw the machine's clock and its own steady time differ.
    ClockJumped,
    /// Somebody says that the machine's clock is right.
    AcceptClock {
        reason: Option<String>,
        /// How far the clock was seen to be ahead of the calendars, in milliseconds.
        seen: i64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildCommand {
    Verified {
        build: BuildNumber,
    },
    Withdraw {
        build: BuildNumber,
        reason: String,
    },
    SetChannel {
        channel: String,
        region: String,
        build: BuildNumber,
        change: Option<String>,
        reason: Option<String>,
    },
    /// A channel was led back to what it named before, because its switch failed on the way. Nobody asks for it: it is told
    /// by whoever has done it, also where the change was taken back meanwhile.
    LeadBack {
        channel: String,
        region: String,
        build: BuildNumber,
        change: Option<String>,
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error(transparent)]
    Fleet(#[from] FleetRejection),
    #[error(transparent)]
    Build(#[from] BuildRejection),
    #[error(transparent)]
    Rollout(#[from] RolloutRejection),
    #[error(transparent)]
    Change(#[from] ChangeRejection),
    #[error(transparent)]
    Access(#[from] AccessRejection),
    #[error(transparent)]
    Cycle(#[from] CycleRejection),
    #[error("the request was carried out before: {}", if .answer.is_empty() { "it made nothing new" } else { .answer })]
    Repeated { answer: String },
    #[error("the key {key} was used for another request, expected a new key or the same request")]
    KeyReused { key: String },
    #[error(transparent)]
    Reason(#[from] BadReason),
    #[error("the clock is {found} the time that has passed, expected {seen} it, as was seen")]
    ClockMoved { seen: Ahead, found: Ahead },
    #[error("the request has a key inside a key, expected one")]
    KeyInKey,
    #[error("what it leads to takes {found} bytes to record ({kind}), expected at most {limit}")]
    TooLarge { kind: &'static str, found: usize, limit: usize },
    #[error("the name of the actor has {found} bytes, expected at most {ACTOR_MAX}")]
    Actor { found: usize },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildRejection {
    #[error("build {build} is known already, expected a new number")]
    Known { build: BuildNumber },
    #[error("build {build} is not known{}", .nearest.map(|n| format!(", the nearest is {n}")).unwrap_or_default())]
    Unknown { build: BuildNumber, nearest: Option<BuildNumber> },
    #[error("build {build} was withdrawn ({reason}), expected a verified one")]
    Withdrawn { build: BuildNumber, reason: String },
    #[error("no change has the number {number}, expected one that is in progress")]
    UnknownChange { number: String },
    #[error("{number} is {found}, expected a change in progress")]
    ChangeNotBegun { number: String, found: &'static str },
    #[error("{number} is for {found}, expected a change of a train for channel {channel} of {region}")]
    ChangeOfAnother { number: String, channel: String, region: String, found: String },
    #[error(
        "{by} may not set channel {channel} of {region} without a change, expected the number of one that is in progress, or an admin"
    )]
    NoChange { by: String, channel: String, region: String },
    #[error("expected {what} of 1 to {WORD_MAX} bytes in one line, found {found} bytes")]
    Text { what: &'static str, found: usize },
    #[error(transparent)]
    Reason(#[from] BadReason),
}

/// Channels and regions are named in a word.
pub(crate) const WORD_MAX: usize = 100;

/// People and services have names and addresses, not texts.
const ACTOR_MAX: usize = 256;

/// The command is taken by value: a first reading of a large fleet is moved into its events, not copied.
pub fn decide(state: &State, actor: &Actor, command: Command, now: Now) -> Result<Vec<Event>, Rejection> {
    if actor.name.len() > ACTOR_MAX {
        return Err(Rejection::Actor { found: actor.name.len() });
    }
    match command {
        Command::Fleet(command) => {
            // What is exempt has its end in the calendar; how long ago something was seen is measured.
            let at = match &command {
                FleetCommand::Exempt(_) => state.clock(now),
                FleetCommand::Observe { .. }
                | FleetCommand::NoteShrunk { .. }
                | FleetCommand::ConfirmSource { .. }
                | FleetCommand::EndExemption { .. } => now.steady,
            };
            let events = state.fleet.decide(command, at)?;
            Ok(events.into_iter().map(Event::from).collect())
        }
        Command::Build(command) => Ok(vec![build(state, actor, command)?.into()]),
        Command::Rollout(command) => Ok(rollout::decide(state, actor, &command)?),
        Command::Change(command) => {
            let events = change::decide((&state.changes, &state.access), actor, &command)?;
            Ok(events.into_iter().map(Event::from).collect())
        }
        Command::Access(command) => {
            Ok(vec![access::decide(&state.access, actor, command, state.clock(now))?.into()])
        }
        Command::Cycle(command) => Ok(cycle::decide(state, actor, command)?),
        Command::Keyed { key, digest, command } => keyed(state, actor, (key, digest), *command, now),
        Command::ErrandReport { errand, outcome } => Ok(errand_report(state, errand, &outcome)),
        Command::Begin { owner } => Ok(vec![DriverEvent::Began { tenure: state.tenure + 1, owner }.into()]),
        Command::ClockJumped => {
            Ok(vec![DriverEvent::ClockJumped { wall: now.wall, steady: now.steady }.into()])
        }
        Command::AcceptClock { reason, seen } => {
            reason::check_given(reason.as_deref())?;
            let found = now.wall.0.saturating_sub(state.calendar_time(now.steady).0);
            if found.abs_diff(seen) > clock::SEEN_WITHIN.0 {
                return Err(Rejection::ClockMoved { seen: Ahead(seen), found: Ahead(found) });
            }
            Ok(vec![DriverEvent::ClockAccepted { wall: now.wall, steady: now.steady, reason }.into()])
        }
    }
}

/// A request that was carried out is not carried out again. One that was rejected is decided anew: what stood in its way may
/// have gone.
fn keyed(
    state: &State,
    actor: &Actor,
    (key, digest): (String, Digest),
    command: Command,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    if matches!(command, Command::Keyed { .. }) {
        return Err(Rejection::KeyInKey);
    }
    match state.access.request(&actor.name, &key, now.steady) {
        Some(kept) if kept.digest == digest => {
            return Err(Rejection::Repeated { answer: kept.answer.clone() });
        }
        Some(_) => return Err(Rejection::KeyReused { key }),
        None => {}
    }
    let mut events = decide(state, actor, command, now)?;
    let kept = access::keyed(actor, key, digest, &events)?;
    events.push(kept.into());
    Ok(events)
}

/// A build that rollouts may use.
pub(crate) fn usable_build(state: &State, build: BuildNumber) -> Result<(), BuildRejection> {
    match state.builds.get(build).map(|build| &build.state) {
        Some(BuildState::Verified) => Ok(()),
        Some(BuildState::Withdrawn { reason }) => {
            Err(BuildRejection::Withdrawn { build, reason: reason.clone() })
        }
        None => Err(BuildRejection::Unknown { build, nearest: state.builds.nearest(build) }),
    }
}

fn build(state: &State, actor: &Actor, command: BuildCommand) -> Result<BuildEvent, BuildRejection> {
    match command {
        BuildCommand::Verified { build } => match state.builds.get(build) {
            Some(_) => Err(BuildRejection::Known { build }),
            None => Ok(BuildEvent::Verified { build }),
        },
        BuildCommand::Withdraw { build, reason } => {
            usable_build(state, build)?;
            reason::check(&reason)?;
            Ok(BuildEvent::Withdrawn { build, reason })
        }
        BuildCommand::SetChannel { channel, region, build, change, reason } => {
            build::set(state, actor, Setting { channel, region, build, change, reason })
        }
        BuildCommand::LeadBack { channel, region, build, change, reason } => {
            build::lead_back(state, Setting { channel, region, build, change, reason: Some(reason) })
        }
    }
}

/// What an outside service answered. An answer that nobody waits for any more, late or given twice, changes nothing.
fn errand_report(state: &State, id: ErrandId, outcome: &ErrandOutcome) -> Vec<Event> {
    let Some(errand) = state.errands.get(id) else { return Vec::new() };
    let late_failure = matches!((errand.state, outcome), (ErrandState::Due(_), ErrandOutcome::Failed { .. }));
    if late_failure || errand.attempts == 0 {
        return Vec::new();
    }
    let outcome = &fitting(state, errand, outcome);
    let mut events = vec![ErrandEvent::Reported { errand: id, outcome: outcome.clone() }.into()];
    match (errand.kind, outcome) {
        (ErrandKind::RaiseChange(change), ErrandOutcome::Raised { number, tasks }) => {
            let (number, tasks) = (number.clone(), tasks.clone());
            events.push(ChangeEvent::Raised { change, number, tasks }.into());
        }
        (ErrandKind::RaiseChange(change), ErrandOutcome::Refused { reason }) => {
            events.push(ChangeEvent::Refused { change, reason: reason.clone() }.into());
        }
        (ErrandKind::RaiseTicket(ticket), ErrandOutcome::Raised { number, .. }) => {
            events.push(TicketEvent::Raised { ticket, number: number.clone() }.into());
        }
        _ => {}
    }
    events
}

/// The outcome as far as it answers what was asked. One that does not is a failure, so that the errand is asked again and
/// its trouble is seen: nothing that is to be done outside is ever forgotten.
fn fitting(state: &State, errand: &Errand, outcome: &ErrandOutcome) -> ErrandOutcome {
    let failed = |reason: String| errand.failed(reason);
    let kind = errand.kind;
    let makes = matches!(kind, ErrandKind::Link(_, Link::Build));
    let raises = matches!(kind, ErrandKind::RaiseChange(_) | ErrandKind::RaiseTicket(_));
    match outcome {
        ErrandOutcome::Raised { number, tasks } => {
            let sizes = tasks.iter().map(String::len).chain([number.len()]);
            if !raises {
                return failed(format!("expected it to be done, found the number {}", shortened(number)));
            }
            let whole: usize = sizes.clone().sum();
            let is_bad = tasks.len() > TASKS_MAX || sizes.max() > Some(NUMBER_MAX) || whole > NUMBERS_MAX;
            if number.trim().is_empty() || is_bad {
                return failed(format!(
                    "expected a number and those of the tasks, found {}",
                    shortened(number)
                ));
            }
            let ErrandKind::RaiseChange(change) = kind else { return outcome.clone() };
            match state.changes.find(number) {
                Some(other) if other.id != change => {
                    failed(format!("the desk gave {number}, which another change has already"))
                }
                Some(_) | None => outcome.clone(),
            }
        }
        ErrandOutcome::Done if raises => failed("expected the number that was given, found none".to_owned()),
        ErrandOutcome::Refused { reason }
            if matches!(kind, ErrandKind::RaiseChange(_) | ErrandKind::Notify(_) | ErrandKind::Link(..)) =>
        {
            ErrandOutcome::Refused { reason: shortened(reason) }
        }
        ErrandOutcome::Refused { reason } => failed(format!("refused: {}", shortened(reason))),
        ErrandOutcome::Failed { reason } => failed(shortened(reason)),
        ErrandOutcome::Built { build, note } if makes => match usable_build(state, *build) {
            Ok(()) => ErrandOutcome::Built { build: *build, note: shortened(note) },
            Err(why) => failed(why.to_string()),
        },
        ErrandOutcome::Built { build, .. } => failed(format!("expected it to be done, found build {build}")),
        ErrandOutcome::Told { .. } | ErrandOutcome::Done if makes => {
            failed("expected the build that was made, found none".to_owned())
        }
        ErrandOutcome::Told { .. } if raises => {
            failed("expected the number that was given, found none".to_owned())
        }
        ErrandOutcome::Told { note } => ErrandOutcome::Told { note: shortened(note) },
        ErrandOutcome::Done => ErrandOutcome::Done,
    }
}

/// Numbers of desks and trackers are a dozen characters; addresses of tickets are longer.
const NUMBER_MAX: usize = 512;

/// A change has a task for each bag.
const TASKS_MAX: usize = 4096;

/// Bytes of all numbers of a change together: they are recorded twice, in two events that must fit.
const NUMBERS_MAX: usize = 256 * 1024;

/// The words of an outside service go into the journal as far as a person would read them.
const WORDS_MAX: usize = 2048;

fn shortened(words: &str) -> String {
    words.chars().take(WORDS_MAX).collect()
}
