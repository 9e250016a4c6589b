//! The ssh side against a real sshd, which starts what this test says instead of an agent.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and says what it leaves out"
)]

mod door;
mod executor;
mod links;
mod stories;
