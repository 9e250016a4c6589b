//! `cargo xtask dist`: the agent as one static program, and its Debian package.

mod binary;
mod elf;
mod package;
mod run;
mod target;
mod trial;

pub(crate) use run::{run, try_here};
pub(crate) use target::add_own;
