//! Rollouts: one run of a pipeline with one build, machine by machine.

mod cause;

pub use cause::CauseKind;
