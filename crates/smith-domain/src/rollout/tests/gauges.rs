//! Gauges by themselves: who stands where, and what is counted.

use crate::event::Event;
use crate::fleet::text::parse_fleet;
use crate::fleet::{FleetEvent, KnownMachine};
use crate::id::MachineId;
use crate::pipeline::{Amount, Counts, Limit};
use crate::rollout::limit::{Bound, GaugeId, GaugeOf, Grip, Held};
use crate::rollout::tests::rules::limit;
use crate::state::State;
use crate::time::Timestamp;

const AT: Timestamp = Timestamp(5);

fn state(fleet: &str) -> State {
    let mut state = State::default();
    let machines = parse_fleet(fleet).unwrap();
    state.evolve(&Event::Fleet(FleetEvent::MachinesJoined { machines }), AT);
    state
}

fn counted(fleet: &str, rule: &Limit) -> State {
    let mut state = state(fleet);
    state.gauges.ensure(&state.fleet, rule);
    state
}

fn m(number: u32) -> MachineId {
    MachineId(number)
}

fn gauge(state: &State, rule: &Limit, machine: u32) -> GaugeId {
    state.gauges.bound(rule, m(machine)).unwrap().gauge
}

fn set(state: &mut State, machine: u32, disturbed: bool, running: bool) -> Vec<GaugeId> {
    let held = |yes| if yes { Held::Yes } else { Held::No };
    let mut freed = Vec::new();
    state.gauges.set_disturbed(m(machine), held(disturbed), &mut freed);
    state.gauges.set_running(m(machine), held(running), &mut freed);
    freed
}

/// Held machines, those of them at work, and all machines of the group.
fn told(state: &State, rule: &Limit, machine: u32) -> (u32, u32, u32) {
    let gauge = state.gauges.gauge(gauge(state, rule, machine));
    (gauge.held, gauge.at_work, gauge.whole)
}

const FLEET: &str = "a[0-2] cluster=one\nb[3-4] cluster=two";

#[test]
fn disturbed_machines_are_counted_once_however_often_they_are_said_to_be() {
    let rule = limit("cluster", 1);
    let mut state = counted(FLEET, &rule);
    assert_eq!((told(&state, &rule, 0), told(&state, &rule, 3)), ((0, 0, 3), (0, 0, 2)));
    assert!(set(&mut state, 0, true, true).is_empty());
    assert!(set(&mut state, 0, true, true).is_empty());
    assert_eq!((told(&state, &rule, 1), told(&state, &rule, 3)), ((1, 1, 3), (0, 0, 2)));
    assert!(set(&mut state, 0, true, false).is_empty(), "it is still disturbed");
    assert_eq!(told(&state, &rule, 1), (1, 0, 3));
    assert_eq!(set(&mut state, 0, false, false), [gauge(&state, &rule, 0)]);
    assert_eq!(set(&mut state, 0, false, false), []);
    assert_eq!(told(&state, &rule, 1), (0, 0, 3));
}

#[test]
fn running_machines_are_counted_on_gauges_of_their_own() {
    let (disturbed, running) = (limit("cluster", 1), limit("cluster", 1).running());
    let mut state = counted(FLEET, &disturbed);
    state.gauges.ensure(&state.fleet, &running);
    set(&mut state, 0, true, true);
    assert_eq!((told(&state, &disturbed, 0), told(&state, &running, 0)), ((1, 1, 3), (1, 0, 3)));
    assert_eq!(set(&mut state, 0, true, false), [gauge(&state, &running, 0)]);
    assert_eq!((told(&state, &disturbed, 0), told(&state, &running, 0)), ((1, 0, 3), (0, 0, 3)));
    let on = |machine| state.gauges.groups_of(m(machine)).collect::<Vec<_>>();
    let expected =
        [(gauge(&state, &disturbed, 0), Counts::Disturbed), (gauge(&state, &running, 0), Counts::Running)];
    assert_eq!(on(0), expected);
    assert_eq!(on(99), []);
}

#[test]
fn grips_and_the_list_of_disturbed_machines_follow() {
    let mut state = state(FLEET);
    assert_eq!(state.gauges.grip(m(1)), Grip::default());
    assert_eq!(state.gauges.grip(m(77)), Grip::default());
    set(&mut state, 4, true, false);
    set(&mut state, 1, true, true);
    assert_eq!(state.gauges.grip(m(1)), Grip { disturbed: true, running: true, drained: false });
    assert_eq!(state.gauges.grip(m(4)), Grip { disturbed: true, running: false, drained: false });
    assert_eq!(state.gauges.disturbed().collect::<Vec<_>>(), [m(1), m(4)]);
    assert_eq!(state.gauges.disturbed_count(), 2);
    set(&mut state, 1, false, false);
    assert_eq!(state.gauges.disturbed().collect::<Vec<_>>(), [m(4)]);
}

#[test]
fn limits_with_the_same_attributes_share_gauges_and_others_do_not() {
    let (one, two) = (limit("cluster", 1), limit("cluster", 9));
    let mut state = counted(FLEET, &one);
    for rule in [&one, &two, &limit("", 1), &one.clone().within("a*")] {
        state.gauges.ensure(&state.fleet, rule);
    }
    assert_eq!(gauge(&state, &one, 0), gauge(&state, &two, 1));
    assert_ne!(gauge(&state, &one, 0), gauge(&state, &one, 3));
    assert_ne!(gauge(&state, &one, 0), gauge(&state, &limit("", 1), 0));
    let within = one.clone().within("a*");
    assert_ne!(gauge(&state, &one, 0), gauge(&state, &within, 0));
    assert_eq!(state.gauges.bound(&within, m(3)), None, "it is not within");
    assert_eq!(state.gauges.bound(&limit("role", 1), m(0)), None, "nobody has asked for it to be counted");
    assert_eq!(state.gauges.bound(&one, m(99)), None);
    let bound = state.gauges.bound(&two, m(0)).unwrap();
    assert_eq!((bound.max, state.gauges.allowed(bound)), (Some(Amount::Count(9)), 9));
}

#[test]
fn a_bound_without_an_amount_allows_what_its_gauge_says() {
    let mut state = state(FLEET);
    let own = state.gauges.add_own(GaugeOf::Budget, 7, 2);
    let bound = Bound { gauge: own, max: None };
    assert_eq!((state.gauges.allowed(bound), state.gauges.has_room(bound)), (2, true));
    let mut freed = Vec::new();
    state.gauges.count_own(own, Held::Yes, &mut freed);
    assert!(state.gauges.has_room(bound));
    state.gauges.count_own(own, Held::Yes, &mut freed);
    assert!(!state.gauges.has_room(bound) && freed.is_empty());
    state.gauges.count_own(own, Held::No, &mut freed);
    assert!(state.gauges.has_room(bound));
    assert_eq!(freed, [own]);
    assert_eq!(state.gauges.dimension_of(own), None);
    assert!(!state.gauges.stands_on(m(0), own));
}

#[test]
fn a_gauge_that_is_given_back_is_used_again_and_clean() {
    let mut state = state(FLEET);
    let first = state.gauges.add_own(GaugeOf::Bag, 7, 2);
    let second = state.gauges.add_own(GaugeOf::Bag, 7, 2);
    assert_ne!(first, second);
    state.gauges.count_own(first, Held::Yes, &mut Vec::new());
    state.gauges.drop_own(first);
    assert_eq!((state.gauges.gauge(first).held, state.gauges.gauge(first).cap), (0, 0));
    let again = state.gauges.add_own(GaugeOf::Budget, 3, 4);
    assert_eq!(again, first);
    assert_eq!((state.gauges.gauge(again).cap, state.gauges.gauge(again).whole), (4, 3));
}

#[test]
fn a_gauge_knows_its_group_and_who_stands_on_it() {
    let rule = limit("cluster", 1);
    let state = counted(FLEET, &rule);
    let one = gauge(&state, &rule, 0);
    assert_eq!(state.gauges.dimension_of(one).map(|key| key.counts), Some(Counts::Disturbed));
    let standing: Vec<u32> = (0..6).filter(|machine| state.gauges.stands_on(m(*machine), one)).collect();
    assert_eq!(standing, [0, 1, 2]);
}

#[test]
fn what_is_held_already_is_counted_when_a_limit_is_first_seen() {
    let mut state = state(FLEET);
    set(&mut state, 0, true, true);
    set(&mut state, 1, true, false);
    for (rule, expected) in [
        (limit("cluster", 1), (2, 1, 3)),
        (limit("cluster", 1).running(), (1, 0, 3)),
        (limit("", 1), (2, 1, 5)),
    ] {
        state.gauges.ensure(&state.fleet, &rule);
        assert_eq!(told(&state, &rule, 2), expected, "{rule:?}");
    }
}

#[test]
fn a_machine_takes_what_it_holds_along_to_another_group() {
    let (rule, running) = (limit("cluster", 1), limit("cluster", 1).running());
    let mut state = counted(FLEET, &rule);
    state.gauges.ensure(&state.fleet, &running);
    set(&mut state, 0, true, true);
    let facts = parse_fleet("a0 cluster=two").unwrap().remove(0);
    let machines = vec![KnownMachine { id: m(0), facts: facts.clone() }];
    state.evolve(&Event::Fleet(FleetEvent::MachinesChanged { machines }), AT);
    assert_eq!((told(&state, &rule, 1), told(&state, &rule, 3)), ((0, 0, 2), (1, 1, 3)));
    assert_eq!((told(&state, &running, 1), told(&state, &running, 3)), ((0, 0, 2), (1, 0, 3)));
    assert_eq!(gauge(&state, &rule, 0), gauge(&state, &rule, 3));
    let left = FleetEvent::MachinesLeft { machines: vec![m(0)] };
    state.evolve(&Event::Fleet(left), AT);
    assert_eq!(told(&state, &rule, 3), (1, 1, 3), "its work is not answered yet");
    set(&mut state, 0, true, false);
    let mut freed = Vec::new();
    state.gauges.machines_changed(&state.fleet, &[m(0)], &mut freed);
    assert_eq!((told(&state, &rule, 3), state.gauges.bound(&rule, m(0))), ((0, 0, 2), None));
    assert_eq!(freed, [gauge(&state, &rule, 3), gauge(&state, &running, 3)]);
    assert!(state.gauges.grip(m(0)).disturbed, "it is gone, and nobody has proven it healthy");
    let machines = vec![KnownMachine { id: m(0), facts }];
    state.evolve(&Event::Fleet(FleetEvent::MachinesReturned { machines }), AT);
    assert_eq!(told(&state, &rule, 3), (1, 0, 3));
}

#[test]
fn gauges_that_may_have_gained_room_are_told_when_machines_move() {
    let rule = limit("cluster", 1);
    let mut state = counted(FLEET, &rule);
    let (one, two) = (gauge(&state, &rule, 0), gauge(&state, &rule, 3));
    let facts = parse_fleet("a0 cluster=two").unwrap().remove(0);
    let machines = vec![KnownMachine { id: m(0), facts }];
    state.fleet.evolve(&FleetEvent::MachinesChanged { machines }, AT);
    let mut freed = Vec::new();
    state.gauges.machines_changed(&state.fleet, &[m(0), m(1)], &mut freed);
    assert_eq!(freed, [one, two]);
    let mut again = Vec::new();
    state.gauges.machines_changed(&state.fleet, &[m(0), m(1)], &mut again);
    assert_eq!(again, [], "nobody has moved since");
}

#[test]
fn machines_that_join_are_counted_in_their_group() {
    let rule = limit("cluster", 1);
    let mut state = counted(FLEET, &rule);
    let machines = parse_fleet("c5 cluster=one\nc6 cluster=three").unwrap();
    state.evolve(&Event::Fleet(FleetEvent::MachinesJoined { machines }), AT);
    assert_eq!((told(&state, &rule, 5), told(&state, &rule, 6)), ((0, 0, 4), (0, 0, 1)));
    set(&mut state, 6, true, false);
    assert_eq!(told(&state, &rule, 6), (1, 0, 1));
}
