//! Machines of a lab, for real: made, rebooted, broken, healed, killed on the way, removed.
//!
//! Needs root, systemd-nspawn and an archive; where they are missing the tests say so and end. The base is kept in the target
//! folder, or where `SMITH_LAB_CACHE` says, so that only the first run fetches it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a test says why it is skipped, and what it has counted")]

mod agent;
mod canary;
mod coming;
mod demo;
mod faults;
mod installed;
mod key;
mod killed;
mod machines;
mod patching;
mod process;
mod removal;
mod reports;
mod server;
mod serving;
mod site;
mod told;
mod world;
