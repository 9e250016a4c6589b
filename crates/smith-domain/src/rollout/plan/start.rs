//! Which machines start now.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::MachineId;
use crate::pipeline::Counts;
use crate::plan::Planner;
use crate::rollout::event::{Call, RolloutEvent};
use crate::rollout::evolve::bounds_of;
use crate::rollout::limit::{Bound, GaugeId, GaugeOf};
use crate::rollout::machine;
use crate::rollout::runs::Runs;
use crate::rollout::schedule::StepKey;
use crate::rollout::state::{Job, JobState};
use crate::state::State;

/// Lanes without room that are passed over in a row once something was found: the fold parks them meanwhile.
const IDLE_LANES_MAX: usize = 64;

/// Disturbed machines that are looked at for another turn. Hundreds at once mean an outage, where order matters little.
const AGAIN_MAX: usize = 1024;

/// Machines that are named when a person is called.
const NAMED_MAX: usize = 20;

/// What this plan has given away already, on top of what the gauges count.
#[derive(Debug, Default)]
pub(crate) struct Given {
    room: BTreeMap<GaugeId, u32>,
    machines: BTreeSet<MachineId>,
}

impl Given {
    fn has_room(&self, state: &State, bound: Bound) -> bool {
        let given = self.room.get(&bound.gauge).copied().unwrap_or(0);
        state.gauges.gauge(bound.gauge).held + given < state.gauges.allowed(bound)
    }

    /// The start counts on every gauge that the machine stands on, also where only other rollouts have a limit.
    fn give(&mut self, state: &State, bounds: &[Bound], machine: MachineId) {
        let disturbed = state.gauges.grip(machine).disturbed;
        let groups = state.gauges.groups_of(machine);
        let groups = groups.filter(|(_, counts)| !disturbed || *counts == Counts::Running);
        let own = bounds.iter().map(|bound| bound.gauge);
        let own = own.filter(|gauge| !matches!(state.gauges.gauge(*gauge).of, GaugeOf::Group { .. }));
        for gauge in groups.map(|(gauge, _)| gauge).chain(own) {
            *self.room.entry(gauge).or_default() += 1;
        }
        self.machines.insert(machine);
    }
}

/// Starts as many machines as there is room for, the most urgent first.
pub(super) fn machines(planner: &mut Planner<'_>, key: StepKey, given: &mut Given) {
    again(planner, key, given);
    lanes(planner, key, given);
}

fn ask_first(planner: &mut Planner<'_>, key: StepKey, job: &Job) {
    planner.push(RolloutEvent::Asked {
        rollout: key.rollout,
        machine: job.machine,
        serial: job.serial + 1,
        action: machine::FIRST,
    });
}

fn lanes(planner: &mut Planner<'_>, key: StepKey, given: &mut Given) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    let (mut started, mut idle) = (0, 0);
    for (id, lane) in state.schedule.ready(key) {
        if planner.is_full() || (started > 0 && idle > IDLE_LANES_MAX) {
            return;
        }
        let before = started;
        for number in lane.jobs() {
            let job = rollout.job(number);
            let grip = state.gauges.grip(job.machine);
            if job.state != JobState::Waiting
                // It stands in another lane since other facts hold about its machine.
                || job.lane != id
                // It was gone, and another step has taken it since.
                || job.step != key.step
                || grip.running
                || grip.disturbed
                || given.machines.contains(&job.machine)
            {
                continue;
            }
            if planner.is_full() || !lane.bounds.iter().all(|bound| given.has_room(state, *bound)) {
                break;
            }
            given.give(state, &lane.bounds, job.machine);
            ask_first(planner, key, job);
            started += 1;
        }
        idle = if started > before { 0 } else { idle + 1 };
    }
}

/// Machines that are disturbed already take no new room on the gauges that count disturbed ones.
fn again(planner: &mut Planner<'_>, key: StepKey, given: &mut Given) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    for number in rollout.step(key.step).again.iter().take(AGAIN_MAX) {
        let job = rollout.job(*number);
        let grip = state.gauges.grip(job.machine);
        if planner.is_full() || grip.running || given.machines.contains(&job.machine) {
            continue;
        }
        let bounds = bounds_beside(state, key, job);
        if bounds.iter().all(|bound| given.has_room(state, *bound)) {
            given.give(state, &bounds, job.machine);
            ask_first(planner, key, job);
        }
    }
}

/// What a machine that waits beside the lanes must find room on.
fn bounds_beside(state: &State, key: StepKey, job: &Job) -> Vec<Bound> {
    let mut bounds = bounds_of(state, key.rollout, job);
    if state.gauges.grip(job.machine).disturbed {
        bounds.retain(|bound| !state.gauges.counts_disturbed(bound.gauge));
    }
    bounds
}

/// Whether every machine that waits is held up by machines that will not let go by themselves, and by which.
pub(super) fn held_up(state: &State, key: StepKey) -> Option<Call> {
    let rollout = state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    if step.tally.running > 0 || step.tally.waiting == 0 {
        return None;
    }
    let lanes = step.open_run().map(|run| run.lanes.as_slice()).unwrap_or_default();
    let lanes = lanes.iter().filter(|lane| state.schedule.lane(**lane).waiting() > 0);
    let in_lanes = lanes.map(|lane| state.schedule.held_up(&state.gauges, *lane));
    let beside = step.again.iter().take(AGAIN_MAX).map(|number| {
        let bounds = bounds_beside(state, key, rollout.job(*number));
        bounds.into_iter().find(|bound| !state.gauges.has_room(*bound))
    });
    let mut by: Vec<GaugeId> = Vec::new();
    for bound in in_lanes.chain(beside) {
        let bound = bound?;
        let dead = state.gauges.counts_disturbed(bound.gauge) && state.gauges.gauge(bound.gauge).at_work == 0;
        if !dead {
            return None;
        }
        if !by.contains(&bound.gauge) && by.len() < NAMED_MAX {
            by.push(bound.gauge);
        }
    }
    if by.is_empty() {
        return None;
    }
    let holds = |machine: &MachineId| by.iter().any(|gauge| state.gauges.stands_on(*machine, *gauge));
    let machines: Runs = state.gauges.disturbed().filter(holds).take(NAMED_MAX).collect();
    Some(Call::HeldUp { by: machines })
}
