//! Errands: what the change desk, the tracker and people are asked to do, each kept until it is done.
//!
//! An errand is asked again until somebody answers. A slow or dead outside service never holds up machines, unless a
//! step's change must be approved there.

mod event;
mod state;

pub use event::{ErrandEvent, ErrandId, ErrandKind, ErrandOutcome};
pub use state::{Errand, ErrandState, Errands, GivenUp};
