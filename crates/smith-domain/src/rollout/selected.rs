//! Whether machines are still what the bags that took them select.
//!
//! People said yes to what a bag selects. What the inventory says of a machine may change while it waits; it is then no
//! more the step's than one that left the fleet.

use std::collections::BTreeMap;

use crate::fleet::Matcher;
use crate::id::RolloutId;
use crate::rollout::state::{Job, Rollout};
use crate::state::State;

/// The selectors of bags, prepared once for many machines.
#[derive(Debug, Default)]
pub(crate) struct Matchers {
    /// By rollout, step, phase and bag.
    known: BTreeMap<(RolloutId, u16, u16, u16), Matcher>,
}

impl Matchers {
    /// Whether the bag that took the machine still selects it.
    pub(crate) fn is_selected(&mut self, state: &State, rollout: &Rollout, job: &Job) -> bool {
        let phase = rollout.step(job.step).runs[usize::from(job.run)].phase;
        let place = (rollout.id, job.step, phase, job.bag);
        let compile = || rollout.bag(job).select.compile(&state.fleet);
        self.known.entry(place).or_insert_with(compile).matches(&state.fleet, job.machine)
    }
}

/// The same for one machine alone.
pub(crate) fn is_selected(state: &State, rollout: &Rollout, job: &Job) -> bool {
    rollout.bag(job).select.compile(&state.fleet).matches(&state.fleet, job.machine)
}
