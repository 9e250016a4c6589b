//! Every command about one change in every state, for a change of a step and for one of a train.

use super::*;
use crate::reason::BadReason;

const STATES: [&str; 9] = [
    "drafted",
    "raised",
    "approved",
    "begun",
    "revoked",
    "rejected",
    "refused by the desk",
    "closed",
    "cancelled",
];

/// A change that has come into a state the way changes do.
fn in_state(state: &str, subject: Subject) -> Changes {
    let id = ChangeId(0);
    let (by, reason) = ("bob".to_owned(), "no".to_owned());
    let approved = ChangeEvent::Approved { change: id, by: by.clone(), reason: None };
    let begun = ChangeEvent::Begun { change: id, reason: None };
    let (how, evidence) = (Closing::Successful, evidence(None, None));
    let mut events = vec![drafted(0, subject, approve_by(1), &[]), raised(0)];
    match state {
        "drafted" => drop(events.pop()),
        "raised" => {}
        "approved" => events.push(approved),
        "begun" => events.extend([approved, begun]),
        "revoked" => events.extend([approved, ChangeEvent::Revoked { change: id, by, reason }]),
        "rejected" => events.push(ChangeEvent::Rejected { change: id, by, reason }),
        "refused by the desk" => {
            events.pop();
            events.push(ChangeEvent::Refused { change: id, reason });
        }
        "closed" => events.extend([approved, begun, ChangeEvent::Closed { change: id, how, evidence }]),
        "cancelled" => events.push(ChangeEvent::Cancelled { change: id, reason }),
        other => panic!("{other}"),
    }
    fold(events)
}

fn number() -> String {
    "CHG0000100".to_owned()
}

fn commands() -> Vec<(&'static str, ChangeCommand)> {
    let reason = || "because".to_owned();
    let evidence = evidence(Some("https://tests/1"), Some(true));
    vec![
        ("approve", ChangeCommand::Approve { number: number(), reason: None }),
        ("reject", ChangeCommand::Reject { number: number(), reason: reason() }),
        ("revoke", ChangeCommand::Revoke { number: number(), reason: reason() }),
        ("start", ChangeCommand::StartTrain { numbers: vec![number()], reason: None }),
        ("complete", ChangeCommand::CompleteTrain { numbers: vec![number()], evidence }),
        ("cancel", ChangeCommand::Cancel { number: number(), reason: reason() }),
    ]
}

/// What bob's command leads to, in a word, or the rejection's text.
fn outcome(changes: &Changes, command: &ChangeCommand) -> String {
    match decide(changes, &Actor::person("bob"), command) {
        Ok(events) => {
            assert_eq!(events.len(), 1);
            events[0].kind().to_owned()
        }
        Err(rejection) => rejection.to_string(),
    }
}

fn wrong(found: &str, expected: &str) -> String {
    format!("CHG0000100 is {found}, expected {expected}")
}

/// What is expected of a change of a train, by state and command.
fn expected(state: &str, command: &str) -> String {
    let word = match state {
        "raised" => "waiting for approval",
        "begun" => "in progress",
        "refused by the desk" => "rejected",
        other => other,
    };
    let accepted = match (state, command) {
        ("drafted" | "refused by the desk", _) => {
            // The desk has given it no number, so nobody can name it.
            return "no change has the number CHG0000100, expected one of the open changes".to_owned();
        }
        ("raised" | "revoked", "approve") => "change.approved",
        ("raised", "reject") => "change.rejected",
        ("approved" | "begun", "revoke") => "change.revoked",
        ("approved", "start") => "change.begun",
        ("begun", "complete") => "change.closed",
        ("raised" | "approved" | "revoked", "cancel") => "change.cancelled",
        (_, "approve" | "reject") => return wrong(word, "one that waits for approval"),
        (_, "revoke" | "start") => return wrong(word, "an approved one"),
        (_, "complete") => return wrong(word, "one in progress"),
        (_, "cancel") => return wrong(word, "one that has not begun"),
        (_, other) => panic!("{other}"),
    };
    accepted.to_owned()
}

#[test]
fn every_command_in_every_state_of_a_change_of_a_train() {
    for state in STATES {
        let changes = in_state(state, train("us-south"));
        for (name, command) in commands() {
            assert_eq!(outcome(&changes, &command), expected(state, name), "{name} when {state}");
        }
    }
}

#[test]
fn a_change_of_a_step_is_begun_closed_and_cancelled_by_its_rollout_only() {
    for state in STATES {
        let changes = in_state(state, step());
        for (name, command) in commands() {
            let expected = match (state, name) {
                ("drafted" | "refused by the desk", _) | (_, "approve" | "reject" | "revoke") => {
                    expected(state, name)
                }
                _ => "CHG0000100 is for a step of a rollout, expected a change of a train".to_owned(),
            };
            assert_eq!(outcome(&changes, &command), expected, "{name} when {state}");
        }
    }
}

#[test]
fn accepted_commands_say_who_and_why() {
    let changes = in_state("raised", step());
    let bob = Actor::person("bob");
    let (change, by, reason) = (ChangeId(0), "bob".to_owned(), "because".to_owned());
    let cases = [
        (0, ChangeEvent::Approved { change, by: by.clone(), reason: None }),
        (1, ChangeEvent::Rejected { change, by: by.clone(), reason: reason.clone() }),
    ];
    for (at, event) in cases {
        assert_eq!(decide(&changes, &bob, &commands()[at].1), Ok(vec![event]));
    }
    let changes = in_state("begun", train("x"));
    let revoked = ChangeEvent::Revoked { change, by, reason: reason.clone() };
    assert_eq!(decide(&changes, &bob, &commands()[2].1), Ok(vec![revoked]));
    let changes = in_state("revoked", train("x"));
    assert_eq!(decide(&changes, &bob, &commands()[5].1), Ok(vec![ChangeEvent::Cancelled { change, reason }]));
}

#[test]
fn only_those_who_are_named_or_have_the_role_decide_and_never_about_their_own() {
    let changes = in_state("raised", step());
    let approve = ChangeCommand::Approve { number: number(), reason: None };
    let who = "bob, carl, ann, role:lead";
    let ann = Actor::person("ann").with_role("lead");
    assert_eq!(
        refused(&changes, &ann, &approve),
        format!("ann asked for CHG0000100 and cannot approve it, expected somebody else of {who}")
    );
    let not_entitled = format!("eve may not decide about CHG0000100, expected one of {who}");
    let eve = Actor::person("eve").with_role("guest");
    for (_, command) in commands().into_iter().take(2) {
        assert_eq!(refused(&changes, &eve, &command), not_entitled);
    }
    let revoke = &commands()[2].1;
    assert_eq!(refused(&in_state("approved", step()), &eve, revoke), not_entitled);
    assert!(decide(&changes, &Actor::person("dora").with_role("lead"), &approve).is_ok());
    // A requester who is an approver may still say no.
    assert!(decide(&changes, &ann, &commands()[1].1).is_ok());
}

#[test]
fn two_approvals_are_two_people() {
    let one = ChangeEvent::Approved { change: ChangeId(0), by: "bob".to_owned(), reason: None };
    let changes = fold([drafted(0, step(), approve_by(2), &[]), raised(0), one]);
    let approve = ChangeCommand::Approve { number: number(), reason: None };
    assert_eq!(
        refused(&changes, &Actor::person("bob"), &approve),
        "bob has approved CHG0000100 already, expected another of bob, carl, ann, role:lead"
    );
    assert!(decide(&changes, &Actor::person("carl"), &approve).is_ok());
}

#[test]
fn a_change_that_is_only_recorded_is_approved_rejected_and_revoked_by_nobody() {
    for rule in [ChangeRule::Record, ChangeRule::None] {
        let changes = fold([drafted(0, step(), rule, &[]), raised(0)]);
        let bob = Actor::person("bob");
        let needs_none = "CHG0000100 needs no approval: its rule is to record only";
        assert_eq!(refused(&changes, &bob, &commands()[0].1), needs_none);
        assert_eq!(refused(&changes, &bob, &commands()[2].1), needs_none);
        assert_eq!(
            refused(&changes, &bob, &commands()[1].1),
            wrong("approved", "one that waits for approval")
        );
    }
}

#[test]
fn a_reason_is_wanted_where_something_is_taken_away() {
    let blank = || "  ".to_owned();
    let cases = [
        ("raised", ChangeCommand::Reject { number: number(), reason: blank() }),
        ("approved", ChangeCommand::Revoke { number: number(), reason: blank() }),
        ("raised", ChangeCommand::Cancel { number: number(), reason: blank() }),
    ];
    for (state, command) in cases {
        let changes = in_state(state, train("x"));
        let found = decide(&changes, &Actor::person("bob"), &command);
        assert_eq!(found, Err(ChangeRejection::Reason(BadReason::Missing)), "{command:?}");
    }
}

#[test]
fn a_number_that_nobody_knows_is_answered_with_the_nearest_open_one() {
    let id = |n| ChangeId(n);
    let changes = fold([
        drafted(0, step(), approve_by(1), &[]),
        raised(0),
        drafted(1, step(), approve_by(1), &[]),
        raised(1),
        drafted(2, step(), approve_by(1), &[]),
        ChangeEvent::Raised { change: id(2), number: "CHG0268453".to_owned(), tasks: Vec::new() },
        ChangeEvent::Rejected { change: id(1), by: "bob".to_owned(), reason: "no".to_owned() },
    ]);
    let asked = |number: &str| {
        let approve = ChangeCommand::Approve { number: number.to_owned(), reason: None };
        let text = refused(&changes, &Actor::person("bob"), &approve);
        let start = format!("no change has the number {number}, expected one of the open changes");
        text.strip_prefix(&start).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    assert_eq!(asked("CHG0268454"), " (did you mean CHG0268453?)");
    assert_eq!(asked("CHG0268499"), " (did you mean CHG0268453?)", "two places differ");
    assert_eq!(asked("CHG0268399"), "", "three places differ");
    assert_eq!(asked("CHG02684"), " (did you mean CHG0268453?)", "two digits are missing");
    assert_eq!(asked("CHG026"), "");
    // CHG0000101 differs in no place and is closed; CHG0000100 differs in one.
    assert_eq!(asked("CHG0000102"), " (did you mean CHG0000100?)");
}
