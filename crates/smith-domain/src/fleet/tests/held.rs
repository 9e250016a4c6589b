//! Sources that lost too much: noted once, told once, confirmed for what was seen and for no more.

use super::*;
use crate::actor::Actor;
use crate::decide::{Command, decide};
use crate::event::Event;
use crate::plan::plan;
use crate::state::State;
use crate::time::{Now, Span};

const START: Timestamp = Timestamp(1_795_132_800_000);

fn webs(n: u32) -> String {
    format!("web-[1-{n}]")
}

fn record(state: &mut State, command: FleetCommand, at: Timestamp) -> Result<Vec<Event>, String> {
    let decided = decide(state, &Actor::smith(), Command::Fleet(command), Now::same(at));
    let events = decided.map_err(|error| error.to_string())?;
    events.iter().for_each(|event| state.evolve(event, at));
    loop {
        let planned = plan(state, Now::same(at)).events;
        if planned.is_empty() {
            return Ok(events);
        }
        planned.iter().for_each(|event| state.evolve(event, at));
    }
}

/// A reading as the server makes it: what is not taken is noted, and what is taken ends what was noted.
fn read(state: &mut State, machines: u32, at: Timestamp) -> Result<(), String> {
    read_these(state, &webs(machines), at)
}

fn read_these(state: &mut State, machines: &str, at: Timestamp) -> Result<(), String> {
    let reading = merge(vec![source("cmdb", 1, machines)], &Naming::conventional()).unwrap();
    let policy = ObservePolicy::default();
    let command = FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy };
    match state.fleet.decide(command.clone(), at) {
        Err(FleetRejection::SourcesShrank { shrunk }) => {
            let why = FleetRejection::SourcesShrank { shrunk: shrunk.clone() };
            record(state, FleetCommand::NoteShrunk { shrunk }, at)?;
            Err(why.to_string())
        }
        Err(other) => panic!("{other}"),
        Ok(_) => {
            record(state, command, at)?;
            record(state, FleetCommand::NoteShrunk { shrunk: Vec::new() }, at).map(drop)
        }
    }
}

fn confirm(state: &mut State, source: &str, at: Timestamp) -> Result<Vec<Event>, String> {
    let lost = state.fleet.held_back().next().map_or_else(String::new, |(_, held)| held.fingerprint.clone());
    confirm_seen(state, source, &lost, at)
}

fn confirm_seen(state: &mut State, source: &str, lost: &str, at: Timestamp) -> Result<Vec<Event>, String> {
    let (source, reason) = (SourceName::new(source).unwrap(), "the rack was taken down".to_owned());
    record(state, FleetCommand::ConfirmSource { source, reason, lost: lost.to_owned() }, at)
}

fn notices(state: &State) -> Vec<&str> {
    state.notices.iter().map(|notice| notice.text.as_str()).collect()
}

#[test]
fn machines_that_are_really_gone_leave_after_one_word() {
    let mut state = State::default();
    read(&mut state, 100, START).unwrap();
    read(&mut state, 50, START + Span::mins(1)).unwrap_err();
    read(&mut state, 50, START + Span::mins(2)).unwrap_err();
    assert_eq!(state.fleet.present_count(), 100);
    let lost = state.fleet.held_back().next().unwrap().1.fingerprint.clone();
    assert_eq!(
        notices(&state).iter().map(|text| text.replace(&lost, "LOST")).collect::<Vec<_>>(),
        [
            "source cmdb lost 50 of 100 machines: the fleet stays as it was; if they are really gone, an admin says so: smith fleet \
          confirm cmdb --lost LOST --reason …"
        ]
    );
    let named = state.fleet.held_back().next().unwrap().1.machines.iter();
    assert_eq!(named.map(|id| state.fleet.machine(*id).name()).collect::<Vec<_>>().last(), Some(&"web-100"));
    let other = confirm(&mut state, "netbox", START).unwrap_err();
    assert_eq!(other, "expected a source whose readings are not taken, such as cmdb, found netbox");
    assert_eq!(confirm(&mut state, "cmdb", START + Span::mins(3)).unwrap().len(), 1);
    assert_eq!(confirm(&mut state, "cmdb", START + Span::mins(3)).unwrap(), [], "it was said before");
    read(&mut state, 50, START + Span::mins(4)).unwrap();
    assert_eq!((state.fleet.present_count(), state.fleet.held_back().count()), (50, 0));
    // The word is used up.
    read(&mut state, 25, START + Span::mins(5)).unwrap_err();
}

#[test]
fn a_word_is_about_what_was_seen() {
    let mut state = State::default();
    read(&mut state, 100, START).unwrap();
    read(&mut state, 50, START + Span::mins(1)).unwrap_err();
    confirm(&mut state, "cmdb", START + Span::mins(2)).unwrap();
    read(&mut state, 10, START + Span::mins(3)).unwrap_err();
    let held = state.fleet.held_back().next().unwrap().1.clone();
    assert_eq!((held.lost, held.confirmed, held.since), (90, None, START + Span::mins(1)));
    confirm(&mut state, "cmdb", START + Span::mins(4)).unwrap();
    // One that lacks less is taken on the same word.
    read(&mut state, 60, START + Span::mins(5)).unwrap();
    assert_eq!(state.fleet.present_count(), 60);
}

#[test]
fn a_word_is_about_the_machines_that_were_seen_and_not_about_their_number() {
    let mut state = State::default();
    read_these(&mut state, "web-[1-4]", START).unwrap();
    read_these(&mut state, "web-[1-2]", START + Span::mins(1)).unwrap_err();
    let seen = state.fleet.held_back().next().unwrap().1.fingerprint.clone();
    // Before anybody says a word two others are missing.
    read_these(&mut state, "web-[3-4]", START + Span::mins(2)).unwrap_err();
    let held = state.fleet.held_back().next().unwrap().1.clone();
    assert_eq!(
        held.machines.iter().map(|id| state.fleet.machine(*id).name()).collect::<Vec<_>>(),
        ["web-1", "web-2"]
    );
    let refused = confirm_seen(&mut state, "cmdb", &seen, START + Span::mins(3)).unwrap_err();
    assert!(refused.contains("lacks other machines than were seen"), "{refused}");
    read_these(&mut state, "web-[3-4]", START + Span::mins(3)).unwrap_err();
    assert_eq!(state.fleet.present_count(), 4);
    // Nor after it.
    confirm(&mut state, "cmdb", START + Span::mins(4)).unwrap();
    read_these(&mut state, "web-[1-2]", START + Span::mins(5)).unwrap_err();
    let held = state.fleet.held_back().next().unwrap().1.clone();
    assert_eq!((held.fingerprint, held.confirmed), (seen, None));
    assert_eq!(state.fleet.present_count(), 4);
}

#[test]
fn a_source_that_comes_and_goes_is_told_of_once_an_hour() {
    let mut state = State::default();
    read(&mut state, 100, START).unwrap();
    for minute in 1..=130 {
        let at = START + Span::mins(minute);
        let machines = if minute % 2 == 0 { 100 } else { 50 };
        assert_eq!(read(&mut state, machines, at).is_ok(), minute % 2 == 0);
        assert_eq!(state.fleet.held_back().count() == 0, minute % 2 == 0, "whole again is noted");
    }
    assert_eq!(notices(&state).len(), 3, "after 1, 61 and 121 minutes");
}
