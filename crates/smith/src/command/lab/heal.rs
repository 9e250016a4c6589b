//! `smith lab heal`: undoes faults.

use clap::Args;
use smith_lab::{Fault, MachineName};

use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs};
use crate::output;

/// Undo a fault of a machine, or all that it has.
#[derive(Debug, Args)]
pub(super) struct Heal {
    #[command(flatten)]
    lab: LabArgs,
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: MachineName,
    /// Only this fault
    #[arg(value_name = "FAULT")]
    fault: Option<Fault>,
}

pub(super) fn run(args: &Heal) -> Result<Exit, Failure> {
    let healed = args.lab.open()?.heal(&args.machine, args.fault).map_err(input::lab_failed)?;
    if healed.is_empty() {
        output::data(&format!("{} had nothing to heal\n", args.machine))?;
    }
    for fault in healed {
        output::data(&format!("{} is healed of {fault}\n", args.machine))?;
    }
    Ok(Exit::Good)
}
