//! The agent.
mod apt;
mod kernel;
mod op;
mod restart;
mod tool;
fn main() {}
