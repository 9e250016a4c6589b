//! Pipelines: what may happen to which machines, in which order, inside which bounds.
//!
//! These are the checked forms. The YAML that people write is read in `smith-server`, which owns files, lines and
//! columns; a rollout keeps the checked form it started with, as part of its first event.

mod describe;
mod model;

pub use describe::describe;
pub use model::{
    Actions, Amount, AmountError, Bag, Budget, ChangeRule, Counts, Drain, Gate, Health, IfEmpty, Limit,
    Parallel, Patch, Phase, Pipeline, Reboot, RetryRule, Revisit, SoakFrom, Step, Take, Timeouts, Who,
};
