//! Changes, tasks, tickets and errands of steps.

use super::*;
use crate::change::{ChangeState, Closing, TaskState};
use crate::errand::{ErrandId, ErrandKind, ErrandOutcome};
use crate::id::{BuildNumber, ChangeId, MachineId, RolloutId, TicketId};
use crate::pipeline::{Amount, ChangeRule};
use crate::rollout::tests::rules::{people, phase};
use crate::ticket::{TicketKind, TicketState};
use crate::time::{Span, Timestamp};

fn approved_by(who: &[&str], count: u32) -> ChangeRule {
    ChangeRule::Approve { who: people(who), count }
}

fn changed(rule: ChangeRule) -> crate::pipeline::Pipeline {
    one_step(vec![bag("x", "a*").at_most(1)]).first(|step| step.change(rule))
}

fn change(world: &World, id: u32) -> &crate::change::Change {
    world.state.changes.get(ChangeId(id)).unwrap()
}

#[test]
fn a_step_that_wants_no_change_raises_none() {
    let world = play("a", &[changed(ChangeRule::None)], "start p\nrun");
    assert_eq!(world.state.changes.iter().count(), 0);
}

#[test]
fn a_change_that_is_only_recorded_is_raised_begun_and_closed() {
    let world = play("a[1-2]", &[changed(ChangeRule::Record)], "start p\nrun");
    let change = change(&world, 0);
    assert_eq!(change.number.as_deref(), Some("CHG1"));
    let ChangeState::Closed { how: Closing::Successful, evidence } = &change.state else {
        panic!("{:?}", change.state);
    };
    assert_eq!(
        evidence.summary,
        "done: 2 machines, pass 2, failed 0, lost 0, skipped 0, gone 0, unstarted 0"
    );
    let kinds: Vec<&str> =
        world.journal.iter().map(|(_, e)| e.kind()).filter(|kind| kind.starts_with("change.")).collect();
    assert_eq!(
        kinds,
        [
            "change.drafted",
            "change.raised",
            "change.begun",
            "change.task-moved",
            "change.task-moved",
            "change.closed"
        ]
    );
}

#[test]
fn a_machine_that_failed_and_was_taken_out_of_the_fleet_is_no_success() {
    let rule = changed(ChangeRule::Record).first(|step| step.failures(Amount::Count(1)));
    let world = play("a1\na2", &[rule], "answer a1 patch mismatch\nstart p\nuntil 9m\nleave a1\nrun");
    let ChangeState::Closed { how: Closing::WithFailures, evidence } = &change(&world, 0).state else {
        panic!("{:?}", change(&world, 0).state);
    };
    assert_eq!(
        evidence.summary,
        "done: 2 machines, pass 1, failed 0, lost 0, skipped 0, gone 1 (1 after a failure, 0 in an unknown state), \
         unstarted 0"
    );
    let why = crate::why::machine_in(&world.state, RolloutId(1), MachineId(0));
    let told = why.line(&world.state);
    assert!(told.ends_with("gone: it had failed before it left the fleet"), "{told}");
}

#[test]
fn nothing_starts_before_the_desk_has_given_a_number() {
    check(
        "a1",
        &[changed(ChangeRule::Record)],
        "desk silent
         start p
         until 1h
         desk prompt
         until 2h",
        "1h1m45s start a1
         1h11m45s done a1
         1h11m45s succeeded",
    );
}

#[test]
fn nothing_starts_before_enough_others_have_approved_the_change() {
    check(
        "a1",
        &[changed(approved_by(&["bob", "carl", "ann"], 2))],
        "start p
         until 1h
         change approve CHG1 by ann
         change approve CHG1 by bob
         change approve CHG1 by bob
         change approve CHG2 by carl
         until 2h
         change approve CHG1 by carl
         run",
        "1h rejected: ann asked for CHG1 and cannot approve it, expected somebody else of bob, carl, ann
         1h rejected: bob has approved CHG1 already, expected another of bob, carl, ann
         1h rejected: no change has the number CHG2, expected one of the open changes (did you mean CHG1?)
         2h start a1
         2h10m done a1
         2h10m succeeded",
    );
}

#[test]
fn a_rejected_change_halts_the_step_and_the_resumed_step_raises_another() {
    let world = play(
        "a1",
        &[changed(approved_by(&["bob"], 1))],
        "start p
         until 1h
         change reject CHG1 by bob
         until 2h
         resume s 0
         change approve CHG2 by bob
         run",
    );
    assert_eq!(
        world.story(),
        "1h halted: CHG1 was rejected by bob: told so
2h start a1
2h10m done a1
2h10m succeeded"
    );
    assert!(matches!(change(&world, 0).state, ChangeState::Refused { .. }));
    assert!(matches!(change(&world, 1).state, ChangeState::Closed { .. }));
}

#[test]
fn a_change_that_the_desk_refuses_halts_the_step() {
    check(
        "a1",
        &[changed(ChangeRule::Record)],
        "desk refuses
         start p
         until 1h
         desk prompt
         resume s 0
         run",
        "0s halted: change-0 was rejected by change desk: the desk is closed
         1h start a1
         1h10m done a1
         1h10m succeeded",
    );
}

#[test]
fn a_revoked_change_stops_new_starts_until_it_is_approved_again() {
    check(
        "a[1-3]",
        &[changed(approved_by(&["bob"], 1))],
        "start p
         change approve CHG1 by bob
         until 5m
         change revoke CHG1 by bob
         until 1h
         change approve CHG1 by bob
         run",
        "0s start a1
         10m done a1
         1h start a2
         1h10m done a2
         1h10m start a3
         1h20m done a3
         1h20m succeeded",
    );
}

#[test]
fn each_bag_has_a_task_that_begins_and_ends_with_its_phase() {
    let phases = vec![phase(vec![bag("x", "a*"), bag("y", "b")]), phase(vec![bag("z", "c")])];
    let rule = pipeline("p", vec![step("s", phases).change(ChangeRule::Record)]);
    let mut world = World::new("a[1-2]\nb\nc", &[rule]);
    world.script("answer a2 patch mismatch\nstart p\nuntil 5m");
    let states = |world: &World| -> Vec<(String, TaskState)> {
        change(world, 0).tasks.iter().map(|task| (task.title.clone(), task.state)).collect()
    };
    let expected = |x, y, z| vec![("x".to_owned(), x), ("y".to_owned(), y), ("z".to_owned(), z)];
    assert_eq!(states(&world), expected(TaskState::InProgress, TaskState::InProgress, TaskState::Open));
    world.script("until 15m");
    assert_eq!(
        states(&world),
        expected(TaskState::CompleteWithFailures, TaskState::Complete, TaskState::InProgress)
    );
    world.script("run");
    assert_eq!(
        states(&world),
        expected(TaskState::CompleteWithFailures, TaskState::Complete, TaskState::Complete)
    );
    assert_eq!(change(&world, 0).tasks[1].number.as_deref(), Some("CTASK11"));
    assert!(matches!(change(&world, 0).state, ChangeState::Closed { how: Closing::WithFailures, .. }));
    world.finish();
}

#[test]
fn a_task_of_a_phase_that_runs_value_by_value_ends_with_the_last_value() {
    let rule =
        pipeline("p", vec![step("s", vec![each("zone", vec![bag("x", "*")])]).change(ChangeRule::Record)]);
    let mut world = World::new("a zone=z1\nb zone=z2", &[rule]);
    world.script("answer a patch mismatch\nstart p\nuntil 12m");
    assert_eq!(change(&world, 0).tasks[0].state, TaskState::InProgress);
    world.script("run");
    assert_eq!(change(&world, 0).tasks[0].state, TaskState::CompleteWithFailures);
    world.finish();
}

#[test]
fn an_aborted_step_closes_its_change_as_unsuccessful_and_cancels_what_was_not_done() {
    let phases = vec![phase(vec![bag("x", "a")]), phase(vec![bag("y", "b")])];
    let rule = pipeline("p", vec![step("s", phases).change(ChangeRule::Record)]);
    let world = play("a\nb", &[rule], "start p\nuntil 5m\nabort\nrun");
    let change = change(&world, 0);
    assert!(matches!(change.state, ChangeState::Closed { how: Closing::Unsuccessful, .. }), "{change:?}");
    let states: Vec<TaskState> = change.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Cancelled, TaskState::Cancelled]);
}

#[test]
fn a_change_for_a_step_that_never_opened_is_cancelled() {
    let world = play("a", &[changed(approved_by(&["bob"], 1))], "start p\nuntil 5m\nabort\nrun");
    assert!(matches!(change(&world, 0).state, ChangeState::Cancelled { .. }));
}

#[test]
fn a_change_that_was_cancelled_before_the_desk_answered_stays_cancelled() {
    let rule = changed(ChangeRule::Record);
    let mut world = World::new("a", &[rule]);
    world.script("desk silent\nstart p\nuntil 1m\nabort\nuntil 2m");
    assert!(matches!(change(&world, 0).state, ChangeState::Cancelled { .. }));
    world.script("desk prompt\nuntil 3h");
    let change = change(&world, 0);
    assert!(matches!(change.state, ChangeState::Cancelled { .. }), "{:?}", change.state);
    assert_eq!(change.number.as_deref(), Some("CHG1"), "its number is needed to cancel it there");
    world.finish();
}

#[test]
fn the_epic_is_raised_once_for_a_build_and_steps_are_its_children() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "a")])]),
        step("two", vec![phase(vec![bag("b", "b")])]).after(&[0]),
    ];
    let world = play(
        "a\nb",
        &[pipeline("p", steps), one_step(vec![bag("a", "a")]).named("q")],
        "start p
         start q
         start q build 726
         run
         run",
    );
    let tickets: Vec<(String, Option<TicketId>)> =
        world.state.tickets.iter().map(|ticket| (ticket.title.clone(), ticket.parent)).collect();
    let epics: Vec<&str> = world
        .state
        .tickets
        .iter()
        .filter(|ticket| matches!(ticket.kind, TicketKind::Epic { .. }))
        .map(|ticket| ticket.title.as_str())
        .collect();
    assert_eq!(
        epics,
        [
            "BUILD #725 : Tracking Patching for Worldwide Rollout",
            "BUILD #726 : Tracking Patching for Worldwide Rollout"
        ]
    );
    assert_eq!(tickets.len(), 6, "{tickets:?}");
    for ticket in world.state.tickets.iter() {
        if let TicketKind::Step { build, .. } = &ticket.kind {
            assert_eq!(ticket.parent, world.state.tickets.epic(*build));
            assert!(matches!(ticket.state, TicketState::Closed { .. }), "{ticket:?}");
        }
    }
    assert_eq!(tickets[1].0, "BUILD #725 : p : one : step one (project 1)");
    let epic = world.state.tickets.epic(BuildNumber(725));
    assert_eq!(world.state.rollouts.get(RolloutId(2)).unwrap().epic, epic);
}

#[test]
fn a_step_that_is_run_again_closes_the_old_ticket_and_links_the_new_one() {
    let world = play("a", &[one_step(vec![bag("a", "a")])], "start p\nrun\nstart p step 0\nrun");
    let steps: Vec<_> =
        world.state.tickets.iter().filter(|ticket| matches!(ticket.kind, TicketKind::Step { .. })).collect();
    assert_eq!(steps.len(), 2);
    let TicketState::Closed { reason, replaced_by } = &steps[0].state else { panic!("{:?}", steps[0]) };
    assert_eq!((reason.as_str(), *replaced_by), ("run again as project 2", Some(steps[1].id)));
    assert!(matches!(&steps[1].state, TicketState::Closed { replaced_by: None, .. }));
}

#[test]
fn a_halt_is_told_in_the_ticket_and_a_person_is_called() {
    let rule = one_step(vec![bag("a", "a*")]).first(|step| step.failures(Amount::Count(0)));
    let world = play("a[1-2]", &[rule], "desk silent\nanswer a1 patch mismatch\nstart p\nuntil 9m");
    let ticket = world.state.tickets.iter().find(|ticket| matches!(ticket.kind, TicketKind::Step { .. }));
    let comments: Vec<&str> = ticket.unwrap().comments.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        comments,
        ["halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed; olga is called; \
          a1: failed in patch: mismatch"]
    );
    assert!(world.state.errands.open().any(|(_, e)| e.kind == ErrandKind::Call(RolloutId(1), 0)));
}

/// When the errand for the epic was asked, in seconds after the start.
fn asked(world: &World) -> Vec<u64> {
    let asked = world.journal.iter().filter_map(|(at, event)| match event {
        crate::event::Event::Errand(crate::errand::ErrandEvent::Asked { errand: ErrandId(0), .. }) => {
            Some(at.since(world::START).0 / 1000)
        }
        _ => None,
    });
    asked.collect()
}

#[test]
fn an_errand_without_an_answer_is_asked_again_after_waits_that_double_up_to_a_quarter_of_an_hour() {
    let world = play("a", &[one_step(vec![bag("a", "a")])], "desk silent\nstart p\nuntil 1h20m");
    // Two minutes without an answer and then 15 s, 30 s, 1 min, 2, 4, 8, and 15 minutes for ever.
    let gaps: Vec<u64> = asked(&world).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [135, 150, 180, 240, 360, 600, 1020, 1020, 1020]);
}

#[test]
fn an_errand_that_failed_is_asked_again_after_the_wait_alone() {
    let mut world = World::new("a", &[one_step(vec![bag("a", "a")])]);
    world.script("desk silent\nstart p\nuntil 10s");
    world.errand_answer(0, ErrandOutcome::Failed { reason: "busy".to_owned() });
    let errand = world.state.errands.get(ErrandId(0)).unwrap();
    assert_eq!(errand.trouble.as_deref(), Some("busy"));
    world.script("until 1m");
    assert_eq!(asked(&world), [0, 25]);
    world.finish();
}

#[test]
fn answers_to_errands_that_come_late_or_twice_change_nothing_more() {
    let mut world = World::new("a", &[one_step(vec![bag("a", "a")])]);
    let raised = || ErrandOutcome::Raised { number: "T-9".to_owned(), tasks: Vec::new() };
    world.script("desk silent\nstart p\nuntil 2m1s");
    // The deadline has passed, the errand waits for its next try: a failure is no news, a success is.
    let before = world.state.clone();
    world.errand_answer(0, ErrandOutcome::Failed { reason: "late".to_owned() });
    assert_eq!(world.state, before);
    world.errand_answer(0, raised());
    assert_eq!(world.state.tickets.get(TicketId(0)).unwrap().number.as_deref(), Some("T-9"));
    let before = world.state.clone();
    world.errand_answer(0, raised());
    world.errand_answer(0, ErrandOutcome::Done);
    world.errand_answer(77, ErrandOutcome::Done);
    assert_eq!(world.state, before);
    world.finish();
}

#[test]
fn an_errand_that_was_never_asked_has_no_answer() {
    let mut errands = crate::errand::Errands::default();
    errands.add(ErrandKind::RaiseChange(ChangeId(0)), Timestamp(5));
    let mut state = crate::state::State { errands, ..crate::state::State::default() };
    let report = crate::decide::Command::ErrandReport { errand: ErrandId(0), outcome: ErrandOutcome::Done };
    let now = crate::time::Now::same(Timestamp(6));
    let events = crate::decide::decide(&state, &crate::actor::Actor::smith(), report, now).unwrap();
    assert!(events.is_empty(), "{events:?}");
    let asked = crate::errand::ErrandEvent::Asked { errand: ErrandId(0), attempt: 1 };
    state.evolve(&asked.into(), Timestamp(6));
    let due = Timestamp(6) + Span::mins(2);
    assert_eq!(state.errands.next_due(), Some(due));
    assert_eq!(state.errands.due(Timestamp(due.0 - 1)).count(), 0);
    assert_eq!(state.errands.due(due).count(), 1);
}
