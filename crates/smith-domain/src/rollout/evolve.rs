//! How events change rollouts. Everything derived (lanes, gauges, queues) is kept up to date here, so that the plan
//! only looks at what is ready.

mod job;
mod lanes;
mod step;

use crate::rollout::event::RolloutEvent;
use crate::rollout::limit::GaugeId;
use crate::state::State;
use crate::time::Timestamp;

pub(crate) use job::fleet_changed;
pub(crate) use lanes::bounds_of;
pub(crate) use step::{
    change_moved, change_permits, clock_accepted, has_succeeded, may_start, soaked_since, ticket_drafted,
};

/// Follows one event of a rollout.
pub(crate) fn evolve(state: &mut State, event: &RolloutEvent, at: Timestamp) {
    let mut freed = Vec::new();
    match event {
        RolloutEvent::Asked { rollout, machine, serial, action } => {
            job::asked(state, *rollout, *machine, *serial, *action, at);
        }
        RolloutEvent::Reported { rollout, machine, serial, outcome, took, note, packages } => {
            let (note, packages) = (note.as_deref(), packages.as_ref());
            let report = job::Report { serial: *serial, outcome: *outcome, took: *took, note, packages };
            job::reported(state, *rollout, *machine, &report, at, &mut freed);
        }
        RolloutEvent::Sought { rollout, machine, round, .. } => {
            job::sought(state, *rollout, *machine, *round, at)
        }
        RolloutEvent::Retried { rollout, machines, .. } => {
            job::retried(state, *rollout, machines, &mut freed)
        }
        RolloutEvent::Skipped { rollout, machines, reason } => {
            job::skipped(state, *rollout, machines, reason, &mut freed)
        }
        RolloutEvent::SignedOff { machines, reason } => job::signed_off(state, machines, reason, &mut freed),
        RolloutEvent::Started { .. }
        | RolloutEvent::StepReached { .. }
        | RolloutEvent::GateOpened { .. }
        | RolloutEvent::GateApproved { .. }
        | RolloutEvent::StepOpened { .. }
        | RolloutEvent::Scoped { .. }
        | RolloutEvent::ScopeComplete { .. }
        | RolloutEvent::Swept { .. }
        | RolloutEvent::RunOpened { .. }
        | RolloutEvent::RunClosed { .. }
        | RolloutEvent::WindowOpened { .. }
        | RolloutEvent::WindowClosed { .. }
        | RolloutEvent::Halted { .. }
        | RolloutEvent::Called { .. }
        | RolloutEvent::Resumed { .. }
        | RolloutEvent::Paused { .. }
        | RolloutEvent::Unpaused { .. }
        | RolloutEvent::Aborted { .. }
        | RolloutEvent::StepEnded { .. }
        | RolloutEvent::Ended { .. } => step::evolve(state, event, at, &mut freed),
    }
    settle(state, freed);
}

/// Gives the room that was gained to whoever waits for it, and keeps startable lanes in front.
pub(crate) fn settle(state: &mut State, freed: Vec<GaugeId>) {
    for gauge in freed {
        state.schedule.wake(&mut state.gauges, gauge);
    }
    for step in state.schedule.steps_with_ready_lanes() {
        while let Some(lane) = state.schedule.most_urgent(step) {
            if lanes::clear_front(state, lane) == lanes::Front::Ready {
                break;
            }
        }
    }
}
