//! `smith lab ssh`: to a machine as its administrator.

use std::os::unix::process::CommandExt as _;

use clap::Args;
use smith_lab::MachineName;

use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs};

/// Log in to a machine as root, or run a command there.
///
/// With the lab's administrator key, which no controller has, and only if the machine has the host key that the lab gave it. Ends
/// as ssh ends.
#[derive(Debug, Args)]
pub(super) struct Ssh {
    #[command(flatten)]
    lab: LabArgs,
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: MachineName,
    /// What to run there in place of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(super) fn run(args: &Ssh) -> Result<Exit, Failure> {
    let mut ssh = args.lab.open()?.ssh(&args.machine).map_err(input::lab_failed)?;
    Err(Failure::new(Exit::NotThere, ssh.args(&args.command).exec()))
}
