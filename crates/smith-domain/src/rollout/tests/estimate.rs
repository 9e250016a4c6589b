//! Estimates: the work behind each limit, and what is expected of a rollout.

use super::{World, bag, limit, one_step};
use crate::id::RolloutId;
use crate::rollout::estimate::{Work, estimate, least, works};
use crate::time::Span;

const FLEET: &str = "a1 cluster=one
a2 cluster=one
a3 cluster=one
b1 cluster=two";

fn begun() -> World {
    let pipeline = one_step(vec![bag("all", "*")]).limited(limit("cluster", 1));
    let mut world = World::new(FLEET, &[pipeline]);
    world.script("start p\nuntil 1m");
    world
}

fn work<'a>(runs: &'a [Vec<Work>], group: &str) -> &'a Work {
    runs.iter().flatten().find(|work| work.group == group).unwrap()
}

#[test]
fn the_work_behind_a_limit_is_what_its_machines_cost_one_after_the_other() {
    let world = begun();
    let rollout = world.state.rollouts.get(RolloutId(1)).unwrap();
    let runs = works(&world.state, rollout, 0, &|_, _| Some(600_000));
    let (one, two) = (work(&runs, "one"), work(&runs, "two"));
    assert_eq!((one.machines, one.alone()), (3, Span::mins(30)));
    assert_eq!((two.machines, two.alone()), (1, Span::mins(10)));
    assert_eq!(least(&runs), Span::mins(30), "the clusters go side by side, so the longest counts");
}

#[test]
fn two_at_a_time_halve_the_work_and_no_machine_is_faster_than_itself() {
    let work = |allowed, costs: &[u64]| Work {
        sum: costs.iter().sum(),
        longest: costs.iter().copied().max().unwrap_or(0),
        allowed,
        ..Work::default()
    };
    assert_eq!(work(2, &[3, 3, 3]).alone(), Span(5), "rounded up: the last one works alone");
    assert_eq!(work(2, &[9, 1, 1]).alone(), Span(9));
    assert_eq!(work(0, &[4]).alone(), Span(4), "a limit that allows nothing is no division by zero");
}

#[test]
fn machines_that_cost_nothing_more_are_left_out() {
    let world = begun();
    let rollout = world.state.rollouts.get(RolloutId(1)).unwrap();
    let b1 = world.machine("b1");
    let runs = works(&world.state, rollout, 0, &|machine, _| (machine == b1).then_some(60_000));
    assert_eq!(least(&runs), Span::mins(1));
    assert!(runs.iter().flatten().all(|work| work.group != "one"));
}

#[test]
fn a_rollout_is_expected_to_last_as_long_as_its_longest_cluster() {
    let world = begun();
    let found = estimate(&world.state, RolloutId(1), world.clock()).unwrap();
    assert!(found.early <= found.likely && found.likely <= found.late, "{found:?}");
    let [leg] = found.critical.as_slice() else { panic!("{found:?}") };
    assert_eq!(leg.tightest.as_ref().map(|work| (work.group.as_str(), work.machines)), Some(("one", 3)));
    assert_eq!((leg.from, leg.to), (world.clock().steady, found.likely));
}

#[test]
fn of_a_rollout_that_has_ended_nothing_is_expected() {
    let mut world = begun();
    world.run();
    assert_eq!(estimate(&world.state, RolloutId(1), world.clock()), None);
}
