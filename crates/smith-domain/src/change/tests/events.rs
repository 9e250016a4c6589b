//! What events do to a change.

use super::*;
use crate::change::{Approval, ChangeState};

fn one(events: impl IntoIterator<Item = ChangeEvent>) -> Change {
    fold(events).get(ChangeId(0)).unwrap().clone()
}

fn approved(by: &str) -> ChangeEvent {
    ChangeEvent::Approved { change: ChangeId(0), by: by.to_owned(), reason: None }
}

#[test]
fn a_draft_has_no_number_and_a_raised_change_has_its_own_and_its_tasks_too() {
    let draft = drafted(0, step(), approve_by(1), &["one", "two", "three"]);
    let change = one([draft.clone()]);
    assert_eq!(
        (change.name(), change.state, change.drafted_at),
        ("change-0".to_owned(), ChangeState::Drafted, AT)
    );
    let tasks = ["CTASK1", "CTASK2"].map(str::to_owned).to_vec();
    let change = one([draft, ChangeEvent::Raised { change: ChangeId(0), number: "CHG1".to_owned(), tasks }]);
    assert_eq!((change.name(), &change.state), ("CHG1".to_owned(), &ChangeState::Raised));
    let numbers: Vec<_> = change.tasks.iter().map(|task| task.number.as_deref()).collect();
    assert_eq!(numbers, [Some("CTASK1"), Some("CTASK2"), None]);
}

#[test]
fn a_change_that_is_only_recorded_is_approved_by_its_number() {
    for rule in [ChangeRule::Record, ChangeRule::None] {
        let change = one([drafted(0, step(), rule, &[]), raised(0)]);
        assert_eq!(change.state, ChangeState::Approved);
        assert_eq!((change.approvals_missing(), change.approvers()), (0, None));
    }
}

#[test]
fn it_is_approved_with_the_last_approval_that_was_missing() {
    let draft = || [drafted(0, step(), approve_by(2), &[]), raised(0)];
    let change = one(draft());
    assert_eq!(change.approvals_missing(), 2);
    assert_eq!(change.approvers().map(|who| who.0.len()), Some(4));
    let change = one(draft().into_iter().chain([approved("bob")]));
    assert_eq!((change.approvals_missing(), &change.state), (1, &ChangeState::Raised));
    let change = one(draft().into_iter().chain([approved("bob"), approved("carl")]));
    assert_eq!((change.approvals_missing(), &change.state), (0, &ChangeState::Approved));
    assert_eq!(change.approvals[1], Approval { by: "carl".to_owned(), at: AT });
}

#[test]
fn a_revoked_change_needs_all_its_approvals_again() {
    let revoked =
        ChangeEvent::Revoked { change: ChangeId(0), by: "bob".to_owned(), reason: "wait".to_owned() };
    let begun = ChangeEvent::Begun { change: ChangeId(0), reason: None };
    let events = || {
        vec![
            drafted(0, step(), approve_by(1), &[]),
            raised(0),
            approved("bob"),
            begun.clone(),
            revoked.clone(),
        ]
    };
    let change = one(events());
    assert_eq!(change.state, ChangeState::Revoked { by: "bob".to_owned(), reason: "wait".to_owned() });
    assert_eq!(change.approvals_missing(), 1);
    let change = one(events().into_iter().chain([approved("bob")]));
    assert_eq!(change.state, ChangeState::Approved);
}

#[test]
fn only_approved_and_begun_changes_permit_work_and_only_three_states_are_ends() {
    let (by, reason) = (String::new(), String::new());
    let closed = ChangeState::Closed { how: Closing::Successful, evidence: evidence(None, None) };
    let table = [
        (ChangeState::Drafted, false, false, "drafted"),
        (ChangeState::Raised, false, false, "waiting for approval"),
        (ChangeState::Approved, true, false, "approved"),
        (ChangeState::Begun, true, false, "in progress"),
        (ChangeState::Revoked { by: by.clone(), reason: reason.clone() }, false, false, "revoked"),
        (ChangeState::Refused { by, reason: reason.clone() }, false, true, "rejected"),
        (closed, false, true, "closed"),
        (ChangeState::Cancelled { reason }, false, true, "cancelled"),
    ];
    for (state, permits, ended, word) in table {
        assert_eq!((state.permits(), state.has_ended(), state.word()), (permits, ended, word));
    }
}

#[test]
fn ends_keep_what_was_said() {
    let draft = || vec![drafted(0, step(), approve_by(1), &[]), raised(0)];
    let (change, reason) = (ChangeId(0), "no".to_owned());
    let rejected = ChangeEvent::Rejected { change, by: "bob".to_owned(), reason: reason.clone() };
    let refused = ChangeState::Refused { by: "bob".to_owned(), reason: reason.clone() };
    assert_eq!(one(draft().into_iter().chain([rejected])).state, refused);
    let cancelled = ChangeEvent::Cancelled { change, reason: reason.clone() };
    assert_eq!(
        one(draft().into_iter().chain([cancelled])).state,
        ChangeState::Cancelled { reason: reason.clone() }
    );
    let (how, evidence) = (Closing::WithFailures, evidence(Some("u"), Some(false)));
    let closed = ChangeEvent::Closed { change, how, evidence: evidence.clone() };
    assert_eq!(one(draft().into_iter().chain([closed])).state, ChangeState::Closed { how, evidence });
    let desk =
        [drafted(0, step(), approve_by(1), &[]), ChangeEvent::Refused { change, reason: reason.clone() }];
    assert_eq!(one(desk).state, ChangeState::Refused { by: "change desk".to_owned(), reason });
}

#[test]
fn what_the_desk_says_late_brings_nothing_back() {
    let (change, reason) = (ChangeId(0), "aborted".to_owned());
    let cancelled = || {
        vec![
            drafted(0, step(), approve_by(1), &[]),
            ChangeEvent::Cancelled { change, reason: reason.clone() },
        ]
    };
    let late = one(cancelled().into_iter().chain([raised(0)]));
    assert_eq!(late.state, ChangeState::Cancelled { reason: reason.clone() });
    assert_eq!(late.number.as_deref(), Some("CHG0000100"));
    let refused = ChangeEvent::Refused { change, reason: "full".to_owned() };
    assert_eq!(one(cancelled().into_iter().chain([refused])).state, ChangeState::Cancelled { reason });
}

#[test]
fn changes_are_found_by_number_by_id_and_by_step() {
    let other = Subject::Step { rollout: RolloutId(1), step: 1 };
    let changes = fold([
        drafted(0, step(), ChangeRule::Record, &[]),
        raised(0),
        drafted(1, other, ChangeRule::Record, &[]),
        raised(1),
        drafted(2, step(), ChangeRule::Record, &[]),
    ]);
    assert_eq!(changes.find("CHG0000101").map(|change| change.id), Some(ChangeId(1)));
    assert_eq!(changes.find("CHG0000102"), None);
    assert_eq!(changes.of_step(RolloutId(1), 0).map(|change| change.id), Some(ChangeId(2)), "the newest");
    assert_eq!(changes.of_step(RolloutId(1), 1).map(|change| change.id), Some(ChangeId(1)));
    assert_eq!(changes.of_step(RolloutId(2), 0), None);
    assert_eq!((changes.iter().count(), changes.next_id()), (3, ChangeId(3)));
    assert_eq!(changes.get(ChangeId(3)), None);
}

#[test]
fn events_about_changes_that_are_not_there_change_nothing() {
    let before = fold([drafted(0, step(), approve_by(1), &["x"])]);
    let change = ChangeId(9);
    let (by, reason) = ("bob".to_owned(), "no".to_owned());
    for event in [
        ChangeEvent::Approved { change, by, reason: None },
        ChangeEvent::Begun { change, reason: None },
        ChangeEvent::Cancelled { change, reason },
        ChangeEvent::TaskMoved { task: crate::id::TaskId(9), to: crate::change::TaskMove::Begin },
    ] {
        let mut after = before.clone();
        after.evolve(&event, AT);
        assert_eq!(after, before, "{event:?}");
    }
}

#[test]
fn every_event_has_a_kind_of_its_own() {
    let (change, by, reason) = (ChangeId(0), String::new(), String::new());
    let (how, evidence) = (Closing::Successful, evidence(None, None));
    let task = crate::id::TaskId(0);
    let events = [
        (drafted(0, step(), ChangeRule::None, &[]), "change.drafted"),
        (raised(0), "change.raised"),
        (ChangeEvent::Refused { change, reason: reason.clone() }, "change.refused"),
        (approved("bob"), "change.approved"),
        (ChangeEvent::Rejected { change, by: by.clone(), reason: reason.clone() }, "change.rejected"),
        (ChangeEvent::Revoked { change, by: by.clone(), reason: reason.clone() }, "change.revoked"),
        (ChangeEvent::Begun { change, reason: None }, "change.begun"),
        (ChangeEvent::TaskMoved { task, to: crate::change::TaskMove::Begin }, "change.task-moved"),
        (ChangeEvent::Closed { change, how, evidence }, "change.closed"),
        (ChangeEvent::Cancelled { change, reason }, "change.cancelled"),
        (
            ChangeEvent::TrainRaised {
                train: TrainId(0),
                form: Box::new(trains::form(&["x"])),
                by,
                channel: None,
                reason: None,
            },
            "change.train-raised",
        ),
    ];
    for (event, kind) in events {
        assert_eq!(event.kind(), kind);
    }
}
