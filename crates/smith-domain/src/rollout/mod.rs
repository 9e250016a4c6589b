//! Rollouts: one run of a pipeline with one build, machine by machine.
//!
//! [`machine`] is the procedure of one machine; [`limit`] counts who is held; [`schedule`] orders who waits;
//! [`budget`] says when to halt. `decide` takes commands, `evolve` follows events, `plan` says what is next.

pub mod budget;
mod cause;
mod decide;
pub mod estimate;
mod event;
mod evolve;
mod halt;
mod jobs;
mod learned;
pub mod limit;
pub mod machine;
mod plan;
mod runs;
pub mod schedule;
pub mod scope;
mod seats;
mod selected;
mod state;
#[cfg(test)]
mod tests;

pub use cause::CauseKind;
pub use decide::{RolloutCommand, RolloutRejection};
pub use event::{Call, Halt, RolloutEnd, RolloutEvent, RunSpec, Scope, StepEnd};
pub use jobs::Jobs;
pub use learned::{Learned, Stats};
pub use limit::{Bound, Gauge, GaugeId, GaugeOf, Gauges, Grip};
pub use machine::{Action, Outcome, RebootNeed, Work};
pub use runs::Runs;
pub use schedule::{Lane, LaneId, Schedule, StepKey};
pub use state::{
    Active, BagRun, GateRun, How, Job, JobState, Left, Mode, Rollout, Run, RunState, ScopeState, Standing,
    StepRun, StepState, Tally, Turn, Window,
};

pub(crate) use decide::decide;
pub(crate) use evolve::{
    bounds_of, change_moved, clock_accepted, evolve, fleet_changed, has_succeeded, soaked_since,
    ticket_drafted,
};
pub(crate) use plan::plan;
