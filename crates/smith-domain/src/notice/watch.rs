//! Which events there is something to tell about.

use crate::change::{Change, ChangeEvent, ChangeState};
use crate::id::RolloutId;
use crate::notice::event::About;
use crate::pipeline::Gate;
use crate::rollout::{Call, Rollout, RolloutEvent};
use crate::state::State;

/// A change was met by an event.
pub(crate) fn change_moved(state: &mut State, event: &ChangeEvent, change: crate::id::ChangeId) {
    let Some(waits) = state.changes.get(change).map(waits) else { return };
    let about = About::ChangeWaits { change };
    let begins = matches!(event, ChangeEvent::Raised { .. } | ChangeEvent::Revoked { .. });
    match (waits, begins) {
        (true, true) => state.notices.want(about),
        (true, false) => {}
        (false, _) => state.notices.forget(&about),
    }
}

fn waits(change: &Change) -> bool {
    match change.state {
        ChangeState::Raised | ChangeState::Revoked { .. } => true,
        ChangeState::Drafted
        | ChangeState::Approved
        | ChangeState::Begun
        | ChangeState::Refused { .. }
        | ChangeState::Closed { .. }
        | ChangeState::Cancelled { .. } => false,
    }
}

/// A rollout was met by an event.
pub(crate) fn rollout_moved(state: &mut State, event: &RolloutEvent) {
    match event {
        RolloutEvent::Started { rollout, .. } => {
            state.notices.want(About::RolloutStarted { rollout: *rollout });
        }
        RolloutEvent::StepReached { rollout, step } => gates_wait(state, *rollout, *step),
        RolloutEvent::GateOpened { rollout, step, gate } => {
            let (rollout, step, gate) = (*rollout, *step, *gate);
            state.notices.forget(&About::GateWaits { rollout, step, gate });
            let rule = state.rollouts.get(rollout).map(|one| one.rule(step));
            let rule = rule.and_then(|rule| rule.gates.get(usize::from(gate)));
            // An approval that is given leaves the other approvals as they were.
            if matches!(rule, Some(Gate::Soak { .. } | Gate::Succeeded { .. })) {
                gates_wait(state, rollout, step);
            }
        }
        RolloutEvent::Halted { rollout, step, .. } => {
            state.notices.want(About::Halted { rollout: *rollout, step: *step });
        }
        RolloutEvent::Called { rollout, step, why: Call::HeldUp { .. } } => {
            state.notices.want(About::HeldUp { rollout: *rollout, step: *step });
        }
        RolloutEvent::Resumed { rollout, step, .. } => forget_troubles(state, *rollout, *step),
        RolloutEvent::StepEnded { rollout, step, .. } => {
            forget_troubles(state, *rollout, *step);
            let gates = state.rollouts.get(*rollout).map_or(0, |one| one.rule(*step).gates.len());
            for gate in (0..).take(gates) {
                state.notices.forget(&About::GateWaits { rollout: *rollout, step: *step, gate });
            }
        }
        RolloutEvent::Ended { rollout, .. } => {
            state.notices.want(About::RolloutEnded { rollout: *rollout });
        }
        RolloutEvent::Called { why: Call::Halted, .. }
        | RolloutEvent::GateApproved { .. }
        | RolloutEvent::StepOpened { .. }
        | RolloutEvent::Scoped { .. }
        | RolloutEvent::ScopeComplete { .. }
        | RolloutEvent::Swept { .. }
        | RolloutEvent::RunOpened { .. }
        | RolloutEvent::RunClosed { .. }
        | RolloutEvent::WindowOpened { .. }
        | RolloutEvent::WindowClosed { .. }
        | RolloutEvent::Asked { .. }
        | RolloutEvent::Sought { .. }
        | RolloutEvent::Reported { .. }
        | RolloutEvent::Paused { .. }
        | RolloutEvent::Unpaused { .. }
        | RolloutEvent::Aborted { .. }
        | RolloutEvent::Retried { .. }
        | RolloutEvent::Skipped { .. }
        | RolloutEvent::SignedOff { .. } => {}
    }
}

fn forget_troubles(state: &mut State, rollout: RolloutId, step: u16) {
    state.notices.forget(&About::Halted { rollout, step });
    state.notices.forget(&About::HeldUp { rollout, step });
}

/// People are asked for their word once there is nothing else to wait for: what they are to judge is there by then.
fn gates_wait(state: &mut State, rollout: RolloutId, step: u16) {
    let missing = state.rollouts.get(rollout).map(|one| approvals_alone(one, step)).unwrap_or_default();
    for gate in missing {
        state.notices.want(About::GateWaits { rollout, step, gate });
    }
}

/// The approvals that are missing, if nothing else is.
fn approvals_alone(rollout: &Rollout, step: u16) -> Vec<u16> {
    let mut missing = Vec::new();
    for ((number, rule), gate) in (0..).zip(&rollout.rule(step).gates).zip(&rollout.step(step).gates) {
        match rule {
            _ if gate.open => {}
            Gate::Approval { count, .. } if gate.approvals.len() >= *count as usize => {}
            Gate::Approval { .. } => missing.push(number),
            Gate::Soak { .. } | Gate::Succeeded { .. } => return Vec::new(),
        }
    }
    missing
}
