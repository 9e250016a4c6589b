//! What people do with a running rollout: pause, abort, skip, sign off, retry, start again.

use super::*;
use crate::rollout::tests::rules::phase;

#[test]
fn after_a_pause_nothing_starts_and_what_runs_is_finished() {
    check(
        "a[1-3] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "start p
         until 5m
         pause
         pause
         until 1h
         unpause
         unpause
         until 1h1m",
        "0s start a1
         5m rejected: project 1 is paused, expected it to be running
         10m done a1
         1h start a2
         1h rejected: project 1 is running, expected it to be paused",
    );
}

#[test]
fn a_paused_rollout_opens_no_step_and_no_phase() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "a")]), phase(vec![bag("b", "b")])]),
        step("two", vec![phase(vec![bag("c", "c")])]).after(&[0]),
    ];
    check(
        "a
         b
         c",
        &[pipeline("p", steps)],
        "start p
         until 5m
         pause
         until 1h
         unpause
         until 1h5m
         pause
         until 2h
         unpause
         run",
        "0s open one
         0s start a
         10m done a
         1h start b
         1h10m done b
         1h10m end one
         2h open two
         2h start c
         2h10m done c
         2h10m end two
         2h10m succeeded",
    );
}

#[test]
fn a_pause_gives_the_turn_to_another_rollout() {
    let rule = |name, select| one_step(vec![bag("all", select)]).named(name).limited(limit("", 1));
    check(
        "a[1-3]
         b[1-2]",
        &[rule("p", "a*"), rule("q", "b*")],
        "start p
         until 1m
         start q
         pause
         until 15m",
        "0s #1 start a1
         10m #1 done a1
         10m #2 start b1",
    );
}

#[test]
fn an_abort_lets_machines_that_were_only_looked_at_go() {
    check(
        "a[1-3]",
        &[one_step(vec![bag("all", "*").at_most(2)])],
        "start p
         until 30s
         abort
         abort
         run",
        "0s start a1 a2
         30s rejected: project 1 is aborting, expected it to be running or paused
         1m stopped a1 a2 a3
         1m aborted",
    );
}

#[test]
fn after_an_abort_a_patched_machine_is_proven_healthy_and_undrained_and_not_rebooted() {
    check(
        "a[1-2]",
        &[one_step(vec![bag("all", "*").drained().at_most(1).rebooted(crate::pipeline::Reboot::IfNeeded)])],
        "answer a1 patch reboot-needed
         watch a1
         start p
         until 5m
         abort
         run",
        "0s start a1
         0s ask check a1
         1m ask drain a1
         2m ask patch a1
         9m ask health a1
         11m ask undrain a1
         12m stopped a1 a2
         12m aborted",
    );
}

#[test]
fn after_an_abort_a_drained_machine_is_undrained() {
    check(
        "a",
        &[one_step(vec![bag("all", "*").drained()])],
        "watch a
         start p
         until 90s
         abort
         run",
        "0s start a
         0s ask check a
         1m ask drain a
         2m ask undrain a
         3m stopped a
         3m aborted",
    );
}

#[test]
fn an_abort_during_a_wait_between_two_tries_makes_the_machine_safe_at_once() {
    check(
        "a",
        &[one_step(vec![bag("all", "*").drained().attempts(3)])],
        "answer a patch busy
         watch a
         start p
         until 10m
         abort
         run",
        "0s start a
         0s ask check a
         1m ask drain a
         2m ask patch a
         10m ask undrain a
         11m stopped a
         11m aborted",
    );
}

#[test]
fn an_abort_after_a_try_that_may_have_changed_something_asks_for_health_first() {
    check(
        "a",
        &[one_step(vec![bag("all", "*").drained().attempts(3)])],
        "answer a patch package-failed
         watch a
         start p
         until 10m
         abort
         run",
        "0s start a
         0s ask check a
         1m ask drain a
         2m ask patch a
         10m ask health a
         12m ask undrain a
         13m stopped a
         13m aborted",
    );
}

#[test]
fn after_an_abort_an_unhealthy_machine_stays_out_of_service_and_disturbed() {
    let world = play(
        "a",
        &[one_step(vec![bag("all", "*").drained()])],
        "answer a health unhealthy
         watch a
         start p
         until 5m
         abort
         run",
    );
    assert_eq!(
        world.story(),
        "0s start a
0s ask check a
1m ask drain a
2m ask patch a
9m ask health a
11m failed at health (unhealthy) a
11m aborted"
    );
    assert!(world.is_disturbed("a"));
}

#[test]
fn a_paused_and_a_halted_rollout_can_be_aborted() {
    check(
        "a[1-2]",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "start p
         pause
         abort
         run",
        "0s start a1
         1m stopped a1 a2
         1m aborted",
    );
    check(
        "a[1-2]",
        &[one_step(vec![bag("all", "*")]).first(|s| s.failures(crate::pipeline::Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 1h
         abort
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h stopped a2
         1h aborted",
    );
}

#[test]
fn steps_that_were_not_reached_end_with_the_abort() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "a")])]),
        step("two", vec![phase(vec![bag("b", "b")])]).after(&[0]),
    ];
    check(
        "a
         b",
        &[pipeline("p", steps)],
        "start p
         until 30s
         abort
         run",
        "0s open one
         0s start a
         1m stopped a
         1m aborted",
    );
}

#[test]
fn a_machine_that_waits_for_another_rollout_is_left_alone_by_an_abort() {
    let rule = |name, select| one_step(vec![bag("all", select).at_most(1)]).named(name);
    check(
        "a
         b",
        &[rule("p", "a"), rule("q", "a,b")],
        "start p
         start q
         until 1m
         #2 abort
         run",
        "0s #1 start a
         0s #2 start b
         10m #1 done a
         10m #2 stopped b a
         10m #2 aborted
         10m #1 succeeded",
    );
}

#[test]
fn a_skipped_machine_is_left_out_and_one_at_work_cannot_be_skipped() {
    check(
        "a[1-3]",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "start p
         skip a2
         skip a1
         skip a2
         skip b1
         run",
        "0s start a1
         0s skipped a2
         0s rejected: no machine that is named can be skipped: they are at work, wait for their end or abort
         0s rejected: no machine that is named can be skipped: they have ended already
         0s rejected: no machine that is named can be skipped: none is in the scope of an open step
         10m done a1
         10m start a3
         20m done a3
         20m succeeded",
    );
}

#[test]
fn a_skipped_machine_that_waits_for_another_rollout_or_for_a_retry_does_not_come_back() {
    let rule = |name, select| one_step(vec![bag("all", select).at_most(1)]).named(name);
    check(
        "a
         b",
        &[rule("p", "a"), rule("q", "a,b")],
        "start p
         start q
         until 1m
         #2 skip a
         until 1h",
        "0s #1 start a
         0s #2 start b
         1m #2 skipped a
         10m #1 done a
         10m #2 done b
         10m #1 succeeded
         10m #2 succeeded",
    );
    check(
        "a[1-2]",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "answer a1 patch mismatch
         start p
         until 9m
         retry
         skip a1
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m start a2
         9m again a1
         9m skipped a1
         18m done a2
         18m succeeded",
    );
}

#[test]
fn a_lost_machine_that_is_signed_off_is_left_out() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "answer a1 patch lost
         start p
         until 1h
         sign-off a2
         sign-off a1
         sign-off a1
         run",
        "0s start a1
         8m lost at patch a1
         8m held up by a1
         1h rejected: no machine that is named is disturbed and at rest, expected one that failed or is lost
         1h skipped a1
         1h start a2
         1h rejected: no machine that is named is disturbed and at rest, expected one that failed or is lost
         1h10m done a2
         1h10m succeeded",
    );
}

#[test]
fn a_machine_at_work_cannot_be_signed_off() {
    check(
        "a1",
        &[one_step(vec![bag("all", "*")])],
        "start p
         sign-off a1
         until 1m",
        "0s start a1
         0s rejected: no machine that is named is disturbed and at rest, expected one that failed or is lost",
    );
}

#[test]
fn only_failed_and_lost_machines_are_retried_and_only_those_that_are_named() {
    check(
        "a[1-5]",
        &[one_step(vec![bag("all", "*").at_most(4)])],
        "answer a1 patch mismatch
         answer a2 patch lost
         answer a3 patch mismatch
         answer a4 patch silent
         start p
         until 20m
         retry a1,a2,a4
         retry a5
         run",
        "0s start a1 a2 a3 a4
         8m failed at patch (mismatch) a1
         8m lost at patch a2
         8m failed at patch (mismatch) a3
         8m start a5
         18m done a5
         20m again a1 a2
         20m start a1 a2
         20m rejected: no machine of project 1 that is named, and that its bag still selects, has failed or is lost in a step that has not ended
         30m done a1 a2
         1h1m seek a4 1
         1h3m seek a4 2
         1h5m seek a4 3
         1h7m lost at patch a4
         1h7m succeeded",
    );
}

#[test]
fn retried_machines_of_a_bag_in_series_run_in_series_even_after_its_phase() {
    check(
        "a[1-2]
         b1",
        &[pipeline(
            "p",
            vec![step("s", vec![phase(vec![bag("a", "a*").at_most(1)]), phase(vec![bag("b", "b*")])])],
        )],
        "answer a1 patch mismatch
         answer a2 patch mismatch
         start p
         until 17m
         retry
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m start a2
         16m failed at patch (mismatch) a2
         16m start b1
         17m again a1 a2
         17m start a1
         26m done b1
         27m done a1
         27m start a2
         37m done a2
         37m succeeded",
    );
}

#[test]
fn one_step_can_be_run_again_by_itself() {
    let steps = || {
        vec![
            step("one", vec![phase(vec![bag("a", "a")])]),
            step("two", vec![phase(vec![bag("b", "b")])]).after(&[0]),
        ]
    };
    check(
        "a
         b",
        &[pipeline("p", steps())],
        "start p
         start p
         run
         start p step 1
         run
         start p step 2",
        "0s #1 open one
         0s #1 start a
         0s rejected: project 1 runs p with build 725 already, expected it to have ended
         10m #1 done a
         10m #1 end one
         10m #1 open two
         10m #1 start b
         20m #1 done b
         20m #1 end two
         20m #1 succeeded
         20m #2 open two
         20m #2 start b
         30m #2 done b
         30m #2 end two
         30m #2 succeeded
         30m rejected: the pipeline has no step 2, expected one of one, two",
    );
}

#[test]
fn what_is_not_there_is_rejected_with_what_is() {
    check(
        "a",
        &[one_step(vec![bag("all", "*")])],
        "pause
         start p build 700
         start p
         #7 abort
         resume t 0
         resume s 0
         run
         abort
         retry
         resume s 0",
        "0s rejected: no rollout has the project id 1, expected one from 1 to 0
         0s rejected: build 700 is not known, the nearest is 725
         0s start a
         0s rejected: no rollout has the project id 7, expected one from 1 to 1
         0s rejected: the pipeline has no step t, expected one of s
         0s rejected: step s is open, expected it to be halted
         10m done a
         10m succeeded
         10m rejected: project 1 is ended, expected it to be running or paused
         10m rejected: project 1 is ended, expected it to be running or paused
         10m rejected: project 1 is ended, expected it to be running or paused",
    );
}

#[test]
fn skip_and_sign_off_want_a_reason() {
    use crate::rollout::RolloutCommand;
    let mut world = World::new("a", &[one_step(vec![bag("all", "*")])]);
    world.script("start p");
    let rollout = crate::id::RolloutId(1);
    let machines = || rules::selector("*");
    world.rollout("ann", RolloutCommand::Skip { rollout, machines: machines(), reason: " ".to_owned() });
    world.rollout("ann", RolloutCommand::SignOff { machines: machines(), reason: String::new() });
    assert_eq!(
        world.story(),
        "0s start a
0s rejected: a reason is missing, expected a sentence that says why
0s rejected: a reason is missing, expected a sentence that says why"
    );
}
