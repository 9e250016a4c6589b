//! The rules of smith.
//!
//! Everything that happens is an [`event`]; the [`state`] is the fold of all events; [`decide`] turns a command into
//! events or a rejection; [`plan`] says what to do next and when to look again. Nothing in this crate performs I/O,
//! reads a clock, draws a random number or logs: the time and every outside fact come in as arguments.

pub mod access;
pub mod actor;
pub mod build;
pub mod calendar;
pub mod change;
pub mod clock;
pub mod cycle;
pub mod decide;
pub mod errand;
pub mod event;
mod evolve;
pub mod fleet;
pub mod id;
pub mod notice;
pub mod pipeline;
pub mod plain;
pub mod plan;
pub mod reason;
pub mod rollout;
pub mod size;
pub mod state;
pub mod ticket;
pub mod time;
pub mod why;
