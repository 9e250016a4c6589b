//! Lanes as they follow the jobs of an open run.

use std::collections::{BTreeMap, VecDeque};

use crate::id::RolloutId;
use crate::pipeline::Parallel;
use crate::rollout::limit::{Bound, GaugeOf};
use crate::rollout::schedule::{LaneId, Live, NewLane, Parked, StepKey};
use crate::rollout::state::{Job, JobState};
use crate::state::State;

/// What stands at the front of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// A machine that may start.
    Ready,
    /// The lane left the ready ones.
    Left,
}

/// What a machine must find room on before it starts: its limits, its bag, its budget. Narrow ones come first, so
/// that a lane waits where the fewest others do.
pub(crate) fn bounds_of(state: &State, rollout: RolloutId, job: &Job) -> Vec<Bound> {
    let rollout = state.rollouts.one(rollout);
    let bag = rollout.bag(job);
    let limits = bag.limits.iter().chain(&rollout.rule(job.step).limits).chain(&rollout.pipeline.limits);
    let mut bounds: Vec<Bound> = limits.filter_map(|limit| state.gauges.bound(limit, job.machine)).collect();
    bounds.sort_by_key(|bound| (state.gauges.gauge(bound.gauge).whole, *bound));
    bounds.dedup();
    let step = rollout.step(job.step);
    let bag_gauge = step.runs[usize::from(job.run)].bags[usize::from(job.bag)].gauge;
    bounds.extend(bag_gauge.map(|gauge| Bound { gauge, max: None }));
    bounds.push(Bound { gauge: step.budgets[usize::from(job.budget)].gauge, max: None });
    bounds
}

/// Opens the lanes of a run: machines with the same bounds and role stand in one lane, in the order of their scope.
pub(super) fn open(state: &mut State, key: StepKey, run: u16) {
    open_bag_gauges(state, key, run);
    let rollout = state.rollouts.one(key.rollout);
    let bags = &rollout.step(key.step).runs[usize::from(run)].bags;
    let waiting = bags.iter().flat_map(|bag| &bag.jobs).copied().filter(|number| {
        let job = rollout.job(*number);
        job.state == JobState::Waiting && job.step == key.step && job.run == run
    });
    let sorted = sort(state, key, waiting);
    let opened = line_up(state, key, sorted.groups);
    let rollout = state.rollouts.one_mut(key.rollout);
    for number in &sorted.beside {
        let again = Job { state: JobState::Again, ..*rollout.job(*number) };
        rollout.jobs.put(*number, again);
    }
    let step = &mut rollout.steps[usize::from(key.step)];
    step.again.extend(sorted.beside);
    step.longest = sorted.longest;
    step.runs[usize::from(run)].lanes = opened;
}

/// Jobs of an open run that have left their lanes, because other facts hold about their machines, stand in lanes of their
/// own. Beside the lanes they would be too many to look at.
pub(super) fn regroup(state: &mut State, key: StepKey, run: u16, jobs: &[u32]) {
    let sorted = sort(state, key, jobs.iter().copied());
    let opened = line_up(state, key, sorted.groups);
    let step = state.rollouts.one(key.rollout).step(key.step);
    if step.live {
        for lane in &opened {
            state.schedule.set_live(&mut state.gauges, *lane, Live::Yes);
        }
    }
    for number in sorted.beside {
        super::job::wait_beside(state, key.rollout, number);
    }
    let step = &mut state.rollouts.one_mut(key.rollout).steps[usize::from(key.step)];
    step.longest = step.longest.max(sorted.longest);
    step.runs[usize::from(run)].lanes.extend(opened);
}

/// Jobs that wait, by what bounds them.
struct Sorted {
    groups: BTreeMap<(u16, u64, Vec<Bound>), VecDeque<u32>>,
    /// Machines that are disturbed already need no room that a lane would wait for.
    beside: Vec<u32>,
    longest: u64,
}

fn sort(state: &State, key: StepKey, jobs: impl Iterator<Item = u32>) -> Sorted {
    let rollout = state.rollouts.one(key.rollout);
    let mut sorted = Sorted { groups: BTreeMap::new(), beside: Vec::new(), longest: 0 };
    for number in jobs {
        let job = rollout.job(number);
        let expect = state.learned.procedure(job.role, &rollout.bag(job).actions);
        sorted.longest = sorted.longest.max(expect);
        if state.gauges.grip(job.machine).disturbed {
            sorted.beside.push(number);
            continue;
        }
        let bounds = bounds_of(state, key.rollout, job);
        sorted.groups.entry((job.bag, expect, bounds)).or_default().push_back(number);
    }
    sorted
}

fn line_up(
    state: &mut State,
    key: StepKey,
    groups: BTreeMap<(u16, u64, Vec<Bound>), VecDeque<u32>>,
) -> Vec<LaneId> {
    let mut opened = Vec::with_capacity(groups.len());
    for ((_, expect, bounds), jobs) in groups {
        let chain = bounds.first().map(|bound| bound.gauge);
        let Some(chain) = chain else { continue };
        let lane = state.schedule.add(NewLane { step: key, bounds, expect, chain, jobs: jobs.clone() });
        let rollout = state.rollouts.one_mut(key.rollout);
        for job in jobs {
            let with_lane = Job { lane, ..*rollout.job(job) };
            rollout.jobs.put(job, with_lane);
        }
        opened.push(lane);
    }
    opened
}

fn open_bag_gauges(state: &mut State, key: StepKey, run: u16) {
    let rollout = state.rollouts.one_mut(key.rollout);
    let pipeline = rollout.pipeline.clone();
    let run = &mut rollout.steps[usize::from(key.step)].runs[usize::from(run)];
    let bags = &pipeline.steps[usize::from(key.step)].phases[usize::from(run.phase)].bags;
    for (bag, rule) in run.bags.iter_mut().zip(bags) {
        if let Parallel::AtMost(most) = rule.parallel {
            let whole = u32::try_from(bag.jobs.len()).unwrap_or(u32::MAX);
            bag.gauge = Some(state.gauges.add_own(GaugeOf::Bag, whole, most));
        }
    }
}

/// Takes the lanes of a run away; nothing waits in it any more. Its bags are counted on, for machines that are retried.
pub(super) fn close(state: &mut State, key: StepKey, run: u16) {
    let step = &mut state.rollouts.one_mut(key.rollout).steps[usize::from(key.step)];
    let Some(run) = step.runs.get_mut(usize::from(run)) else { return };
    for lane in std::mem::take(&mut run.lanes) {
        state.schedule.remove(&mut state.gauges, lane);
    }
}

/// Takes the gauges of all bags of a step away.
pub(super) fn drop_bag_gauges(state: &mut State, key: StepKey) {
    let step = &mut state.rollouts.one_mut(key.rollout).steps[usize::from(key.step)];
    let bags = step.runs.iter_mut().flat_map(|run| &mut run.bags);
    for gauge in bags.filter_map(|bag| bag.gauge.take()) {
        state.gauges.drop_own(gauge);
    }
}

/// Lets the lanes of the open run take part, or not.
pub(super) fn set_live(state: &mut State, key: StepKey, live: Live) {
    let step = state.rollouts.one(key.rollout).step(key.step);
    let lanes: Vec<LaneId> = step.open_run().map(|run| run.lanes.clone()).unwrap_or_default();
    for lane in lanes {
        state.schedule.set_live(&mut state.gauges, lane, live);
    }
    state.rollouts.one_mut(key.rollout).steps[usize::from(key.step)].live = live == Live::Yes;
}

/// Drops what cannot start from the front of a ready lane, and parks the lane where there is no room.
pub(super) fn clear_front(state: &mut State, lane: LaneId) -> Front {
    loop {
        let key = state.schedule.lane(lane).step;
        if state.schedule.lane(lane).waiting() == 0 {
            return Front::Left;
        }
        let Some(number) = state.schedule.front(lane) else { return Front::Left };
        let job = *state.rollouts.one(key.rollout).job(number);
        if job.state != JobState::Waiting || job.lane != lane {
            state.schedule.drop_front(lane);
            continue;
        }
        return match state.schedule.park_if_held_up(&mut state.gauges, lane) {
            Parked::Yes => Front::Left,
            Parked::No => Front::Ready,
        };
    }
}
