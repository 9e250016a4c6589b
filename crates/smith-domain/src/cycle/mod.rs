//! The week: from a new build over its test to production, as one chain of links.
//!
//! A link is either an errand that is done outside (build, sync, switch of the channel), or something that is observed
//! here (a rollout has succeeded, people have approved). One that fails stops what comes after it until somebody runs
//! it again, leaves it out or stops the cycle; approvals cannot be left out.

mod decide;
mod event;
mod evolve;
mod form;
mod gate;
mod model;
mod plan;
mod state;
#[cfg(test)]
mod tests;
mod waits;

pub use decide::{CycleCommand, CycleRejection};
pub use event::CycleEvent;
pub use model::{Link, WeekPlan};
pub use state::{Answer, Cycle, CycleState, Cycles, LinkRun, LinkState};
pub use waits::{Wait, waits};

pub(crate) use decide::decide;
pub(crate) use evolve::{answered, clock_accepted, evolve};
pub(crate) use plan::plan;
