//! Limits: how many machines of a group may be disturbed, or run, at once, over all rollouts.

use super::*;
use crate::pipeline::{Amount, Health};

const CLUSTER: &str = "
    a[1-4] cluster=one";

#[test]
fn two_of_a_cluster_where_the_limit_says_two() {
    check(
        CLUSTER,
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 2))],
        "start p
         run",
        "0s start a1 a2
         10m done a1 a2
         10m start a3 a4
         20m done a3 a4
         20m succeeded",
    );
}

#[test]
fn a_percentage_is_rounded_down() {
    // 30 % of ten is three, of nine two.
    for (fleet, started) in [("a[1-10] zone=z", 3), ("a[1-9] zone=z", 2), ("a[1-7] zone=z", 2)] {
        let world =
            play(fleet, &[one_step(vec![bag("all", "*")]).limited(limit("zone", 0).percent(30))], "start p");
        assert_eq!(world.state.gauges.disturbed_count(), started, "{fleet}");
    }
}

#[test]
fn a_percentage_that_rounds_to_nothing_still_allows_one() {
    check(
        "a[1-2] zone=z",
        &[one_step(vec![bag("all", "*")]).limited(limit("zone", 0).percent(10))],
        "start p
         run",
        "0s start a1
         10m done a1
         10m start a2
         20m done a2
         20m succeeded",
    );
}

#[test]
fn a_percentage_counts_the_machines_of_the_group_and_not_of_the_rollout() {
    // Half of the six machines of the zone are three, although the bag has only four.
    check(
        "a[1-4] zone=z
         b[1-2] zone=z",
        &[one_step(vec![bag("all", "a*")]).limited(limit("zone", 0).percent(50))],
        "start p
         until 5m",
        "0s start a1 a2 a3",
    );
}

#[test]
fn a_group_is_made_by_all_attributes_of_the_limit() {
    check(
        "a[1-2] zone=x role=web
         b[1-2] zone=x role=db
         c[1-2] zone=y role=web",
        &[one_step(vec![bag("all", "*")]).limited(limit("zone,role", 1))],
        "start p
         until 5m",
        "0s start a1 b1 c1",
    );
}

#[test]
fn machines_without_a_value_make_one_group() {
    check(
        "a1 cluster=one
         b[1-3]",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "start p
         until 5m",
        "0s start b1 a1",
    );
}

#[test]
fn a_limit_within_a_selector_bounds_only_what_matches() {
    check(
        "a[1-2] role=web
         b[1-3] role=db",
        &[one_step(vec![bag("all", "*")]).limited(limit("", 1).within("role=db"))],
        "start p
         run",
        "0s start b1 a1 a2
         10m done a1 a2 b1
         10m start b2
         20m done b2
         20m start b3
         30m done b3
         30m succeeded",
    );
}

#[test]
fn every_limit_must_have_room() {
    check(
        "a[1-2] cluster=one zone=z
         b[1-2] cluster=two zone=z
         c[1-2] cluster=three zone=z",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1)).limited(limit("zone", 2))],
        "start p
         run",
        "0s start a1 b1
         10m done a1 b1
         10m start c1 a2
         20m done a2 c1
         20m start b2 c2
         30m done b2 c2
         30m succeeded",
    );
}

#[test]
fn limits_of_pipeline_step_and_bag_hold_together() {
    let pipeline = one_step(vec![bag("a", "a*").limited(limit("", 2).within("a*")), bag("b", "b*")])
        .limited(limit("", 4))
        .first(|step| step.limited(limit("", 2).within("b*")));
    check(
        "a[1-4]
         b[1-4]",
        &[pipeline],
        "start p
         until 5m",
        "0s start a1 a2 b1 b2",
    );
}

#[test]
fn one_limit_holds_over_two_rollouts() {
    let rule = |name, select| one_step(vec![bag("all", select)]).named(name).limited(limit("cluster", 1));
    check(
        CLUSTER,
        &[rule("p", "a1,a2"), rule("q", "a3,a4")],
        "start p
         start q build 726
         run",
        "0s #1 start a1
         10m #1 done a1
         10m #2 start a3
         20m #2 done a3
         20m #1 start a2
         30m #1 done a2
         30m #2 start a4
         30m #1 succeeded
         40m #2 done a4
         40m #2 succeeded",
    );
}

#[test]
fn each_rollout_keeps_its_own_amount_and_sees_what_others_hold() {
    let rule =
        |name, select, max| one_step(vec![bag("all", select)]).named(name).limited(limit("cluster", max));
    check(
        "a[1-6] cluster=one",
        &[rule("p", "a1,a2,a3", 2), rule("q", "a4,a5,a6", 3)],
        "start p
         start q build 726
         until 5m",
        "0s #1 start a1 a2
         0s #2 start a4",
    );
}

#[test]
fn a_machine_that_another_rollout_works_on_waits_and_comes_first_afterwards() {
    let rule = |name, select| one_step(vec![bag("all", select).at_most(1)]).named(name);
    check(
        "a
         b
         c",
        &[rule("p", "a"), rule("q", "*")],
        "start p
         start q build 726
         run",
        "0s #1 start a
         0s #2 start b
         10m #1 done a
         10m #2 done b
         10m #2 start a
         10m #1 succeeded
         20m #2 done a
         20m #2 start c
         30m #2 done c
         30m #2 succeeded",
    );
}

#[test]
fn a_failed_machine_stays_disturbed_and_keeps_its_slot_until_it_is_signed_off() {
    check(
        "a[1-3] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "answer a1 patch mismatch
         start p
         until 1h
         sign-off a1
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m held up by a1
         1h start a2
         1h10m done a2
         1h10m start a3
         1h20m done a3
         1h20m succeeded",
    );
}

#[test]
fn a_failed_machine_that_only_running_ones_are_counted_with_gives_its_slot_back() {
    check(
        "a[1-3] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1).running())],
        "answer a1 patch mismatch
         start p
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m start a2
         18m done a2
         18m start a3
         28m done a3
         28m succeeded",
    );
}

#[test]
fn a_retry_needs_no_second_slot_and_its_success_gives_the_first_back() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "answer a1 patch mismatch
         start p
         until 1h
         retry
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m held up by a1
         1h again a1
         1h start a1
         1h10m done a1
         1h10m start a2
         1h20m done a2
         1h20m succeeded",
    );
}

#[test]
fn a_retry_needs_a_slot_where_running_ones_are_counted() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1).running())],
        "answer a1 patch mismatch
         start p
         until 9m
         retry
         run",
        "0s start a1
         8m failed at patch (mismatch) a1
         8m start a2
         9m again a1
         18m done a2
         18m start a1
         28m done a1
         28m succeeded",
    );
}

#[test]
fn another_rollout_with_the_same_build_heals_a_failed_machine() {
    let rule = |name| one_step(vec![bag("all", "*")]).named(name).limited(limit("cluster", 1));
    check(
        "a[1-2] cluster=one",
        &[rule("p"), rule("q")],
        "answer a1 patch mismatch
         start p
         until 1h
         start q
         until 1h5m
         run",
        "0s #1 start a1
         8m #1 failed at patch (mismatch) a1
         8m #1 held up by a1
         1h #2 start a1
         1h10m #1 done elsewhere a1
         1h10m #2 done a1
         1h10m #2 start a2
         1h20m #2 done a2
         1h20m #1 start a2
         1h20m #2 succeeded
         1h30m #1 done a2
         1h30m #1 succeeded",
    );
}

#[test]
fn another_build_frees_the_slot_and_leaves_the_failure_where_it_is() {
    let rule = |name| one_step(vec![bag("all", "*")]).named(name).limited(limit("cluster", 1));
    check(
        "a1 cluster=one
         a2 cluster=one",
        &[rule("p"), rule("q")],
        "answer a1 patch mismatch
         start p
         until 1h
         start q build 726
         until 1h15m",
        "0s #1 start a1
         8m #1 failed at patch (mismatch) a1
         8m #1 held up by a1
         1h #2 start a1
         1h10m #2 done a1
         1h10m #2 start a2",
    );
}

#[test]
fn a_machine_that_fails_in_one_rollout_while_it_waits_in_another_is_tried_again_there() {
    // The second rollout's lane is parked behind the very machine that it could try again.
    let rule = |name, select| one_step(vec![bag("all", select)]).named(name).limited(limit("cluster", 1));
    check(
        "a[1-3] cluster=one",
        &[rule("p", "a2"), rule("q", "*")],
        "answer a2 patch mismatch
         start p
         start q
         run",
        "0s #1 start a2
         8m #1 failed at patch (mismatch) a2
         8m #2 start a2
         8m #1 succeeded
         18m #2 done a2
         18m #2 start a1
         28m #2 done a1
         28m #2 start a3
         38m #2 done a3
         38m #2 succeeded",
    );
}

#[test]
fn machines_held_before_a_limit_is_known_are_counted() {
    let free = one_step(vec![bag("all", "a1,a2")]);
    let bound = one_step(vec![bag("all", "a3,a4")]).named("q").limited(limit("cluster", 2));
    check(
        CLUSTER,
        &[free, bound],
        "start p
         until 5m
         start q build 726
         until 12m",
        "0s #1 start a1 a2
         10m #1 done a1 a2
         10m #2 start a3 a4
         10m #1 succeeded",
    );
}

#[test]
fn a_machine_that_moves_to_another_cluster_while_it_waits_is_bounded_there() {
    check(
        "a1 cluster=one
         a2 cluster=one
         b1 cluster=two",
        &[one_step(vec![bag("all", "a*"), bag("b", "b*")]).limited(limit("cluster", 1))],
        "always b1 patch silent
         start p
         until 5m
         leave a2
         join a2 cluster=two
         until 15m",
        "0s start a1 b1
         5m gone a2
         10m done a1",
    );
}

#[test]
fn a_machine_whose_cluster_changes_while_it_waits_is_bounded_by_the_new_one() {
    let mut world = World::new(
        "a1 cluster=one
         a2 cluster=one
         b1 cluster=two",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
    );
    world.script("start p");
    world.script("until 5m");
    world.change("a2", "a2 cluster=two");
    world.script("always b1 health silent");
    world.script("until 12m");
    assert_eq!(
        world.story(),
        "0s start a1 b1
10m done a1"
    );
}

#[test]
fn a_bag_without_a_health_check_ends_with_the_patch() {
    let mut all = bag("all", "*");
    all.actions.health = Health::No;
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![all]).limited(limit("cluster", 1))],
        "start p
         run",
        "0s start a1
         8m done a1
         8m start a2
         16m done a2
         16m succeeded",
    );
}

#[test]
fn a_share_in_percent_grows_with_the_group() {
    check(
        "a[1-3] zone=z",
        &[one_step(vec![bag("all", "*")]).limited(limit("zone", 0).percent(50))],
        "start p
         until 2m
         join b zone=z
         until 5m",
        "0s start a1
         2m start a2",
    );
    assert_eq!(Amount::Percent(50).at_least_one_of(4), 2);
}

#[test]
fn machines_of_a_rollout_without_the_limit_count_for_the_rollout_with_it_in_the_same_plan() {
    let free = one_step(vec![bag("all", "*").at_most(1)]);
    let bound = one_step(vec![bag("all", "*")]).named("q").limited(limit("role", 1));
    check(
        "a role=web
         b role=db
         c role=db",
        &[free, bound],
        "start p
         start q build 726
         until 15m",
        "0s #1 start a
         0s #2 start b
         10m #1 done a
         10m #2 done b
         10m #1 start b
         10m #2 start a",
    );
}
