//! What is run again in a week: nothing that rests on it goes on by what was known and said before.

use super::*;

/// What comes before the gates and may be run again when it is done.
const BEFORE: [Link; 5] = [Link::Diff, Link::Check, Link::Sync, Link::Verify, Link::Test];

#[test]
fn a_channel_that_failed_does_not_move_while_what_it_rests_on_is_run_again() {
    for link in BEFORE {
        let mut week = Week::with_a_channel_that_failed();
        week.hangs = vec![link];
        week.rerun(link);
        week.rerun(Link::Channel);
        week.pass(Span::mins(1));
        assert!(matches!(week.one().link(link), LinkState::Begun { .. }), "{link}");
        assert_eq!(*week.one().link(Link::Gates), LinkState::Waiting, "{link}");
        assert!(!week.has_moved(), "the channel moved while {link} was under way");
        let early = CycleCommand::ApproveGate { cycle: CYCLE, gate: "go".to_owned(), reason: None };
        let early = week.cycle("bob", early).expect_err("nothing is known yet");
        assert_eq!(early, "gates is waiting, expected under way, after the test");
    }
}

#[test]
fn a_channel_that_failed_moves_once_people_have_said_yes_to_what_was_run_again() {
    for link in BEFORE {
        let mut week = Week::with_a_channel_that_failed();
        week.rerun(link);
        week.rerun(Link::Channel);
        assert!(week.one().link(link).is_behind(), "{link}");
        assert!(!week.has_moved(), "the channel moved on the old word after {link}");
        week.pass(Span::hours(24));
        assert!(!week.has_moved(), "the channel moved on the old word after {link}");
        week.go();
        assert_eq!(week.one().state, CycleState::Ended { at: week.now }, "{link}");
    }
}

#[test]
fn what_fails_when_it_is_run_again_holds_the_gates_the_trains_and_the_channel() {
    for link in BEFORE {
        // The gates are open, and the trains wait for approval.
        let mut week = Week::to_the_trains();
        week.fails = vec![link];
        week.rerun(link);
        week.approve_changes();
        week.pass(Span::hours(48));
        assert!(matches!(week.one().link(link), LinkState::Failed { .. }), "{link}");
        assert_eq!(*week.one().link(Link::Gates), LinkState::Waiting, "{link}");
        assert_eq!(*week.one().link(Link::Channel), LinkState::Waiting, "{link}");
        assert!(!week.has_moved(), "the channel moved over a {link} that failed");
        // Before the word: what failed holds that up, too.
        let mut week = Week::begun();
        week.fails = vec![link];
        week.rerun(link);
        week.pass(Span::hours(48));
        assert_eq!(*week.one().link(Link::Gates), LinkState::Waiting, "{link}");
        assert_eq!(week.state.changes.iter().count(), 0, "no train is raised over a {link} that failed");
        week.fails.clear();
        week.rerun(link);
        week.pass(Span::hours(24));
        week.go();
        week.approve_changes();
        assert_eq!(week.one().state, CycleState::Ended { at: week.now }, "{link}");
    }
}

#[test]
fn a_sync_that_is_run_again_is_verified_again() {
    let mut week = Week::to_the_trains();
    week.hangs = vec![Link::Verify];
    week.rerun(Link::Sync);
    week.pass(Span::mins(1));
    assert!(week.one().link(Link::Sync).is_behind());
    assert!(matches!(week.one().link(Link::Verify), LinkState::Begun { .. }));
    // The check says nothing about mirrors, and the test stays a fact.
    assert!(week.one().link(Link::Check).is_behind());
    assert_eq!(week.state.rollouts.iter().count(), 1);
    // What somebody left out stays left out.
    let skip = CycleCommand::Skip { cycle: CYCLE, link: Link::Verify, reason: "seen by hand".to_owned() };
    week.cycle("ann", skip).expect("left out");
    week.rerun(Link::Sync);
    assert!(matches!(week.one().link(Link::Verify), LinkState::Skipped { .. }));
}

#[test]
fn a_test_that_was_run_again_while_the_channel_moved_shuts_the_gates_when_that_is_run_again() {
    let mut week = Week::to_the_trains();
    week.hangs = vec![Link::Channel];
    week.approve_changes();
    assert!(matches!(week.one().link(Link::Channel), LinkState::Begun { .. }));
    week.pass(Span::mins(1));
    week.rerun(Link::Test);
    assert!(week.one().link(Link::Gates).is_behind(), "what moves is not called back");
    let run = week.one().links.get(&Link::Channel).and_then(|run| run.errand).expect("under way");
    let outcome = ErrandOutcome::Refused { reason: "led back".to_owned() };
    week.tell(Command::ErrandReport { errand: run, outcome }).expect("reported");
    week.settle();
    assert!(matches!(week.one().link(Link::Channel), LinkState::Failed { .. }));
    week.hangs.clear();
    week.rerun(Link::Channel);
    assert!(!week.has_moved(), "the channel moved on the word for the test before");
    week.pass(Span::hours(24));
    week.go();
    assert_eq!(week.one().state, CycleState::Ended { at: week.now });
}

#[test]
fn a_channel_that_only_failed_needs_no_new_word() {
    let mut week = Week::with_a_channel_that_failed();
    week.rerun(Link::Channel);
    assert_eq!(week.one().state, CycleState::Ended { at: week.now });
}

#[test]
fn a_channel_that_has_moved_leaves_the_gates_open_and_what_comes_after_waits() {
    let mut week = Week::to_the_trains();
    week.hangs = vec![Link::Canary];
    week.approve_changes();
    assert!(week.has_moved());
    week.fails = vec![Link::Check];
    week.rerun(Link::Check);
    assert!(week.one().link(Link::Gates).is_behind());
    let skip = CycleCommand::Skip { cycle: CYCLE, link: Link::Canary, reason: "by hand".to_owned() };
    week.cycle("ann", skip).expect("left out");
    assert_eq!(*week.one().link(Link::Region(0)), LinkState::Waiting, "the check has failed");
    week.fails.clear();
    week.rerun(Link::Check);
    assert_eq!(week.one().state, CycleState::Ended { at: week.now });
}
