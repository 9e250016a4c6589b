//! What the server does with the fleet, for a collector that speaks OTLP: traces of projects and weeks, and the numbers of
//! `/metrics`.
//!
//! Nothing of the server is instrumented. [`Telemetry`] follows what is recorded, as every reader does: `fold` makes spans of
//! events, `queue` holds as many as may wait, `send` brings them to the collector. It is told of events after the disk has
//! them and is waited for by nobody, so that no collector slows anything. How far spans have got stands in `cursor`; a server
//! that was killed goes on from there, and because the names of traces and spans are functions of the journal, it continues
//! what the one before began.

mod begin;
mod counts;
mod cursor;
mod deliver;
mod fold;
mod follow;
mod ids;
mod numbers;
mod queue;
mod reply;
mod send;
mod span;
mod target;
#[cfg(test)]
mod tests;
mod traces;

pub use begin::{Telemetry, TelemetryError};
pub use counts::Counts;
