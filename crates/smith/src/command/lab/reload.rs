//! `smith lab reload`: makes a machine anew.

use std::path::PathBuf;

use clap::Args;
use smith_lab::MachineName;

use super::up::check_agent;
use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs, Sure};
use crate::output::{self, GOOD, styled};

/// Make a machine anew from the base: same name and address, no faults, another host key.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    lab: LabArgs,
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: MachineName,
    /// The agent that it gets [default: the one that it had]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    #[command(flatten)]
    sure: Sure,
}

pub(super) fn run(args: &Reload) -> Result<Exit, Failure> {
    if let Some(agent) = &args.agent {
        check_agent(agent)?;
    }
    let mut lab = args.lab.open()?;
    args.sure.or_ask(&format!("make {} anew? what is on it is gone then", args.machine))?;
    lab.reload(&args.machine, args.agent.as_deref(), &output::note).map_err(input::lab_failed)?;
    output::data(&format!(
        "{} {} is made anew, with another host key\n",
        styled(GOOD, "good:"),
        args.machine
    ))?;
    Ok(Exit::Good)
}
