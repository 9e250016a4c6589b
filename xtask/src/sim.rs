//! `cargo xtask sim`: the simulator, optimised, with the arguments given.

use std::process::Command;

use crate::failure::Failure;
use crate::process::{cargo, run as run_command};

pub(crate) const PACKAGE: &str = "smith-sim";

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    run_command(command().args(args))
}

/// The simulator's command line up to its own arguments.
pub(crate) fn command() -> Command {
    cargo(["run", "--release", "--locked", "-q", "-p", PACKAGE, "--bin", PACKAGE, "--"])
}
