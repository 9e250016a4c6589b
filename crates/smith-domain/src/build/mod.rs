//! Builds as rollouts know them, and the channels that name one build for each region.

mod event;
mod state;

pub use event::BuildEvent;
pub use state::{Build, BuildState, Builds};
