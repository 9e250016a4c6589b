//! Machines that are not what their bags select any more.

use super::*;
use crate::id::RolloutId;
use crate::pipeline::Amount;
use crate::rollout::tests::rules::phase;
use crate::rollout::tests::world::World;
use crate::why;

fn workers() -> crate::pipeline::Bag {
    bag("workers", "environment=prod role=worker")
}

#[test]
fn a_machine_that_waits_and_is_something_else_now_is_not_patched() {
    let mut world = World::new(
        "a environment=prod role=worker cluster=c
         b environment=prod role=worker cluster=c",
        &[one_step(vec![workers()]).limited(limit("cluster", 1))],
    );
    world.script(
        "start p
         until 5m
         relabel b environment=vip role=database cluster=d
         run",
    );
    assert_eq!(world.story(), "0s start a\n5m gone b\n10m done a\n10m succeeded");
    let rollout = world.state.rollouts.get(RolloutId(1)).unwrap();
    let job = rollout.job_of(world.machine("b")).unwrap();
    assert_eq!(
        why::job(&world.state, rollout, job).line(&world.state),
        "project 1: gone: its attributes changed and its bag selected it no more"
    );
    let tally = rollout.tally();
    assert_eq!((tally.done, tally.gone, tally.total()), (1, 1, 2));
    world.finish();
}

#[test]
fn a_machine_of_a_run_that_is_to_come_or_beside_the_lanes_leaves_as_well() {
    // b stands in the second run; c failed, and waits beside the lanes to be tried again.
    check(
        "a role=worker zone=z1
         b role=worker zone=z2
         c role=worker zone=z1",
        &[pipeline("p", vec![step("s", vec![each("zone", vec![bag("workers", "role=worker").at_most(1)])])])],
        "answer a patch mismatch
         start p
         until 8m
         retry a
         relabel a role=db zone=z1
         relabel b role=db zone=z2
         run",
        "0s start a
         8m failed at patch (mismatch) a
         8m start c
         8m again a
         8m gone a b
         18m done c
         18m succeeded",
    );
}

#[test]
fn a_machine_that_stands_aside_for_another_rollout_leaves_as_well() {
    check(
        "a role=worker",
        &[
            one_step(vec![bag("all", "*")]),
            one_step(vec![bag("workers", "role=worker")]).named("q"),
        ],
        "#1 start p
         #2 start q build 726
         until 5m
         relabel a role=db
         run",
        "0s #1 start a
         5m #2 gone a
         5m #2 halted: every machine of the step has left the fleet or is not selected any more (1), the build is proven on none
         10m #1 done a
         10m #1 succeeded",
    );
}

#[test]
fn a_machine_that_is_selected_again_before_the_step_ends_is_taken_again() {
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").at_most(1)])],
        "start p
         until 5m
         relabel b role=db
         until 7m
         relabel b role=worker
         run",
        "0s start a
         5m gone b
         10m done a
         10m start b
         20m done b
         20m succeeded",
    );
}

#[test]
fn a_machine_that_another_bag_selects_now_is_a_newcomer_there() {
    let two = phase(vec![bag("workers", "role=worker").at_most(1), bag("others", "role=db")]);
    check(
        "a role=worker
         b role=worker
         x role=db",
        &[pipeline("p", vec![step("s", vec![two])])],
        "start p
         until 5m
         relabel b role=db
         run",
        "0s start a x
         5m gone b
         10m done a x
         10m start b
         20m done b
         20m succeeded",
    );
}

#[test]
fn a_machine_at_work_that_is_something_else_now_comes_to_a_safe_end() {
    // Drained and not touched: it goes back into service.
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").drained()])],
        "watch a
         start p
         until 90s
         relabel a role=db
         run",
        "0s start a
         0s ask check a
         0s start b
         1m ask drain a
         2m ask undrain a
         3m gone a
         12m done b
         12m succeeded",
    );
    // The patch has begun: it is not rebooted, and goes back into service once it is healthy.
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").drained().rebooted(crate::pipeline::Reboot::Always)])],
        "watch a
         start p
         until 5m
         relabel a role=db
         run",
        "0s start a
         0s ask check a
         0s start b
         1m ask drain a
         2m ask patch a
         9m ask health a
         11m ask undrain a
         12m gone a
         17m done b
         17m succeeded",
    );
    // All was done that changes it.
    check(
        "a role=worker",
        &[one_step(vec![bag("workers", "role=worker")])],
        "start p
         until 9m
         relabel a role=db
         run",
        "0s start a
         10m done a
         10m succeeded",
    );
}

#[test]
fn a_machine_between_two_tries_is_not_tried_again() {
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").attempts(3)])],
        "answer a patch busy
         start p
         until 9m
         relabel a role=db
         run",
        "0s start a b
         9m gone a
         10m done b
         10m succeeded",
    );
}

#[test]
fn what_is_said_of_a_machine_that_is_being_stopped_does_not_start_it_again_at_once() {
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").drained().at_most(2)])],
        "watch a
         start p
         until 90s
         relabel a role=db
         relabel a role=worker
         run",
        "0s start a
         0s ask check a
         0s start b
         1m ask drain a
         2m ask undrain a
         3m gone a
         12m done b
         12m start a
         12m ask check a
         13m ask drain a
         14m ask patch a
         21m ask health a
         23m ask undrain a
         24m done a
         24m succeeded",
    );
}

#[test]
fn a_machine_that_failed_and_is_something_else_now_stays_failed_and_is_not_retried() {
    check(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker").at_most(1)])
            .first(|step| step.failures(Amount::Count(0)))],
        "answer a patch mismatch
         start p
         until 1h
         relabel a role=db
         retry
         skip a
         resume s 0
         run",
        "0s start a
         8m failed at patch (mismatch) a
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h rejected: no machine of project 1 that is named, and that its bag still selects, has failed or is lost in a step that has not ended
         1h skipped a
         1h start b
         1h10m done b
         1h10m succeeded",
    );
}

#[test]
fn a_machine_that_was_lost_and_is_something_else_now_is_not_begun_again_by_its_answer() {
    let mut world = World::new(
        "a role=worker
         b role=worker",
        &[one_step(vec![bag("workers", "role=worker")])],
    );
    world.script(
        "answer a patch lost
         start p
         until 9m
         relabel a role=db
         report a not-needed
         run",
    );
    assert_eq!(
        world.story(),
        "0s start a b\n8m lost at patch a\n10m done b\n10m succeeded",
        "what was patched for another role is for people to look at"
    );
    world.finish();
}
