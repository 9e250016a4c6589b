//! The ssh side against a real sshd, which starts what this test says instead of an agent.

mod door;
mod links;
mod stories;
