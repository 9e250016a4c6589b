//! The agent.
mod deadman;
mod files;
mod health;
mod hooks;
mod op;
mod reboot;
mod report;
mod settings;
mod tool;
fn main() {}
