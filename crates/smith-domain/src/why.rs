//! Why something waits: typed reasons for machines, steps and rollouts, the same in every face.

mod find;
mod text;

use crate::calendar::Closing;
use crate::clock::Difference;
use crate::id::{MachineId, PipelineName, RolloutId, StepName};
use crate::pipeline::{Patch, SoakFrom, Who};
use crate::rollout::{Action, CauseKind, GaugeId, Halt, How, Left};
use crate::time::Timestamp;

pub(crate) use find::of_job;
pub use find::{job, machine, machine_in, rollout, step};

/// What stands between a thing and its end. Every unfinished thing has at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reason {
    /// The step is not reached: these steps come first.
    After {
        steps: Vec<StepName>,
    },
    Soak {
        step: StepName,
        from: SoakFrom,
        until: Timestamp,
    },
    /// A soak counts from a step that has not got there.
    SoakNotBegun {
        pipeline: Option<PipelineName>,
        step: StepName,
        from: SoakFrom,
    },
    Approval {
        name: String,
        missing: u32,
        who: Who,
    },
    Pipeline {
        pipeline: PipelineName,
    },
    /// Another step holds the exclusive name.
    Exclusive {
        name: String,
        rollout: RolloutId,
        step: StepName,
    },
    /// The change desk has not given the change a number.
    ChangeNotRaised {
        trouble: Option<String>,
    },
    ChangeNotApproved {
        number: String,
        missing: u32,
        who: Option<Who>,
    },
    ChangeRevoked {
        number: String,
        by: String,
        reason: String,
    },
    Window {
        opens: Option<Timestamp>,
        why: Closing,
    },
    /// The clock and the time that has passed differ, and nobody has accepted it: what a calendar opens needs both.
    Clock(Difference),
    Paused,
    Aborting,
    Halted {
        why: Halt,
        owner: Who,
    },
    /// The machine's phase has not begun.
    Phase {
        title: String,
        current: String,
    },
    /// No room under a limit, a bag's series or a budget.
    Full {
        gauge: GaugeId,
        of: FullOf,
        held: u32,
        allowed: u32,
        by: Vec<MachineId>,
    },
    /// The machine is at work in another rollout.
    Elsewhere {
        rollout: RolloutId,
    },
    /// Its turn comes next; nothing stands in the way.
    Next,
    AtWork {
        action: Action,
        since: Timestamp,
        deadline: Timestamp,
    },
    /// No answer came in time; it was looked for so often.
    Overdue {
        action: Action,
        since: Timestamp,
        sought: u8,
    },
    TryAgain {
        action: Action,
        at: Timestamp,
    },
    /// Machines of the step that are at work.
    Running {
        machines: u32,
    },
    Ended(Ended),
    /// No rollout has the machine.
    NotInScope,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullOf {
    Limit { per: Vec<(String, String)>, within: Option<String>, counts: crate::pipeline::Counts },
    Bag,
    Budget { environment: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Done(How),
    /// Nothing was put on it; whether something could have been is what its bag does.
    Rebooted(Patch),
    Failed {
        action: Action,
        cause: CauseKind,
        note: Option<String>,
    },
    Lost {
        action: Action,
    },
    /// With the reason that somebody gave.
    Skipped {
        note: Option<String>,
    },
    Gone {
        left: Left,
        note: Option<String>,
    },
}

/// The reasons of one machine, in the rollout that matters most for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Why {
    pub rollout: Option<RolloutId>,
    pub reasons: Vec<Reason>,
}

impl Reason {
    /// The people whose turn it is, where it is somebody's.
    pub fn waits_for(&self) -> Option<&Who> {
        match self {
            Reason::Approval { who, .. } | Reason::Halted { owner: who, .. } => Some(who),
            Reason::ChangeNotApproved { who, .. } => who.as_ref(),
            Reason::After { .. }
            | Reason::Soak { .. }
            | Reason::SoakNotBegun { .. }
            | Reason::Pipeline { .. }
            | Reason::Exclusive { .. }
            | Reason::ChangeNotRaised { .. }
            | Reason::ChangeRevoked { .. }
            | Reason::Window { .. }
            | Reason::Clock(_)
            | Reason::Paused
            | Reason::Aborting
            | Reason::Phase { .. }
            | Reason::Full { .. }
            | Reason::Elsewhere { .. }
            | Reason::Next
            | Reason::AtWork { .. }
            | Reason::Overdue { .. }
            | Reason::TryAgain { .. }
            | Reason::Running { .. }
            | Reason::Ended(_)
            | Reason::NotInScope => None,
        }
    }
}
