//! Each thing is told once, when it comes about, with its names in it; what nobody takes is given up in the end.

use crate::errand::{ErrandEvent, ErrandId, ErrandKind, ErrandOutcome, ErrandState};
use crate::event::Event;
use crate::notice::{About, NoticeEvent, NoticeState};
use crate::plan::plan;
use crate::state::State;
use crate::time::{Now, Span, Timestamp};

const START: Timestamp = Timestamp(1_795_132_800_000);

/// A state with one notice, posted by the plan.
fn posted() -> State {
    let mut state = State { at: START, ..State::default() };
    state.notices.want(About::RolloutStarted { rollout: crate::id::RolloutId(1) });
    settle(&mut state, START);
    state
}

fn settle(state: &mut State, at: Timestamp) {
    loop {
        let planned = plan(state, Now::same(at));
        if planned.events.is_empty() {
            return;
        }
        planned.events.iter().for_each(|event| state.evolve(event, at));
    }
}

#[test]
fn a_notice_is_posted_once_and_has_an_errand() {
    let state = posted();
    assert_eq!(state.notices.iter().count(), 1);
    assert_eq!(state.notices.due().count(), 0);
    let open: Vec<ErrandKind> = state.errands.open().map(|(_, errand)| errand.kind).collect();
    assert_eq!(open, [ErrandKind::Notify(crate::id::NoticeId(0))]);
}

#[test]
fn a_notice_that_is_taken_is_told() {
    let mut state = posted();
    let done = ErrandEvent::Reported { errand: ErrandId(0), outcome: ErrandOutcome::Done };
    state.evolve(&done.into(), START + Span::secs(1));
    let notice = state.notices.iter().next().expect("the notice");
    assert_eq!(notice.state, NoticeState::Told { at: START + Span::secs(1) });
    assert_eq!(state.errands.open().count(), 0);
}

#[test]
fn a_notice_that_nobody_takes_is_given_up_after_a_day() {
    let mut state = posted();
    let mut at = START;
    while state.errands.open().count() > 0 {
        at = state.errands.next_due().expect("an errand that is open is due");
        settle(&mut state, at);
        assert!(at.since(START) < Span::hours(48), "it is never given up");
    }
    assert!(at.since(START) > Span::hours(24), "{}", at.since(START));
    let NoticeState::GivenUp { reason, .. } = &state.notices.iter().next().expect("the notice").state else {
        panic!("expected it to be given up")
    };
    assert_eq!(reason, "given up after 100 tries: no answer came in time");
}

#[test]
fn a_call_that_reaches_nobody_is_tried_less_and_less_and_ends_where_it_is_seen() {
    let mut state = State { at: START, ..State::default() };
    state.errands.add(ErrandKind::Call(crate::id::RolloutId(1), 0), START);
    let (mut at, mut tries) = (START, 0);
    while state.errands.open().count() > 0 {
        settle(&mut state, at);
        let open: Vec<_> = state.errands.open().map(|(_, open)| (open.attempts, open.state)).collect();
        if let [(attempts, ErrandState::Asked { .. })] = open.as_slice() {
            tries = *attempts;
        }
        at = state.errands.next_due().unwrap_or(at);
        assert!(at.since(START) < Span::hours(24 * 5), "it is never given up");
    }
    assert!(tries < 320 && at.since(START) > Span::hours(24 * 2), "{tries} tries until {}", at.since(START));
    let given_up: Vec<_> = state.errands.given_up().map(|one| (one.kind, one.reason.as_str())).collect();
    assert!(
        matches!(given_up.as_slice(), [(ErrandKind::Call(..), reason)] if reason.starts_with("given up after 300 tries")),
        "{given_up:?}"
    );
}

#[test]
fn a_notice_that_is_refused_is_not_offered_again() {
    let mut state = posted();
    assert!(matches!(
        state.errands.get(ErrandId(0)).map(|errand| errand.state),
        Some(ErrandState::Asked { .. })
    ));
    let outcome = ErrandOutcome::Refused { reason: "no such channel".to_owned() };
    let report = crate::decide::Command::ErrandReport { errand: ErrandId(0), outcome };
    let events = crate::decide::decide(&state, &crate::actor::Actor::smith(), report, Now::same(START));
    for event in events.expect("taken") {
        state.evolve(&event, START);
    }
    assert_eq!(state.errands.open().count(), 0);
    assert!(matches!(
        &state.notices.iter().next().expect("the notice").state,
        NoticeState::GivenUp { reason, .. } if reason == "no such channel"
    ));
}

#[test]
fn what_was_told_long_ago_is_left_to_the_journal() {
    let mut state = State::default();
    for number in 0..1_002 {
        let about = About::RolloutEnded { rollout: crate::id::RolloutId(number) };
        let notice = crate::id::NoticeId(number);
        state.evolve(&Event::Notice(NoticeEvent::Posted { notice, about, text: "x".to_owned() }), START);
        let done = ErrandEvent::Reported { errand: ErrandId(number), outcome: ErrandOutcome::Done };
        state.evolve(&done.into(), START);
    }
    assert_eq!(state.notices.iter().count(), 1_000);
    assert_eq!(state.notices.iter().next().map(|notice| notice.id), Some(crate::id::NoticeId(2)));
    assert_eq!(state.notices.next_id(), crate::id::NoticeId(1_002));
}
