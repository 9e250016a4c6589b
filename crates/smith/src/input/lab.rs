//! Which lab a command means.

use std::path::{PathBuf, absolute};

use clap::Args;
use smith_lab::{Lab, LabError, LabName, Place};

use crate::failure::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// The lab; several can be up beside each other
    #[arg(long, value_name = "LAB", default_value = "lab")]
    pub(crate) name: LabName,
    #[command(flatten)]
    pub(crate) place: LabPlaceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LabPlaceArgs {
    /// The folder of all labs
    #[arg(long, value_name = "DIR", env = "SMITH_LAB_DIR", default_value = "/var/lib/smith-lab")]
    dir: PathBuf,
    /// Where the base of the machines is kept, which outlives labs
    #[arg(long, value_name = "DIR", env = "SMITH_LAB_CACHE", default_value = "/var/cache/smith-lab")]
    cache: PathBuf,
}

impl LabPlaceArgs {
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let (dir, cache) = (absolute(&self.dir)?, absolute(&self.cache)?);
        Place::new(dir, cache).map_err(lab_failed)
    }
}

impl LabArgs {
    pub(crate) fn open(&self) -> Result<Lab, Failure> {
        Lab::open(&self.place.place()?, &self.name).map_err(lab_failed)
    }
}

pub(crate) fn lab_failed(error: LabError) -> Failure {
    let exit = match &error {
        LabError::Shape(_) | LabError::Place { .. } => Exit::Usage,
        LabError::State { .. } => Exit::BadInput,
        LabError::Preflight { .. }
        | LabError::Foreign { .. }
        | LabError::NoLab { .. }
        | LabError::NoMachine { .. }
        | LabError::NotRunning { .. }
        | LabError::NoUpstream { .. }
        | LabError::Differs { .. }
        | LabError::NoSubnet
        | LabError::NoController { .. } => Exit::NotThere,
        LabError::Silent { .. } | LabError::NotHealed { .. } | LabError::Tool(_) | LabError::Io { .. } => {
            Exit::Output
        }
    };
    let hint = error.hint();
    Failure::new(exit, error).maybe_hint(hint)
}
