//! The gates before the channel: the same conditions as a step's, measured on the cycle's build.

use crate::cycle::state::Cycle;
use crate::id::CycleId;
use crate::notice::About;
use crate::pipeline::Gate;
use crate::rollout::{GateRun, has_succeeded, soaked_since};
use crate::state::State;
use crate::time::Timestamp;

/// Whether a gate's condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    /// At this time, if nothing happens before.
    At(Timestamp),
    No,
}

pub(super) fn holds(state: &State, cycle: &Cycle, rule: &Gate, gate: &GateRun, now: Timestamp) -> Holds {
    let yes = |so: bool| if so { Holds::Yes } else { Holds::No };
    let Some(build) = cycle.build else { return Holds::No };
    match rule {
        Gate::Approval { count, .. } => yes(gate.approvals.len() >= *count as usize),
        Gate::Succeeded { pipeline } => yes(has_succeeded(state, pipeline, build)),
        Gate::Soak { pipeline, step, from, length } => {
            // A soak that names no pipeline counts from the test's.
            let pipeline = pipeline.as_ref().or(cycle.plan.test.as_ref());
            let since = pipeline.and_then(|name| soaked_since(state, name, build, step, *from));
            match since.map(|since| since + *length) {
                Some(at) if at <= now => Holds::Yes,
                Some(at) => Holds::At(at),
                None => Holds::No,
            }
        }
    }
}

/// A gate opened: was it the last but for approvals?
pub(super) fn opened(state: &mut State, id: CycleId, gate: u16) {
    let rule = state.cycles.get(id).and_then(|cycle| cycle.plan.gates.get(usize::from(gate)));
    if matches!(rule, Some(Gate::Soak { .. } | Gate::Succeeded { .. })) {
        ask(state, id);
    }
}

/// People are asked for their word once there is nothing else to wait for.
pub(super) fn ask(state: &mut State, id: CycleId) {
    let missing = state.cycles.get(id).map(approvals_alone).unwrap_or_default();
    for gate in missing {
        state.notices.want(About::CycleGateWaits { cycle: id, gate });
    }
}

fn approvals_alone(cycle: &Cycle) -> Vec<u16> {
    let mut missing = Vec::new();
    for ((number, rule), gate) in (0..).zip(&cycle.plan.gates).zip(&cycle.gates) {
        match rule {
            _ if gate.open => {}
            Gate::Approval { count, .. } if gate.approvals.len() >= *count as usize => {}
            Gate::Approval { .. } => missing.push(number),
            Gate::Soak { .. } | Gate::Succeeded { .. } => return Vec::new(),
        }
    }
    missing
}
