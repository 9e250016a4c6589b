//! The real agent on a machine that is a folder: spoken to as sshd does, killed, filled up, and lied to.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says why it did not begin"
)]

mod bounds;
mod hostile;
mod judged;
mod killed;
mod once;
mod patched;
mod rebooted;
mod shapes;
mod world;
