//! Lanes by themselves: who is ready, who is parked where, and who gets a turn.

use crate::id::RolloutId;
use crate::pipeline::Amount;
use crate::rollout::limit::{Bound, GaugeId, GaugeOf, Gauges, Held};
use crate::rollout::schedule::{LaneId, Live, NewLane, Parked, Schedule, StepKey};

const STEP: StepKey = StepKey { rollout: RolloutId(1), step: 0 };
const OTHER: StepKey = StepKey { rollout: RolloutId(2), step: 0 };

/// A schedule over gauges that no machine stands on; what is held is counted by hand.
#[derive(Default)]
struct Yard {
    schedule: Schedule,
    gauges: Gauges,
}

impl Yard {
    fn gauge(&mut self, cap: u32) -> GaugeId {
        self.gauges.add_own(GaugeOf::Bag, 0, cap)
    }

    /// A lane of so many jobs, a minute each, whose chain is its first gauge.
    fn lane_of(&mut self, step: StepKey, gauges: &[GaugeId], jobs: std::ops::Range<u32>) -> LaneId {
        let bounds = gauges.iter().map(|gauge| Bound { gauge: *gauge, max: None }).collect();
        let new = NewLane { step, bounds, expect: 60, chain: gauges[0], jobs: jobs.collect() };
        self.schedule.add(new)
    }

    fn lane(&mut self, gauges: &[GaugeId], jobs: u32) -> LaneId {
        self.lane_of(STEP, gauges, 0..jobs)
    }

    fn live(&mut self, lane: LaneId) {
        self.schedule.set_live(&mut self.gauges, lane, Live::Yes);
    }

    fn ready(&self, step: StepKey) -> usize {
        self.schedule.ready(step).count()
    }

    fn urgent(&self) -> Option<LaneId> {
        self.schedule.most_urgent(STEP)
    }

    fn hold(&mut self, gauge: GaugeId) {
        self.gauges.count_own(gauge, Held::Yes, &mut Vec::new());
    }

    /// One lets go, and whoever waits for the room gets it.
    fn release(&mut self, gauge: GaugeId) {
        let mut freed = Vec::new();
        self.gauges.count_own(gauge, Held::No, &mut freed);
        assert_eq!(freed, [gauge]);
        self.schedule.wake(&mut self.gauges, gauge);
    }

    fn start(&mut self, lane: LaneId, job: u32) {
        self.schedule.start(&mut self.gauges, lane, job);
    }

    fn is_parked(&self, gauge: GaugeId, lane: LaneId) -> bool {
        self.gauges.gauge(gauge).parked.values().flatten().any(|key| key.lane == lane)
    }
}

#[test]
fn a_lane_takes_part_only_while_it_is_live_and_somebody_waits_in_it() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(1);
    let (lane, empty) = (yard.lane(&[gauge], 2), yard.lane(&[gauge], 0));
    assert_eq!((yard.ready(STEP), yard.urgent()), (0, None));
    yard.live(lane);
    yard.live(lane);
    yard.live(empty);
    assert_eq!((yard.ready(STEP), yard.urgent()), (1, Some(lane)));
    assert_eq!(yard.schedule.steps_with_ready_lanes(), [STEP]);
    yard.schedule.set_live(&mut yard.gauges, lane, Live::No);
    yard.schedule.set_live(&mut yard.gauges, lane, Live::No);
    assert_eq!((yard.ready(STEP), yard.urgent()), (0, None));
    assert_eq!(yard.schedule.steps_with_ready_lanes(), []);
}

#[test]
fn a_lane_without_room_is_parked_where_the_room_is_missing_and_woken_with_it() {
    let mut yard = Yard::default();
    let (narrow, wide) = (yard.gauge(1), yard.gauge(2));
    yard.hold(narrow);
    let lane = yard.lane(&[narrow, wide], 2);
    yard.live(lane);
    assert_eq!(yard.ready(STEP), 0);
    assert!(yard.is_parked(narrow, lane));
    assert_eq!(yard.schedule.held_up(&yard.gauges, lane).map(|bound| bound.gauge), Some(narrow));
    yard.release(narrow);
    assert_eq!(yard.urgent(), Some(lane));
    assert!(yard.gauges.gauge(narrow).parked.is_empty());
    assert_eq!(yard.schedule.held_up(&yard.gauges, lane), None);
}

#[test]
fn a_woken_lane_that_is_held_up_elsewhere_passes_its_turn_on() {
    let mut yard = Yard::default();
    let (first, second, shared) = (yard.gauge(1), yard.gauge(1), yard.gauge(1));
    yard.hold(first);
    yard.hold(shared);
    let held = yard.lane(&[shared, first], 5);
    let free = yard.lane(&[shared, second], 1);
    yard.live(held);
    yard.live(free);
    assert!(yard.is_parked(shared, held) && yard.is_parked(shared, free));
    yard.release(shared);
    assert_eq!(yard.urgent(), Some(free));
    assert!(yard.is_parked(first, held));
}

#[test]
fn one_that_lets_go_wakes_one() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(2);
    yard.hold(gauge);
    yard.hold(gauge);
    let lanes = [yard.lane(&[gauge], 1), yard.lane(&[gauge], 1), yard.lane(&[gauge], 1)];
    lanes.iter().for_each(|lane| yard.live(*lane));
    assert_eq!(yard.ready(STEP), 0);
    yard.release(gauge);
    assert_eq!(yard.ready(STEP), 1);
    yard.release(gauge);
    assert_eq!(yard.ready(STEP), 2);
}

#[test]
fn a_gauge_that_allows_more_wakes_everybody_that_it_is_enough_for() {
    let mut yard = Yard::default();
    let (gauge, full) = (yard.gauge(0), yard.gauge(0));
    let lanes = [yard.lane(&[gauge], 1), yard.lane(&[gauge], 1), yard.lane(&[gauge, full], 1)];
    lanes.iter().for_each(|lane| yard.live(*lane));
    yard.gauges.gauge_mut(gauge).cap = 5;
    yard.schedule.wake_all(&mut yard.gauges, gauge);
    assert_eq!(yard.ready(STEP), 2);
    assert!(yard.is_parked(full, lanes[2]));
    assert!(yard.gauges.gauge(gauge).parked.is_empty());
}

#[test]
fn room_that_a_lane_no_longer_wants_goes_to_the_next() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(1);
    let (first, second) = (yard.lane(&[gauge], 2), yard.lane_of(OTHER, &[gauge], 0..1));
    yard.live(first);
    yard.hold(gauge);
    yard.live(second);
    assert_eq!(yard.schedule.park_if_held_up(&mut yard.gauges, first), Parked::Yes);
    yard.release(gauge);
    assert_eq!((yard.ready(STEP), yard.ready(OTHER)), (1, 0), "the longer chain has the turn");
    yard.schedule.set_live(&mut yard.gauges, first, Live::No);
    assert_eq!((yard.ready(STEP), yard.ready(OTHER)), (0, 1));
}

#[test]
fn a_parked_lane_that_leaves_passes_nothing_on() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(1);
    yard.hold(gauge);
    let (first, second) = (yard.lane(&[gauge], 2), yard.lane(&[gauge], 1));
    yard.live(first);
    yard.live(second);
    yard.schedule.set_live(&mut yard.gauges, first, Live::No);
    assert_eq!(yard.ready(STEP), 0);
    assert!(yard.is_parked(gauge, second) && !yard.is_parked(gauge, first));
}

#[test]
fn a_ready_lane_with_room_is_not_parked() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(1);
    let lane = yard.lane(&[gauge], 1);
    yard.live(lane);
    assert_eq!(yard.schedule.park_if_held_up(&mut yard.gauges, lane), Parked::No);
    assert_eq!(yard.urgent(), Some(lane));
}

#[test]
fn a_ready_lane_that_is_parked_lets_others_use_the_room_that_is_left() {
    let mut yard = Yard::default();
    let (cluster, fleet) = (yard.gauge(1), yard.gauge(1));
    yard.hold(fleet);
    let blocked = yard.lane(&[cluster, fleet], 3);
    let waiting = yard.lane(&[fleet], 1);
    yard.live(blocked);
    yard.live(waiting);
    yard.release(fleet);
    assert_eq!(yard.urgent(), Some(blocked));
    yard.hold(cluster);
    assert_eq!(yard.schedule.park_if_held_up(&mut yard.gauges, blocked), Parked::Yes);
    assert_eq!(yard.urgent(), Some(waiting));
}

#[test]
fn the_longest_chain_comes_first_and_loses_its_place_as_it_gets_shorter() {
    let mut yard = Yard::default();
    let (one, two) = (yard.gauge(1), yard.gauge(1));
    let (short, long) = (yard.lane(&[one], 2), yard.lane(&[two], 3));
    yard.live(short);
    yard.live(long);
    assert_eq!(yard.urgent(), Some(long));
    yard.start(long, 0);
    // Two are left of each: the lane that came first has the turn.
    assert_eq!(yard.urgent(), Some(short));
    yard.start(short, 0);
    assert_eq!(yard.urgent(), Some(long));
}

#[test]
fn a_chain_that_goes_two_abreast_is_half_as_long() {
    let mut yard = Yard::default();
    let (wide, narrow) = (yard.gauge(2), yard.gauge(1));
    let (four, three) = (yard.lane(&[wide], 4), yard.lane(&[narrow], 3));
    yard.live(four);
    yard.live(three);
    assert_eq!(yard.urgent(), Some(three));
}

#[test]
fn lanes_on_one_gauge_are_one_chain() {
    let mut yard = Yard::default();
    let (cluster, other) = (yard.gauge(1), yard.gauge(1));
    let lone = yard.lane(&[other], 3);
    let halves = [yard.lane(&[cluster], 2), yard.lane(&[cluster], 2)];
    yard.live(lone);
    halves.iter().for_each(|lane| yard.live(*lane));
    assert_eq!(yard.urgent(), Some(halves[0]));
    yard.start(halves[0], 0);
    yard.start(halves[1], 0);
    assert_eq!(yard.urgent(), Some(lone), "two of four are left, three of three");
}

#[test]
fn a_gauge_that_allows_nothing_does_not_divide_by_it() {
    let mut yard = Yard::default();
    let none = yard.gauge(0);
    let lane = yard.lane(&[none], 1);
    yard.live(lane);
    assert!(yard.is_parked(none, lane));
}

#[test]
fn parked_lanes_keep_the_order_of_their_chains() {
    let mut yard = Yard::default();
    let (one, two, shared) = (yard.gauge(1), yard.gauge(1), yard.gauge(1));
    yard.hold(shared);
    let (a, b) = (yard.lane(&[one, shared], 3), yard.lane(&[two, shared], 2));
    yard.live(a);
    yard.live(b);
    // Two machines of the longer chain are skipped: one is left, and the other chain is the longer one.
    yard.schedule.forget(&mut yard.gauges, a);
    yard.schedule.forget(&mut yard.gauges, a);
    yard.release(shared);
    assert_eq!(yard.urgent(), Some(b));
}

#[test]
fn jobs_leave_their_lane_one_by_one_and_the_last_one_takes_it_away() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(9);
    let lane = yard.lane(&[gauge], 3);
    yard.live(lane);
    let jobs = |yard: &Yard| yard.schedule.lane(lane).jobs().collect::<Vec<_>>();
    assert_eq!((jobs(&yard), yard.schedule.front(lane)), (vec![0, 1, 2], Some(0)));
    yard.start(lane, 1);
    assert_eq!((jobs(&yard), yard.schedule.lane(lane).waiting()), (vec![0, 2], 2));
    yard.start(lane, 7);
    assert_eq!(yard.schedule.lane(lane).waiting(), 2, "a job that does not stand there");
    yard.schedule.forget(&mut yard.gauges, lane);
    yard.schedule.drop_front(lane);
    assert_eq!((jobs(&yard), yard.schedule.lane(lane).waiting()), (vec![2], 1));
    assert_eq!(yard.urgent(), Some(lane));
    yard.start(lane, 2);
    assert_eq!((yard.urgent(), yard.schedule.lane(lane).waiting()), (None, 0));
    assert_eq!(yard.schedule.lane(lane).expect(), 60);
}

#[test]
fn a_job_that_waits_again_stands_in_front_and_brings_its_lane_back() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(9);
    let lane = yard.lane(&[gauge], 2);
    yard.live(lane);
    yard.start(lane, 0);
    yard.start(lane, 1);
    assert_eq!(yard.urgent(), None);
    yard.schedule.put_front(&mut yard.gauges, lane, 0, |_| true);
    assert_eq!((yard.urgent(), yard.schedule.front(lane)), (Some(lane), Some(0)));
    yard.schedule.put_front(&mut yard.gauges, lane, 1, |_| true);
    assert_eq!((yard.schedule.lane(lane).waiting(), yard.schedule.front(lane)), (2, Some(1)));
    yard.schedule.set_live(&mut yard.gauges, lane, Live::No);
    yard.schedule.put_front(&mut yard.gauges, lane, 5, |_| true);
    assert_eq!(yard.urgent(), None, "a lane that is not live is not brought back");
}

#[test]
fn work_that_waits_again_makes_its_chain_longer_again() {
    let mut yard = Yard::default();
    let (one, two) = (yard.gauge(1), yard.gauge(1));
    let (a, b) = (yard.lane(&[one], 1), yard.lane(&[two], 2));
    yard.live(a);
    yard.start(a, 0);
    for job in 0..3 {
        yard.schedule.put_front(&mut yard.gauges, a, job, |_| true);
    }
    yard.live(b);
    yard.schedule.set_live(&mut yard.gauges, a, Live::No);
    yard.live(a);
    assert_eq!(yard.urgent(), Some(a), "three against two");
}

#[test]
fn a_lane_that_is_taken_away_leaves_its_chain_shorter_and_its_number_free() {
    let mut yard = Yard::default();
    let (cluster, other) = (yard.gauge(1), yard.gauge(1));
    let (gone, stays) = (yard.lane(&[cluster], 5), yard.lane(&[cluster], 1));
    let two = yard.lane(&[other], 2);
    [gone, stays, two].into_iter().for_each(|lane| yard.live(lane));
    yard.schedule.remove(&mut yard.gauges, gone);
    yard.schedule.set_live(&mut yard.gauges, stays, Live::No);
    yard.live(stays);
    assert_eq!(yard.urgent(), Some(two), "one is left where six were");
    assert_eq!(yard.schedule.lane(gone).jobs().count(), 0);
    let new = yard.lane(&[cluster], 4);
    assert_eq!(new, gone);
    yard.live(new);
    assert_eq!(yard.urgent(), Some(new), "five against two");
}

#[test]
fn the_last_lane_of_a_chain_takes_the_chain_away() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(1);
    let before = yard.schedule.clone();
    let lane = yard.lane(&[gauge], 5);
    yard.schedule.remove(&mut yard.gauges, lane);
    let text = |schedule: &Schedule| format!("{schedule:?}");
    assert!(text(&before).contains("chains: {}") && text(&yard.schedule).contains("chains: {}"));
}

#[test]
fn lanes_of_different_amounts_wait_apart_on_one_gauge() {
    let mut yard = Yard::default();
    let gauge = yard.gauge(0);
    yard.hold(gauge);
    let with = |max| vec![Bound { gauge, max: Some(Amount::Count(max)) }];
    let mut lane = |max, jobs: u32| {
        let jobs = (0..jobs).collect();
        yard.schedule.add(NewLane { step: STEP, bounds: with(max), expect: 60, chain: gauge, jobs })
    };
    let (one, three) = (lane(1, 9), lane(3, 1));
    yard.hold(gauge);
    yard.hold(gauge);
    yard.live(one);
    yard.live(three);
    assert_eq!(yard.ready(STEP), 0);
    yard.release(gauge);
    assert_eq!(yard.urgent(), Some(three), "two are held: enough for three, not for one");
    assert!(yard.is_parked(gauge, one));
}

#[test]
fn a_chain_of_very_many_lanes_is_not_sorted_at_every_start() {
    let order = |lanes: u32| {
        let mut yard = Yard::default();
        let (cluster, other) = (yard.gauge(9), yard.gauge(9));
        let many: Vec<LaneId> = (0..lanes).map(|_| yard.lane(&[cluster], 2)).collect();
        many.iter().for_each(|lane| yard.live(*lane));
        let lone = yard.lane(&[other], 2 * lanes);
        yard.live(lone);
        let first = yard.urgent();
        yard.start(many[0], 0);
        (first == Some(many[0]), yard.urgent() == Some(lone), yard.urgent() == Some(many[1]))
    };
    // With as many lanes as are sorted, one start makes the chain the shorter one; beyond, the old order stays.
    assert_eq!(order(64), (true, true, false));
    assert!(order(65).0);
    assert!(!order(65).1, "nobody was sorted anew");
}
