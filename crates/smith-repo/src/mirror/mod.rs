//! Stores that hold the same builds in many places.
//!
//! [`sync`] brings a build from one to another; [`verify`] compares a store with what its builds say they are; [`repair`] mends what it found.

mod foreign;
mod held;
mod log;
mod objects;
mod parallel;
mod repair;
mod sync;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use held::{Held, HeldError};
pub use log::{Good, Outcome, append_log};
pub use repair::{Repair, RepairError, Supply, repair};
pub use sync::{Check, Mode, Pull, State, SyncError, Synced, Target, Which, sync, sync_all, write_index};
pub use verify::{Depth, Findings, Foreign, Scope, Share, verify};
