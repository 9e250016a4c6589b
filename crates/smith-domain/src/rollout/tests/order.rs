//! In which order machines start: phases, runs of a phase, bags, clusters, names.

use super::*;
use crate::rollout::tests::rules::phase;

#[test]
fn one_machine_of_a_cluster_at_a_time_clusters_side_by_side() {
    check(
        "a[1-3] cluster=one
         b[1-2] cluster=two",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "start p
         run",
        "0s start a1 b1
         10m done a1 b1
         10m start a2 b2
         20m done a2 b2
         20m start a3
         30m done a3
         30m succeeded",
    );
}

#[test]
fn the_cluster_with_the_longest_chain_comes_first_inside_a_wider_limit() {
    check(
        "a1 cluster=one
         b[1-3] cluster=two
         c[1-2] cluster=three",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1)).limited(limit("", 1))],
        "start p
         run",
        "0s start b1
         10m done b1
         10m start b2
         20m done b2
         20m start c1
         30m done c1
         30m start a1
         40m done a1
         40m start b3
         50m done b3
         50m start c2
         1h done c2
         1h succeeded",
    );
}

#[test]
fn a_chain_that_two_may_work_on_at_once_counts_half() {
    // Four machines two at a time are as long as two, so the chain of three comes first.
    check(
        "a[1-4] cluster=one
         b[1-3] cluster=two",
        &[one_step(vec![
            bag("a", "cluster=one").limited(limit("cluster", 2)),
            bag("b", "cluster=two").limited(limit("cluster", 1)),
        ])
        .limited(limit("", 1))],
        "start p
         until 1m",
        "0s start b1",
    );
}

#[test]
fn phases_run_one_after_the_other_and_the_next_waits_for_the_slowest() {
    check(
        "a1
         a2
         b1",
        &[pipeline("p", vec![step("s", vec![phase(vec![bag("a", "a*")]), phase(vec![bag("b", "b*")])])])],
        "answer a2 check unreachable
         always a1 patch reboot-needed
         start p
         until 20m",
        "0s start a1 a2
         1m failed at check (unreachable) a2
         10m done a1
         10m start b1
         20m done b1
         20m succeeded",
    );
}

#[test]
fn a_phase_runs_once_for_each_value_in_their_natural_order_and_without_a_value_last() {
    check(
        "a zone=dal10
         b zone=dal9
         c
         d zone=dal9",
        &[pipeline("p", vec![step("s", vec![each("zone", vec![bag("all", "*")])])])],
        "start p
         run",
        "0s start b d
         10m done b d
         10m start a
         20m done a
         20m start c
         30m done c
         30m succeeded",
    );
}

#[test]
fn bags_of_a_phase_run_side_by_side_and_one_bag_in_series_if_it_says_so() {
    check(
        "a[1-2]
         b[1-2]",
        &[one_step(vec![bag("a", "a*").at_most(1), bag("b", "b*")])],
        "start p
         run",
        "0s start a1 b1 b2
         10m done a1 b1 b2
         10m start a2
         20m done a2
         20m succeeded",
    );
}

#[test]
fn bags_in_series_count_each_for_itself() {
    check(
        "a[1-3]
         b[1-3]",
        &[one_step(vec![bag("a", "a*").at_most(2), bag("b", "b*").at_most(1)])],
        "start p
         run",
        "0s start b1 a1 a2
         10m done a1 a2 b1
         10m start b2 a3
         20m done a3 b2
         20m start b3
         30m done b3
         30m succeeded",
    );
}

#[test]
fn steps_follow_what_they_come_after_and_others_run_side_by_side() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "a*")])]),
        step("two", vec![phase(vec![bag("b", "b*")])]),
        step("three", vec![phase(vec![bag("c", "c*")])]).after(&[0, 1]),
    ];
    check(
        "a1
         b1
         c1",
        &[pipeline("p", steps)],
        "always b1 patch reboot-needed
         start p
         run",
        "0s open one
         0s open two
         0s start a1 b1
         10m done a1 b1
         10m end one
         10m end two
         10m open three
         10m start c1
         20m done c1
         20m end three
         20m succeeded",
    );
}

#[test]
fn names_are_taken_in_their_natural_order() {
    check(
        "w10
         w9
         w100",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "start p
         run",
        "0s start w9
         10m done w9
         10m start w10
         20m done w10
         20m start w100
         30m done w100
         30m succeeded",
    );
}

#[test]
fn a_slow_role_makes_a_chain_longer() {
    // One database has taken ten minutes longer than the believed time for each action, so two of them outweigh three.
    check(
        "a[1-3] cluster=one role=web
         b[0-2] cluster=two role=db",
        &[
            one_step(vec![bag("all", "b0").rebooted(crate::pipeline::Reboot::Always)]),
            one_step(vec![bag("web", "a*"), bag("db", "b1,b2").rebooted(crate::pipeline::Reboot::Always)])
                .named("q")
                .limited(limit("cluster", 1))
                .limited(limit("", 1)),
        ],
        "start p
         run
         start q
         until 16m",
        "0s #1 start b0
         15m #1 done b0
         15m #1 succeeded
         15m #2 start b1",
    );
}

#[test]
fn more_machines_than_a_plan_has_room_for_are_started_by_the_plans_that_follow() {
    use crate::decide::{BuildCommand, Command, decide};
    use crate::event::Event;
    use crate::fleet::FleetEvent;
    use crate::id::BuildNumber;
    use crate::rollout::{RolloutCommand, RolloutEvent, Scope};
    use crate::time::Now;

    let (now, actor) = (Now::same(world::START), crate::actor::Actor::person("ann"));
    let mut state = crate::state::State::default();
    let machines = crate::fleet::text::parse_fleet("m[1-1300] cluster=c").unwrap();
    state.evolve(&Event::Fleet(FleetEvent::MachinesJoined { machines }), now.steady);
    let (build, pipeline) = (BuildNumber(1), Box::new(one_step(vec![bag("all", "*")])));
    let mut pipeline = pipeline;
    pipeline.steps[0].budget.failures = crate::pipeline::Amount::Count(5000);
    let start = RolloutCommand::Start { pipeline, build, scope: Scope::Pipeline, reason: None };
    for command in [Command::Build(BuildCommand::Verified { build }), Command::Rollout(start)] {
        for event in decide(&state, &actor, command.clone(), now).unwrap() {
            state.evolve(&event, now.steady);
        }
    }
    let mut asked = Vec::new();
    loop {
        let events = crate::plan::plan(&state, now).events;
        assert!(events.len() <= crate::plan::EVENTS_MAX + 8, "{}", events.len());
        if events.is_empty() {
            break;
        }
        for event in events {
            if let Event::Rollout(RolloutEvent::Asked { machine, .. }) = &event {
                asked.push(machine.0);
            }
            state.evolve(&event, now.steady);
        }
    }
    assert_eq!(asked, (0..1300).collect::<Vec<_>>(), "each once, in the order of their names");
}
