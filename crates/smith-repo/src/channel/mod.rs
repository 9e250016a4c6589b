//! Channels: names that move from build to build, at once and back.
//!
//! A client reads the index of one build and fetches by-hash files a moment later, when the channel may have moved. So
//! before it moves, each build that the channel is or lately was gets links to the indexes of the others.

mod history;
mod switch;
#[cfg(test)]
mod tests;
mod union;

pub use history::{Move, history};
pub use switch::{ChannelError, Order, Switched, get, names, rollback, set};
