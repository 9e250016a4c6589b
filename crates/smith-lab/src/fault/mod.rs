//! Faults: what breaks on machines, brought about for real, and undone exactly.
//!
//! Most are a script that runs on the machine, past its network; it keeps what it needs to undo itself on the machine's disk, so
//! that a reboot changes nothing. The others are done to the machine from outside.

mod apply;
mod kind;
mod outside;

pub(crate) use apply::{break_machine, heal, restore};
pub use kind::Fault;
