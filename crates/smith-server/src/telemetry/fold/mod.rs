//! Spans, made of what is recorded: a trace for each project and for each cycle.
//!
//! A fold of recorded events and nothing else. What a span says of names and tallies is looked up in the state when the span ends,
//! and so is whether a machine's procedure has come to its end, which only the rules know. Where the state is further than the
//! events (after a restart, or behind a full queue), the next event of that machine tells.

mod cycle;
mod met;
mod procedure;
mod project;
mod tracer;

pub(super) use met::Ended;
pub(super) use tracer::Tracer;
