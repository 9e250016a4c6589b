//! What people say when they do something is recorded with it, and has a bound.

use crate::actor::Actor;
use crate::decide::{BuildCommand, Command, Rejection, decide};
use crate::event::{DriverEvent, Event};
use crate::id::{BuildNumber, RolloutId};
use crate::reason::{BadReason, REASON_MAX};
use crate::rollout::{RolloutCommand, RolloutEvent, RolloutRejection, Scope};
use crate::state::State;
use crate::time::Now;

use super::rules::{bag, one_step};
use super::world;

fn now() -> Now {
    Now::same(world::START)
}

fn tell(state: &mut State, command: Command) -> Result<Vec<Event>, Rejection> {
    let events = decide(state, &Actor::person("ann").with_role("admin"), command, now())?;
    for event in &events {
        state.evolve(event, now().steady);
    }
    Ok(events)
}

fn started(state: &mut State, reason: Option<String>) -> Result<Vec<Event>, Rejection> {
    let build = BuildNumber(1);
    tell(state, Command::Build(BuildCommand::Verified { build }))?;
    let pipeline = Box::new(one_step(vec![bag("all", "*")]));
    let start = RolloutCommand::Start { pipeline, build, scope: Scope::Pipeline, reason };
    tell(state, Command::Rollout(start))
}

#[test]
fn a_reason_is_recorded_with_what_it_is_for() {
    let mut state = State::default();
    let events = started(&mut state, Some("the weekly patch".to_owned())).expect("started");
    let [Event::Rollout(RolloutEvent::Started { reason, .. })] = events.as_slice() else {
        panic!("expected a start, found {events:?}")
    };
    assert_eq!(reason.as_deref(), Some("the weekly patch"));
    let rollout = RolloutId(1);
    let reason = Some("it does harm".to_owned());
    let abort = RolloutCommand::Abort { rollout, reason: reason.clone() };
    let events = tell(&mut state, Command::Rollout(abort)).expect("aborted");
    assert_eq!(events, [Event::Rollout(RolloutEvent::Aborted { rollout, reason })]);
    let reason = Some("the battery was changed".to_owned());
    let events =
        tell(&mut state, Command::AcceptClock { reason: reason.clone(), seen: 0 }).expect("accepted");
    let (wall, steady) = (now().wall, now().steady);
    assert_eq!(events, [Event::Driver(DriverEvent::ClockAccepted { wall, steady, reason })]);
}

#[test]
fn a_reason_that_is_given_says_something_and_is_no_novel() {
    let bad = [
        (" \n".to_owned(), BadReason::Missing),
        ("x".repeat(4097), BadReason::TooLong { found: 4097 }),
        ("a\u{1b}[2Kb".to_owned(), BadReason::Hidden { found: '\u{1b}' }),
        ("a\u{202e}b".to_owned(), BadReason::Hidden { found: '\u{202e}' }),
    ];
    started(&mut State::default(), Some("a sentence\r\nand\tanother".to_owned())).expect("several lines");
    for (text, why) in bad {
        let found = started(&mut State::default(), Some(text.clone()));
        assert_eq!(found, Err(Rejection::Rollout(RolloutRejection::Reason(why.clone()))));
        let mut state = State::default();
        started(&mut state, Some("x".repeat(REASON_MAX))).expect("as long as may be");
        let pause = RolloutCommand::Pause { rollout: RolloutId(1), reason: Some(text) };
        assert_eq!(
            tell(&mut state, Command::Rollout(pause)),
            Err(Rejection::Rollout(RolloutRejection::Reason(why)))
        );
    }
}

#[test]
fn a_channel_and_a_region_are_named_in_a_word() {
    let mut state = State::default();
    let build = BuildNumber(1);
    tell(&mut state, Command::Build(BuildCommand::Verified { build })).expect("verified");
    let mut set = |channel: &str, region: &str| {
        let (channel, region) = (channel.to_owned(), region.to_owned());
        let set =
            BuildCommand::SetChannel { channel, region, build, change: None, reason: Some("r".to_owned()) };
        tell(&mut state, Command::Build(set)).map_err(|error| error.to_string())
    };
    assert!(set("prod", "ap-south").is_ok());
    let line = |what, found: usize| {
        Err(format!("expected {what} of 1 to 100 bytes in one line, found {found} bytes"))
    };
    assert_eq!(set("", "ap-south"), line("a channel", 0));
    assert_eq!(set("prod", &"r".repeat(101)), line("a region", 101));
    assert_eq!(set("prod", "a\nb"), line("a region", 3));
}
