//! The real program, killed at any moment and run beside itself: nothing is ever half there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside;
mod deb;
mod storm;
mod world;
