//! What an executor is asked to do, and what it promises.

use smith_domain::errand::{ErrandId, ErrandKind};
use smith_domain::id::{BuildNumber, MachineId, RolloutId};
use smith_domain::rollout::Action;
use smith_domain::state::State;
use smith_domain::time::Timestamp;

/// One thing to be done outside, named so that it can be recognised however often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    pub mode: Mode,
    /// Machines refuse an effect from an older tenure than they have seen.
    pub tenure: u64,
    /// No answer is waited for after this, in steady time.
    pub deadline: Timestamp,
    pub target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Do it, unless it was done under this name before; then answer what came of it. The second attempt of an errand
    /// is looked up outside before it is sent again, because the answer to the first may have been lost.
    Act,
    /// Find out what became of it, and do nothing: `NotBegun` if it was never begun.
    Seek,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An action on a machine; rollout, machine and serial are its name.
    Machine { rollout: RolloutId, machine: MachineId, serial: u16, action: Action, build: BuildNumber },
    /// An errand; its number is its name, whichever attempt it is.
    Errand { errand: ErrandId, kind: ErrandKind, attempt: u32 },
}

/// Performs effects.
///
/// Answers come back as commands, when and as often as they come. An effect under the same name is performed once.
pub trait Executor {
    /// Takes an effect on. Everything it needs to know stands in the effect or in the state.
    fn start(&mut self, state: &State, effect: Effect);
}

impl<E: Executor + ?Sized> Executor for &mut E {
    fn start(&mut self, state: &State, effect: Effect) {
        (**self).start(state, effect);
    }
}

impl<E: Executor + ?Sized> Executor for Box<E> {
    fn start(&mut self, state: &State, effect: Effect) {
        (**self).start(state, effect);
    }
}
