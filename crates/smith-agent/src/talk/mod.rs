//! What runs when a controller's ssh session starts the agent: one job in, replies out, until the last one.

mod answer;
mod attach;
mod begin;
mod beside;
mod follow;
mod patient;
mod wire;

pub(crate) use answer::{Answered, answer};
pub(crate) use patient::Patient;

#[cfg(test)]
mod tests;
