//! `smith lab down`: removes a lab.

use clap::Args;
use smith_lab::Lab;

use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs, Sure};
use crate::output::{self, GOOD, styled};

/// Remove a lab: its processes, links, cgroups and files, also of one that is half made.
///
/// The base stays in the cache for the next lab.
#[derive(Debug, Args)]
pub(super) struct Down {
    #[command(flatten)]
    lab: LabArgs,
    #[command(flatten)]
    sure: Sure,
}

pub(super) fn run(args: &Down) -> Result<Exit, Failure> {
    let name = args.lab.name()?;
    args.sure.or_ask(&format!("remove lab {name}? its machines and what is on them are gone then"))?;
    Lab::down(&args.lab.place.place()?, &name).map_err(input::lab_failed)?;
    output::data(&format!("{} lab {name} is gone\n", styled(GOOD, "good:")))?;
    Ok(Exit::Good)
}
