//! Builds as rollouts know them, and the channels that name one build for each region.

mod channel;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use channel::{Setting, lead_back, set};
pub use event::BuildEvent;
pub use state::{Build, BuildState, Builds};
