//! `cargo xtask dist`: the agent as one static program, the server, and their Debian packages.

mod binary;
mod elf;
mod linked;
mod package;
mod run;
mod server;
mod server_trial;
mod stage;
mod target;
mod trial;

pub(crate) use run::{run, try_here};
pub(crate) use target::add_own;
