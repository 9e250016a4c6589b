//! Lanes: waiting machines that stand on the same gauges, and the order in which they may start.
//!
//! All machines of a lane are equal before every bound, so one look at its bounds answers for all of them. A lane is
//! *ready*, or *parked* on one gauge without room, or out. When a gauge gains room its most urgent lane is woken; a
//! woken lane that is held up elsewhere passes its turn on, so that room never stays unused while somebody waits for
//! it. Urgent means: the longest chain of work still to be done, one machine after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::RolloutId;
use crate::rollout::limit::{Bound, GaugeId, Gauges};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneId(pub u32);

impl LaneId {
    /// A job that stands in no lane.
    pub const NONE: LaneId = LaneId(u32::MAX);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A lane in the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneKey {
    left: Reverse<u64>,
    pub lane: LaneId,
}

/// Which step of which rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepKey {
    pub rollout: RolloutId,
    pub step: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    pub step: StepKey,
    pub bounds: Box<[Bound]>,
    /// What one machine is expected to take, in milliseconds.
    expect: u64,
    /// The narrowest gauge that the lane stands on: with the lanes beside it there it makes one chain of work.
    chain: GaugeId,
    /// Jobs in the order in which they start. One that was skipped or is gone leaves when it comes to the front.
    queue: VecDeque<u32>,
    /// Jobs in the queue that really wait.
    waiting: u32,
    live: bool,
    place: Place,
    left: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Out,
    Ready,
    Parked(Bound),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Chain {
    left: u64,
    lanes: Vec<LaneId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schedule {
    lanes: Vec<Lane>,
    free: Vec<LaneId>,
    chains: BTreeMap<GaugeId, Chain>,
    ready: BTreeMap<StepKey, BTreeSet<LaneKey>>,
}

/// What a new lane is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewLane {
    pub(crate) step: StepKey,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) expect: u64,
    pub(crate) chain: GaugeId,
    pub(crate) jobs: VecDeque<u32>,
}

/// Lanes that share a chain beyond this number keep the urgency they had when they were last touched: re-sorting all
/// of them at every start would cost more than the better order gains. A cluster has one lane a role, rarely ten.
const CHAIN_LANES_MAX: usize = 64;

/// A queue that is shorter than this is not worth clearing.
const QUEUE_SLACK: usize = 16;

impl Schedule {
    pub fn lane(&self, id: LaneId) -> &Lane {
        &self.lanes[id.index()]
    }

    /// Ready lanes of a step, the most urgent first.
    pub fn ready(&self, step: StepKey) -> impl Iterator<Item = (LaneId, &Lane)> + '_ {
        self.ready.get(&step).into_iter().flatten().map(|key| (key.lane, self.lane(key.lane)))
    }

    pub(crate) fn steps_with_ready_lanes(&self) -> Vec<StepKey> {
        self.ready.keys().copied().collect()
    }

    pub(crate) fn most_urgent(&self, step: StepKey) -> Option<LaneId> {
        self.ready.get(&step)?.first().map(|key| key.lane)
    }

    pub(crate) fn add(&mut self, new: NewLane) -> LaneId {
        let waiting = u32::try_from(new.jobs.len()).unwrap_or(u32::MAX);
        let lane = Lane {
            step: new.step,
            bounds: new.bounds.into_boxed_slice(),
            expect: new.expect,
            chain: new.chain,
            queue: new.jobs,
            waiting,
            live: false,
            place: Place::Out,
            left: 0,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.lanes[id.index()] = lane;
                id
            }
            None => {
                self.lanes.push(lane);
                LaneId(u32::try_from(self.lanes.len() - 1).unwrap_or(u32::MAX - 1))
            }
        };
        let chain = self.chains.entry(new.chain).or_default();
        chain.left += new.expect * u64::from(waiting);
        chain.lanes.push(id);
        id
    }

    /// Takes an emptied lane away.
    pub(crate) fn remove(&mut self, gauges: &mut Gauges, id: LaneId) {
        self.set_live(gauges, id, Live::No);
        let lane = &mut self.lanes[id.index()];
        let (gauge, left) = (lane.chain, lane.expect * u64::from(lane.waiting));
        lane.queue = VecDeque::new();
        lane.waiting = 0;
        if let Some(chain) = self.chains.get_mut(&gauge) {
            chain.left -= left;
            chain.lanes.retain(|other| *other != id);
            if chain.lanes.is_empty() {
                self.chains.remove(&gauge);
            }
        }
        self.free.push(id);
    }

    /// A lane takes part only while its step may start machines; otherwise it would hold turns that it cannot use.
    pub(crate) fn set_live(&mut self, gauges: &mut Gauges, id: LaneId, live: Live) {
        let lane = &mut self.lanes[id.index()];
        match (lane.live, live) {
            (false, Live::Yes) => {
                lane.live = true;
                if lane.waiting > 0 {
                    self.enter(gauges, id);
                }
            }
            (true, Live::No) => {
                lane.live = false;
                self.leave(gauges, id);
            }
            (true, Live::Yes) | (false, Live::No) => {}
        }
    }

    /// The job at the front, whatever its state.
    pub fn front(&self, id: LaneId) -> Option<u32> {
        self.lane(id).queue.front().copied()
    }

    /// A job that stands in the queue waits no more: it was skipped, is gone, or stands aside.
    pub(crate) fn forget(&mut self, gauges: &mut Gauges, id: LaneId) {
        self.lanes[id.index()].waiting -= 1;
        self.worked(gauges, id);
        if self.lane(id).waiting == 0 {
            self.leave(gauges, id);
        }
    }

    /// Drops the front of the queue without counting: its job was forgotten before.
    pub(crate) fn drop_front(&mut self, id: LaneId) {
        self.lanes[id.index()].queue.pop_front();
    }

    /// The job starts; it is at the front or near it, with only forgotten ones before.
    pub(crate) fn start(&mut self, gauges: &mut Gauges, id: LaneId, job: u32) {
        let queue = &mut self.lanes[id.index()].queue;
        match queue.iter().position(|other| *other == job) {
            Some(at) => queue.remove(at),
            None => return,
        };
        self.forget(gauges, id);
    }

    /// The job waits again, before all others of its lane. Where it stood before is still in the queue, so that is cleared
    /// of what does not wait, or stands there twice, once half of it does.
    pub(crate) fn put_front(
        &mut self,
        gauges: &mut Gauges,
        id: LaneId,
        job: u32,
        waits: impl Fn(u32) -> bool,
    ) {
        let lane = &mut self.lanes[id.index()];
        lane.queue.push_front(job);
        lane.waiting += 1;
        if lane.queue.len() > 2 * lane.waiting as usize + QUEUE_SLACK {
            let mut seen = BTreeSet::new();
            lane.queue.retain(|other| waits(*other) && seen.insert(*other));
        }
        let expect = lane.expect;
        if let Some(chain) = self.chains.get_mut(&lane.chain) {
            chain.left += expect;
        }
        let lane = self.lane(id);
        if lane.live && lane.place == Place::Out {
            self.enter(gauges, id);
        }
    }

    /// One machine's work is off the lane's chain: every lane on the chain is a little less urgent.
    fn worked(&mut self, gauges: &mut Gauges, id: LaneId) {
        let lane = &self.lanes[id.index()];
        let Some(chain) = self.chains.get_mut(&lane.chain) else { return };
        chain.left -= lane.expect;
        if chain.lanes.len() > CHAIN_LANES_MAX {
            return;
        }
        let lanes = std::mem::take(&mut chain.lanes);
        for other in &lanes {
            self.sort_anew(gauges, *other);
        }
        if let Some(chain) = self.chains.get_mut(&self.lanes[id.index()].chain) {
            chain.lanes = lanes;
        }
    }

    fn sort_anew(&mut self, gauges: &mut Gauges, id: LaneId) {
        match self.lane(id).place {
            Place::Out => {}
            Place::Ready => {
                self.take_out(gauges, id);
                self.put_ready(gauges, id);
            }
            Place::Parked(bound) => {
                self.take_out(gauges, id);
                self.park(gauges, id, bound);
            }
        }
    }

    /// How long the lane's chain still takes when it goes as fast as its narrowest gauge allows.
    fn urgency(&self, gauges: &Gauges, id: LaneId) -> u64 {
        let lane = self.lane(id);
        let left = self.chains.get(&lane.chain).map_or(0, |chain| chain.left);
        let wide = lane.bounds.iter().find(|b| b.gauge == lane.chain).map_or(1, |b| gauges.allowed(*b));
        left / u64::from(wide.max(1))
    }

    fn key(&self, id: LaneId) -> LaneKey {
        LaneKey { left: Reverse(self.lane(id).left), lane: id }
    }

    fn put_ready(&mut self, gauges: &Gauges, id: LaneId) {
        let left = self.urgency(gauges, id);
        let lane = &mut self.lanes[id.index()];
        lane.left = left;
        lane.place = Place::Ready;
        let step = lane.step;
        let key = self.key(id);
        self.ready.entry(step).or_default().insert(key);
    }

    fn park(&mut self, gauges: &mut Gauges, id: LaneId, bound: Bound) {
        let left = self.urgency(gauges, id);
        let lane = &mut self.lanes[id.index()];
        lane.left = left;
        lane.place = Place::Parked(bound);
        let key = self.key(id);
        gauges.gauge_mut(bound.gauge).parked.entry(bound.max).or_default().insert(key);
    }

    fn take_out(&mut self, gauges: &mut Gauges, id: LaneId) {
        let key = self.key(id);
        let lane = &mut self.lanes[id.index()];
        match std::mem::replace(&mut lane.place, Place::Out) {
            Place::Out => {}
            Place::Ready => {
                let step = lane.step;
                if let Some(set) = self.ready.get_mut(&step) {
                    set.remove(&key);
                    if set.is_empty() {
                        self.ready.remove(&step);
                    }
                }
            }
            Place::Parked(bound) => {
                let parked = &mut gauges.gauge_mut(bound.gauge).parked;
                if let Some(lanes) = parked.get_mut(&bound.max) {
                    lanes.remove(&key);
                    if lanes.is_empty() {
                        parked.remove(&bound.max);
                    }
                }
            }
        }
    }

    fn enter(&mut self, gauges: &mut Gauges, id: LaneId) {
        match self.held_up(gauges, id) {
            None => self.put_ready(gauges, id),
            Some(bound) => self.park(gauges, id, bound),
        }
    }

    /// Out of ready or parked; the room that the lane was ready to use goes to the next.
    fn leave(&mut self, gauges: &mut Gauges, id: LaneId) {
        let was_ready = self.lane(id).place == Place::Ready;
        self.take_out(gauges, id);
        if was_ready {
            self.pass_on(gauges, id);
        }
    }

    fn pass_on(&mut self, gauges: &mut Gauges, id: LaneId) {
        let room: Vec<GaugeId> =
            self.lane(id).bounds.iter().filter(|b| gauges.has_room(**b)).map(|b| b.gauge).collect();
        for gauge in room {
            self.wake(gauges, gauge);
        }
    }

    /// The first bound without room for the lane.
    pub fn held_up(&self, gauges: &Gauges, id: LaneId) -> Option<Bound> {
        self.lane(id).bounds.iter().find(|bound| !gauges.has_room(**bound)).copied()
    }

    /// A gauge gained room: its most urgent lane that the room is enough for gets its turn.
    pub(crate) fn wake(&mut self, gauges: &mut Gauges, gauge: GaugeId) {
        while let Some(key) = gauges.wakeable(gauge) {
            self.take_out(gauges, key.lane);
            match self.held_up(gauges, key.lane) {
                None => return self.put_ready(gauges, key.lane),
                Some(other) => self.park(gauges, key.lane, other),
            }
        }
    }

    /// A gauge allows more than before: every lane that waits for it looks again.
    pub(crate) fn wake_all(&mut self, gauges: &mut Gauges, gauge: GaugeId) {
        let parked: Vec<LaneId> = gauges.gauge(gauge).parked.values().flatten().map(|key| key.lane).collect();
        for id in parked {
            self.take_out(gauges, id);
            self.enter(gauges, id);
        }
    }

    /// A ready lane that turned out to be held up is parked, and the turn goes on.
    pub(crate) fn park_if_held_up(&mut self, gauges: &mut Gauges, id: LaneId) -> Parked {
        let Some(bound) = self.held_up(gauges, id) else { return Parked::No };
        self.take_out(gauges, id);
        self.park(gauges, id, bound);
        self.pass_on(gauges, id);
        Parked::Yes
    }
}

impl Lane {
    pub fn jobs(&self) -> impl Iterator<Item = u32> + '_ {
        self.queue.iter().copied()
    }

    pub fn waiting(&self) -> u32 {
        self.waiting
    }

    /// What one of its machines is expected to take, in milliseconds.
    pub fn expect(&self) -> u64 {
        self.expect
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    Yes,
    No,
}
