//! Budgets: how many machines may fail before a step halts, and what happens then.

use super::*;
use crate::pipeline::Amount;

const TEN: &str = "a[1-10]";

#[test]
fn with_no_failure_allowed_one_machine_runs_at_a_time_and_the_first_failure_halts() {
    check(
        "a[1-3]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(0)))],
        "answer a2 patch mismatch
         start p
         run",
        "0s start a1
         10m done a1
         10m start a2
         18m failed at patch (mismatch) a2
         18m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed",
    );
}

#[test]
fn as_many_run_as_may_fail_and_one_more() {
    check(
        TEN,
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(2)))],
        "answer a2 patch mismatch
         start p
         until 11m",
        "0s start a1 a2 a3
         8m failed at patch (mismatch) a2
         10m done a1 a3
         10m start a4 a5",
    );
}

#[test]
fn even_when_everything_that_runs_fails_the_step_is_one_over_and_halts() {
    check(
        TEN,
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(2)))],
        "always * patch mismatch
         start p
         run",
        "0s start a1 a2 a3
         8m failed at patch (mismatch) a1 a2 a3
         8m halted: the failure budget is spent: 3 failed, 0 lost, 2 allowed",
    );
}

#[test]
fn lost_machines_count_like_failed_ones() {
    check(
        "a[1-4]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(1)))],
        "answer a1 patch lost
         answer a2 patch mismatch
         start p
         run",
        "0s start a1 a2
         8m lost at patch a1
         8m failed at patch (mismatch) a2
         8m halted: the failure budget is spent: 1 failed, 1 lost, 1 allowed",
    );
}

#[test]
fn a_share_in_percent_is_of_the_machines_of_the_step() {
    // A fifth of ten is two; a fifth of nine is one.
    for (fleet, running) in [("a[1-10]", 3), ("a[1-9]", 2), ("a[1-4]", 1)] {
        let rule = one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Percent(20)));
        let world = play(fleet, &[rule], "start p");
        assert_eq!(world.state.gauges.disturbed_count(), running, "{fleet}");
    }
}

#[test]
fn each_environment_with_a_budget_of_its_own_counts_for_itself() {
    check(
        "a[1-3] env=prod
         b[1-3] env=dev
         c[1-3] env=test",
        &[one_step(vec![bag("all", "*")])
            .first(|step| step.failures(Amount::Count(1)).failures_in("prod", Amount::Count(0)))],
        "answer b1 patch mismatch
         start p
         until 9m",
        "0s start a1 b1 b2
         8m failed at patch (mismatch) b1",
    );
    check(
        "a[1-3] env=prod
         b[1-3] env=dev",
        &[one_step(vec![bag("all", "*")])
            .first(|step| step.failures(Amount::Count(5)).failures_in("prod", Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 9m",
        "0s start a1 b1 b2 b3
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed in prod",
    );
}

#[test]
fn a_percentage_for_an_environment_is_of_its_machines() {
    check(
        "a[1-4] env=prod
         b[1-20] env=dev",
        &[one_step(vec![bag("all", "*")])
            .first(|step| step.failures(Amount::Count(0)).failures_in("prod", Amount::Percent(50)))],
        "start p
         until 5m",
        "0s start b1 a1 a2 a3",
    );
}

#[test]
fn what_runs_is_finished_after_a_halt_and_nothing_is_started() {
    check(
        TEN,
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(2)))],
        "answer a1 check agent-old
         answer a2 check agent-old
         answer a4 check agent-old
         start p
         run",
        "0s start a1 a2 a3
         1m failed at check (agent-old) a1 a2
         10m done a3
         10m start a4
         11m failed at check (agent-old) a4
         11m halted: the failure budget is spent: 3 failed, 0 lost, 2 allowed",
    );
}

#[test]
fn a_halted_step_goes_on_when_more_failures_are_granted_and_not_before() {
    check(
        "a[1-4]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(0)))],
        "answer a1 patch mismatch
         answer a2 patch mismatch
         start p
         until 1h
         resume s 0
         resume s 1
         until 2h
         resume s 1
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h rejected: the step would halt again at once: the failure budget is spent: 1 failed, 0 lost, 0 allowed; retry, skip or sign off machines, or grant more failures
         1h start a2
         1h8m failed at patch (mismatch) a2
         1h8m halted: the failure budget is spent: 2 failed, 0 lost, 1 allowed
         2h start a3
         2h10m done a3
         2h10m start a4
         2h20m done a4
         2h20m succeeded",
    );
}

#[test]
fn a_grant_counts_for_the_environment_that_is_spent() {
    check(
        "a[1-3] env=prod
         b[1-3] env=dev",
        &[one_step(vec![bag("all", "*")])
            .first(|step| step.failures(Amount::Count(0)).failures_in("prod", Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 1h
         resume s 1
         until 1h5m",
        "0s start a1 b1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed in prod
         10m done b1
         1h start b2 a2",
    );
}

#[test]
fn retried_and_skipped_machines_give_their_share_of_the_budget_back() {
    check(
        "a[1-3]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 1h
         retry a1
         until 1h5m
         resume s 0
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h again a1
         1h5m start a1
         1h15m done a1
         1h15m start a2
         1h25m done a2
         1h25m start a3
         1h35m done a3
         1h35m succeeded",
    );
    check(
        "a[1-3]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 1h
         skip a1
         resume s 0
         until 1h5m",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h skipped a1
         1h start a2",
    );
}

#[test]
fn a_build_with_which_the_first_machines_all_fail_is_suspected() {
    let rule = || one_step(vec![bag("all", "*").at_most(2)]).first(|step| step.all_failing(3));
    check(
        TEN,
        &[rule()],
        "always * patch mismatch
         start p
         run",
        "0s start a1 a2
         8m failed at patch (mismatch) a1 a2
         8m start a3 a4
         16m failed at patch (mismatch) a3 a4
         16m halted: every machine so far has failed (4), the build is suspected",
    );
    check(
        "a[1-5]",
        &[rule()],
        "always * patch mismatch
         answer a1 patch not-needed
         start p
         run",
        "0s start a1 a2
         8m failed at patch (mismatch) a2
         8m start a3
         10m done a1
         10m start a4
         16m failed at patch (mismatch) a3
         16m start a5
         18m failed at patch (mismatch) a4
         24m failed at patch (mismatch) a5
         24m succeeded",
    );
}

#[test]
fn exactly_as_many_failures_as_are_suspicious_halt_and_a_grant_silences_the_suspicion() {
    check(
        "a[1-4]",
        &[one_step(vec![bag("all", "*").at_most(1)]).first(|step| step.all_failing(2))],
        "always * patch mismatch
         start p
         until 1h
         resume s 0
         resume s 1
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m start a2
         16m failed at patch (mismatch) a2
         16m halted: every machine so far has failed (2), the build is suspected
         1h rejected: the step would halt again at once: every machine so far has failed (2), the build is suspected; retry, skip or sign off machines, or grant more failures
         1h start a3
         1h8m failed at patch (mismatch) a3
         1h8m start a4
         1h16m failed at patch (mismatch) a4
         1h16m succeeded",
    );
}

#[test]
fn a_failure_in_a_step_that_has_ended_is_nobodys_budget_any_more() {
    let steps = vec![
        step("one", vec![rules::phase(vec![bag("a", "a*")])]).failures(Amount::Count(1)),
        step("two", vec![rules::phase(vec![bag("b", "b*")])]).failures(Amount::Count(0)).after(&[0]),
    ];
    check(
        "a1
         b[1-2]",
        &[pipeline("p", steps)],
        "answer a1 patch mismatch
         start p
         run",
        "0s open one
         0s start a1
         8m failed at patch (mismatch) a1
         8m end one
         8m open two
         8m start b1
         18m done b1
         18m start b2
         28m done b2
         28m end two
         28m succeeded",
    );
}

#[test]
fn a_halt_calls_a_person_once() {
    let world = play(
        "a[1-3]",
        &[one_step(vec![bag("all", "*")]).first(|step| step.failures(Amount::Count(0)))],
        "answer a1 patch mismatch
         start p
         until 5h",
    );
    let calls = world.journal.iter().filter(|(_, event)| event.kind() == "rollout.called").count();
    assert_eq!(calls, 1);
}
