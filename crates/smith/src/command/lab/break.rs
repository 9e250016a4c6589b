//! `smith lab break`: brings a fault about.

use clap::Args;
use smith_lab::{Fault, MachineName};

use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs};
use crate::output;

/// Break a machine: a full disk, a lock that is held, a package that fails, a network that goes.
///
/// A fault stays over reboots until it is healed. docs/reference/lab.md says of each what it does.
#[derive(Debug, Args)]
pub(super) struct Break {
    #[command(flatten)]
    lab: LabArgs,
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: MachineName,
    /// full-disk, dpkg-lock, held-package, failing-postinst, network-lost-on-restart, sshd-dead, no-reboot, clock-off,
    /// mirror-unreachable, slow or kernel-purge-failing
    #[arg(value_name = "FAULT")]
    fault: Fault,
}

pub(super) fn run(args: &Break) -> Result<Exit, Failure> {
    args.lab.open()?.break_machine(&args.machine, args.fault).map_err(input::lab_failed)?;
    output::data(&format!("{} is broken: {}\n", args.machine, args.fault.what()))?;
    Ok(Exit::Good)
}
