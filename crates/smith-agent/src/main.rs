//! The agent.
mod op;
mod tool;
fn main() {}
