//! Which lab a command means.

use std::path::{PathBuf, absolute};

use clap::Args;
use smith_lab::{BadName, Lab, LabError, LabName, Place, labs};

use crate::failure::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// The lab: at most 8 small letters, digits and dashes [default: the only one there is, or `lab`]
    #[arg(long, value_name = "LAB", env = "SMITH_LAB")]
    name: Option<LabName>,
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
        Lab::open(&self.place.place()?, &self.name()?).map_err(lab_failed)
    }

    /// A lab that is there. Where somebody has one, it need not be named; where there are several, none is meant more than others.
    pub(crate) fn name(&self) -> Result<LabName, Failure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        match &labs(&self.place.place()?).map_err(lab_failed)?[..] {
            [] => usual(),
            [one] => Ok(one.clone()),
            several => {
                let names: Vec<&str> = several.iter().map(LabName::as_str).collect();
                let error =
                    format!("expected --name where there are several labs, found {}", names.join(", "));
                Err(Failure::new(Exit::Usage, error))
            }
        }
    }

    /// A lab that may have to be made: what is there under another name is somebody's, and grows only if it is named.
    pub(crate) fn name_or_usual(&self) -> Result<LabName, Failure> {
        self.name.clone().map_or_else(usual, Ok)
    }
}

fn usual() -> Result<LabName, Failure> {
    "lab".parse().map_err(|error: BadName| Failure::new(Exit::Bug, error))
}

pub(crate) fn lab_failed(error: LabError) -> Failure {
    let exit = match &error {
        LabError::Shape(_) | LabError::Place { .. } => Exit::Usage,
        LabError::State { .. } => Exit::BadInput,
        LabError::Silent { .. }
        | LabError::NotMounted { .. }
        | LabError::NotHealed { .. }
        | LabError::Tool(_)
        | LabError::Preflight { .. }
        | LabError::Foreign { .. }
        | LabError::NoLab { .. }
        | LabError::NoMachine { .. }
        | LabError::NotRunning { .. }
        | LabError::NoUpstream { .. }
        | LabError::Differs { .. }
        | LabError::NoSubnet
        | LabError::Inotify { .. }
        | LabError::NoController { .. } => Exit::NotThere,
        LabError::Io { .. } => Exit::Output,
    };
    let hint = error.hint();
    Failure::new(exit, error).maybe_hint(hint)
}
