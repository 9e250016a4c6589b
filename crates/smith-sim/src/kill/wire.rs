//! What the world and a driver in another process say to each other, one line of JSON each.

use serde::{Deserialize, Serialize};
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::fleet::WellKnown;
use smith_domain::id::{BuildNumber, MachineId, RolloutId};
use smith_domain::rollout::{Action, Outcome};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_server::driver::{Effect, Mode, Target};

use super::project::Project;
use crate::world::{Known, Say};

/// One turn for the driver: what time it is, and what has come in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tell {
    pub(super) at: Timestamp,
    pub(super) words: Vec<Word>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Word {
    /// What an operator repeats until it has been done.
    SetUp(Project),
    Report {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        outcome: Outcome,
        took: Span,
    },
    Errand {
        errand: ErrandId,
        outcome: ErrandOutcome,
    },
}

/// What the driver says: its effects as they are handed out, then that the turn is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Told {
    Asked(Asked),
    Turned(Rest),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    manner: Manner,
    tenure: u64,
    deadline: Timestamp,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Manner {
    Act,
    Seek,
}

/// An effect's target, and beside it what the world needs to know of the driver's state.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Wanted {
    Machine {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        action: Action,
        build: BuildNumber,
        role: Option<String>,
        cluster: Option<String>,
    },
    Errand {
        errand: ErrandId,
        kind: ErrandKind,
        attempt: u32,
        tasks: usize,
    },
}

/// The driver at rest.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rest {
    pub(super) wake: Option<Timestamp>,
    pub(super) progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Progress {
    UnderWay,
    /// The project has ended and no errand is open.
    Ended,
}

impl From<Say> for Word {
    fn from(say: Say) -> Self {
        match say {
            Say::Report { rollout, machine, serial, outcome, took } => {
                Self::Report { rollout, machine, serial, outcome, took }
            }
            Say::Errand { errand, outcome } => Self::Errand { errand, outcome },
        }
    }
}

impl Asked {
    pub(super) fn new(state: &State, effect: &Effect) -> Self {
        let known = Known::of(state, &effect.target);
        let wanted = match effect.target {
            Target::Machine { rollout, machine, serial, action, build } => {
                let role = known.role.map(str::to_owned);
                let cluster = state.fleet.attr_text(machine, &WellKnown::Cluster.attr()).map(str::to_owned);
                Wanted::Machine { rollout, machine, serial, action, build, role, cluster }
            }
            Target::Errand { errand, kind, attempt } => {
                Wanted::Errand { errand, kind, attempt, tasks: known.tasks }
            }
        };
        let manner = match effect.mode {
            Mode::Act => Manner::Act,
            Mode::Seek => Manner::Seek,
        };
        Self { manner, tenure: effect.tenure, deadline: effect.deadline, wanted }
    }

    pub(super) fn effect(&self) -> Effect {
        let target = match self.wanted {
            Wanted::Machine { rollout, machine, serial, action, build, .. } => {
                Target::Machine { rollout, machine, serial, action, build }
            }
            Wanted::Errand { errand, kind, attempt, .. } => Target::Errand { errand, kind, attempt },
        };
        let mode = match self.manner {
            Manner::Act => Mode::Act,
            Manner::Seek => Mode::Seek,
        };
        Effect { mode, tenure: self.tenure, deadline: self.deadline, target }
    }

    pub(super) fn known(&self) -> Known<'_> {
        match &self.wanted {
            Wanted::Machine { role, .. } => Known { role: role.as_deref(), tasks: 0 },
            Wanted::Errand { tasks, .. } => Known { role: None, tasks: *tasks },
        }
    }

    pub(super) fn cluster(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Machine { cluster, .. } => cluster.as_deref(),
            Wanted::Errand { .. } => None,
        }
    }
}
