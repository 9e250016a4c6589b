//! Machines that come and go while a step runs.

use super::*;
use crate::event::Event;
use crate::id::RolloutId;
use crate::rollout::RolloutEvent;
use crate::rollout::event::RunSpec;
use crate::rollout::tests::rules::phase;
use crate::rollout::tests::world::World;

#[test]
fn a_machine_that_joins_during_a_step_is_patched_before_the_step_ends() {
    check(
        "a
         x role=db",
        &[one_step(vec![bag("a", "a*"), bag("x", "x")])],
        "always x patch reboot-needed
         start p
         until 5m
         join a2
         join b
         run",
        "0s start a x
         10m done a x
         10m start a2
         20m done a2
         20m succeeded",
    );
}

#[test]
fn a_machine_that_joins_goes_to_the_first_bag_that_wants_it_and_keeps_its_limits() {
    check(
        "a1 cluster=one
         b1 cluster=two",
        &[pipeline("p", vec![step("s", vec![phase(vec![bag("b", "b*")]), phase(vec![bag("all", "*")])])])
            .limited(limit("cluster", 1))],
        "start p
         until 15m
         join b2 cluster=two
         join b3 cluster=two
         join c1 cluster=one
         run",
        "0s start b1
         10m done b1
         10m start a1
         20m done a1
         20m start b2
         30m done b2
         30m start b3
         40m done b3
         40m start c1
         50m done c1
         50m succeeded",
    );
}

#[test]
fn newcomers_run_value_by_value_where_the_phase_does() {
    check(
        "a zone=z2",
        &[pipeline("p", vec![step("s", vec![each("zone", vec![bag("all", "*")])])])],
        "start p
         until 5m
         join c zone=z3
         join b zone=z1
         join d zone=z3
         run",
        "0s start a
         10m done a
         10m start b
         20m done b
         20m start c d
         30m done c d
         30m succeeded",
    );
}

#[test]
fn a_bag_that_takes_a_share_has_its_share_already() {
    check(
        "a[1-2]",
        &[one_step(vec![bag("x", "*").taking(crate::pipeline::Amount::Count(1))])],
        "start p
         until 5m
         join a3
         run",
        "0s start a1
         10m done a1
         10m succeeded",
    );
}

#[test]
fn a_step_that_was_swept_is_swept_again() {
    check(
        "a1",
        &[one_step(vec![bag("all", "*")])],
        "start p
         until 5m
         join a2
         until 15m
         join a3
         run
         join a4
         run",
        "0s start a1
         10m done a1
         10m start a2
         20m done a2
         20m start a3
         30m done a3
         30m succeeded",
    );
}

#[test]
fn a_machine_that_leaves_while_it_waits_is_gone_and_not_failed() {
    check(
        "a1
         a2
         a3",
        &[one_step(vec![bag("all", "*").at_most(1)])
            .first(|step| step.failures(crate::pipeline::Amount::Count(0)))],
        "start p
         until 5m
         leave a2
         run",
        "0s start a1
         5m gone a2
         10m done a1
         10m start a3
         20m done a3
         20m succeeded",
    );
}

#[test]
fn a_machine_that_leaves_at_work_is_gone_once_its_action_is_answered() {
    for answer in ["not-needed", "mismatch", "lost"] {
        let script = format!("answer a1 patch {answer}\nstart p\nuntil 5m\nleave a1\nrun");
        check(
            "a1 cluster=one
             a2 cluster=one",
            &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
            &script,
            // It was at work, so its cluster waited: under another name it may be there still.
            "0s start a1
             8m gone a1
             8m start a2
             18m done a2
             18m succeeded",
        );
    }
}

#[test]
fn a_machine_that_leaves_between_two_tries_is_gone_at_once() {
    check(
        "a1
         a2",
        &[one_step(vec![bag("all", "*").at_most(1).attempts(3)])],
        "answer a1 patch busy
         start p
         until 9m
         leave a1
         run",
        "0s start a1
         9m gone a1
         9m start a2
         19m done a2
         19m succeeded",
    );
}

#[test]
fn a_failed_machine_that_leaves_is_gone_and_has_failed_all_the_same() {
    check(
        "a1
         a2",
        &[one_step(vec![bag("all", "*").at_most(1)])
            .first(|step| step.failures(crate::pipeline::Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 1h
         leave a1
         resume s 0
         until 2h
         resume s 1
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h gone a1
         1h rejected: the step would halt again at once: the failure budget is spent: 1 failed, 0 lost, 0 allowed; retry, skip or sign off machines, or grant more failures
         2h start a2
         2h10m done a2
         2h10m succeeded",
    );
}

#[test]
fn a_machine_that_returns_is_patched_and_counted_once() {
    let world = play(
        "a1
         a2",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "start p
         until 5m
         leave a2
         until 7m
         join a2
         run",
    );
    assert_eq!(
        world.story(),
        "0s start a1
5m gone a2
10m done a1
10m start a2
20m done a2
20m succeeded"
    );
    let tally = world.state.rollouts.get(RolloutId(1)).unwrap().tally();
    assert_eq!((tally.done, tally.gone, tally.total()), (2, 0, 2));
}

#[test]
fn a_machine_that_comes_and_goes_does_not_make_the_budget_larger() {
    // A fifth of four is nothing, however often one of them leaves and returns.
    check(
        "a1
         a2
         a3
         a4",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(crate::pipeline::Amount::Percent(20)))],
        "always * patch mismatch
         answer a1 patch not-needed
         start p
         until 2m
         leave a2
         leave a3
         leave a4
         join a2
         join a3
         join a4
         run",
        "0s start a1
         2m gone a2 a3 a4
         10m done a1
         10m start a2
         18m failed at patch (mismatch) a2
         18m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed",
    );
}

#[test]
fn a_machine_that_left_at_work_and_is_back_before_its_answer_goes_on_as_before() {
    // The inventory blinked: what the patch did is known, and a failure of it is no proof of health.
    check(
        "a1 cluster=one
         a2 cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "answer a1 patch mismatch
         start p
         until 5m
         leave a1
         join a1 cluster=one
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m held up by a1",
    );
}

#[test]
fn a_machine_that_another_step_took_after_it_had_left_starts_under_that_step_only() {
    // a4 stands in the queue of step one, behind a3, when it leaves; step two takes it when it is back.
    let steps = vec![
        step("one", vec![phase(vec![bag("x", "a1,a2,a3,a4,a5").at_most(2)])]),
        step("two", vec![phase(vec![bag("y", "a0,a4").at_most(1)])]).gated(rules::approval(
            "go",
            &["bob"],
            1,
        )),
    ];
    check(
        "a[0-3]
         a4
         a5",
        &[pipeline("p", steps)],
        "start p
         until 2m
         leave a4
         join a4
         approve two go by bob
         run",
        "0s open one
         0s start a1 a2
         2m gone a4
         2m open two
         2m start a0
         10m done a1 a2
         10m start a3 a5
         12m done a0
         12m start a4
         20m done a3 a5
         20m end one
         22m done a4
         22m end two
         22m succeeded",
    );
}

/// A step in whose first run `a` is at work, and which has been swept so often that it has so many runs.
fn with_runs(runs: usize) -> World {
    let pipelines = [pipeline("p", vec![step("s", vec![each("zone", vec![bag("all", "*")])])])];
    let mut world = World::new("a zone=z1", &pipelines);
    world.script("start p\nuntil 5m");
    let (rollout, step) = (RolloutId(1), 0);
    let empty = vec![RunSpec { phase: 0, value: None }; runs - 1];
    let last = u16::try_from(runs - 1).unwrap();
    let swept = [
        RolloutEvent::Swept { rollout, step, runs: empty },
        RolloutEvent::RunClosed { rollout, step, run: last },
    ];
    for event in swept.map(Event::from) {
        world.state.evolve(&event, world.now);
        world.journal.push((world.now, event));
    }
    world
}

#[test]
fn runs_of_newcomers_are_numbered_up_to_the_last_number() {
    let mut world = with_runs(65_534);
    world.script("join b zone=z2\nrun");
    world.finish();
    assert!(world.story().ends_with("20m done b\n20m succeeded"), "{}", world.story());
    assert_eq!(world.state.rollouts.get(RolloutId(1)).unwrap().step(0).runs.len(), 65_535);
}

#[test]
fn newcomers_whose_runs_cannot_be_numbered_halt_the_step_until_they_are_gone() {
    let mut world = with_runs(65_534);
    world.script("join b zone=z2\njoin c zone=z3\nrun");
    let story = world.story();
    let halted = "halted: phase 1 would have 65536 runs, expected at most 65535 whose names fit into 2 MiB";
    assert!(story.contains(halted), "{story}");
    // As long as it is so, a word that lets it go on does not help.
    world.script("resume s 1\nrun");
    assert_eq!(world.story().matches(halted).count(), 2, "{}", world.story());
    assert!(world.state.rollouts.get(RolloutId(1)).unwrap().job_of(world.machine("b")).is_none());
    world.script("leave c\nresume s 1\nrun");
    world.finish();
    assert!(world.story().contains("done b\n") && world.story().ends_with("succeeded"), "{}", world.story());
}
