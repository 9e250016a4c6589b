//! Which machines a step takes.

use super::*;
use crate::pipeline::Amount;
use crate::rollout::tests::rules::phase;

const CLUSTERS: &str = "
    a[1-3] cluster=one
    b[1-3] cluster=two
    c[1-2] cluster=three";

/// The machines that a bag takes, in their order.
fn taken(fleet: &str, bag: crate::pipeline::Bag) -> String {
    let world = play(fleet, &[one_step(vec![bag.at_most(1)])], "start p\nrun");
    let story = world.story();
    story.lines().filter_map(|line| line.split(" start ").nth(1)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_share_is_spread_over_clusters() {
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking(Amount::Count(5))), "a1 b1 c1 a2 b2");
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking(Amount::Count(1))), "a1");
}

#[test]
fn a_share_in_percent_is_of_what_is_selected_and_never_nothing() {
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking(Amount::Percent(50))), "a1 b1 c1 a2");
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking(Amount::Percent(1))), "a1");
    assert_eq!(taken("a[1-2]", bag("x", "*").taking(Amount::Percent(100))), "a1 a2");
}

#[test]
fn what_comes_first_by_rule_is_spread_too_and_then_come_the_others() {
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking_first(Amount::Count(4), "b3,c2,c1")), "b3 c1 c2 a1");
    assert_eq!(taken(CLUSTERS, bag("x", "*").taking_first(Amount::Count(2), "b3,c2,c1")), "b3 c1");
}

#[test]
fn more_than_there_are_takes_all() {
    assert_eq!(taken("a[1-3]", bag("x", "*").taking(Amount::Count(9))), "a1 a2 a3");
}

#[test]
fn a_later_phase_takes_what_the_phases_before_have_left() {
    let phases =
        vec![phase(vec![bag("canary", "*").taking(Amount::Count(2))]), phase(vec![bag("rest", "*")])];
    check(
        CLUSTERS,
        &[pipeline("p", vec![step("s", phases)])],
        "start p
         run",
        "0s start a1 b1
         10m done a1 b1
         10m start a2 a3 b2 b3 c1 c2
         20m done a2 a3 b2 b3 c1 c2
         20m succeeded",
    );
}

#[test]
fn a_share_in_a_later_phase_is_of_what_earlier_ones_have_left() {
    // Half of eight, then half of the four that are left.
    let half = |name| phase(vec![bag(name, "*").taking(Amount::Percent(50))]);
    check(
        CLUSTERS,
        &[pipeline("p", vec![step("s", vec![half("x"), half("y")])])],
        "start p
         run",
        "0s start a1 b1 c1 a2
         10m done a1 a2 b1 c1
         10m start a3 b2
         20m done a3 b2
         20m succeeded",
    );
}

#[test]
fn a_later_step_leaves_out_what_an_earlier_one_has_dealt_with_unless_it_takes_it_again() {
    let steps = |second: crate::pipeline::Bag| {
        vec![
            step("one", vec![phase(vec![bag("x", "a")])]),
            step("two", vec![phase(vec![second])]).after(&[0]),
        ]
    };
    check(
        "a
         b",
        &[pipeline("p", steps(bag("y", "*")))],
        "start p
         run",
        "0s open one
         0s start a
         10m done a
         10m end one
         10m open two
         10m start b
         20m done b
         20m end two
         20m succeeded",
    );
    check(
        "a
         b",
        &[pipeline("p", steps(bag("y", "*").again()))],
        "start p
         until 19m",
        "0s open one
         0s start a
         10m done a
         10m end one
         10m open two
         10m start a b",
    );
}

#[test]
fn a_machine_that_two_bags_of_a_phase_select_halts_the_step() {
    check(
        "a
         b",
        &[one_step(vec![bag("x", "*"), bag("y", "b")])],
        "start p
         run",
        "0s halted: machine m1 is selected by both x and y",
    );
}

#[test]
fn a_bag_that_selects_nothing_halts_the_step_and_the_resumed_step_looks_again() {
    check(
        "a",
        &[one_step(vec![bag("x", "a"), bag("y", "b*")])],
        "start p
         until 1h
         resume s 0
         until 2h
         join b1
         resume s 0
         run",
        "0s halted: bag y selects no machine
         1h halted: bag y selects no machine
         2h start a b1
         2h10m done a b1
         2h10m succeeded",
    );
}

#[test]
fn a_bag_may_be_empty_if_it_says_so() {
    check(
        "a",
        &[one_step(vec![bag("x", "a"), bag("y", "b*").may_be_empty()])],
        "start p
         run",
        "0s start a
         10m done a
         10m succeeded",
    );
    check(
        "a",
        &[one_step(vec![bag("y", "b*").may_be_empty()])],
        "start p
         run",
        "0s succeeded",
    );
}

#[test]
fn a_bag_that_selects_only_what_is_dealt_with_is_not_empty() {
    let steps = vec![
        step("one", vec![phase(vec![bag("x", "a")])]),
        step("two", vec![phase(vec![bag("y", "a")])]).after(&[0]),
    ];
    check(
        "a",
        &[pipeline("p", steps)],
        "start p
         run",
        "0s open one
         0s start a
         10m done a
         10m end one
         10m open two
         10m end two
         10m succeeded",
    );
}

#[test]
fn machines_with_nothing_to_do_are_only_looked_at() {
    check(
        "a
         b",
        &[one_step(vec![bag("x", "*")])],
        "answer a check nothing
         watch a
         start p
         run",
        "0s start a
         0s ask check a
         0s start b
         1m ask health a
         3m already so a
         10m done b
         10m succeeded",
    );
}
