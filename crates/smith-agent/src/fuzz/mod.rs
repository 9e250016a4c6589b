//! What comes from outside, as anybody may have written it: jobs, replies, kept events, what apt and dpkg say and keep, keyrings.
//!
//! `cargo test` gives each target its kept corpus (`__fuzz__`) and a second of random inputs; `cargo bolero test` looks for more of
//! them, led by what they reach.

mod changes;
mod kept;
mod packages;
mod talks;

pub(crate) use talks::refused;
