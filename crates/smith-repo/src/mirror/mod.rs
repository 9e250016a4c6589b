//! Stores that hold the same builds in many places.
//!
//! [`verify`] compares a store with what its builds say they are; [`repair`] mends what it found.

mod foreign;
mod held;
mod objects;
mod parallel;
mod repair;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use held::{Held, HeldError};
pub use repair::{Repair, RepairError, Supply, repair};
pub use verify::{Depth, Findings, Foreign, Scope, Share, verify};
