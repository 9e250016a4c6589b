//! What can go wrong with a lab.

use std::io;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::fleet::ShapeError;
use crate::name::{LabName, MachineName, Suite};
use crate::tool::ToolError;

/// A machine's systemd with its services watches files by so many instances, and all machines are root's.
pub(crate) const INOTIFY_OF_MACHINE: usize = 6;

const ANEW: &str = "`smith lab down` removes what is left of the lab, also of one that was half made or half removed; then `smith lab up` \
                    makes it anew";

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("expected what a lab needs of this computer, found missing: {}", missing.join("; "))]
    Preflight { missing: Vec<String>, packages: Vec<&'static str> },
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("expected {expected}, found {found}")]
    Place { expected: &'static str, found: String },
    #[error("expected no {what} that is not this lab's, found {found}, which stays untouched")]
    Foreign { what: String, found: String },
    #[error("expected a lab {name} below {}, found none", dir.display())]
    NoLab { name: LabName, dir: PathBuf },
    #[error("expected a machine of lab {lab}, found {name}, which is none")]
    NoMachine { lab: LabName, name: MachineName, like: Option<MachineName> },
    #[error("expected {name} to run, found it {found}")]
    NotRunning { name: MachineName, found: &'static str },
    #[error("expected {name} to answer within {seconds} s, found {found}")]
    Silent { name: MachineName, seconds: u64, found: String },
    #[error("expected the disk of {name} to be mounted, found what its keeper says: {said}")]
    NotMounted { name: MachineName, said: String },
    #[error("expected a source of {suite} in the apt configuration of this computer, found none")]
    NoUpstream { suite: Suite },
    #[error("expected a lab with {what} {there}, found {wanted} asked for")]
    Differs { what: &'static str, there: String, wanted: String },
    #[error("expected {} inotify instances for {machines} machines, found that root may have {limit}", machines * INOTIFY_OF_MACHINE)]
    Inotify { machines: usize, limit: usize },
    #[error("expected a free network below 10.213.0.0/16, found all of them in use")]
    NoSubnet,
    #[error("expected {name} without {fault}, found it broken so")]
    NotHealed { name: MachineName, fault: Fault, source: Box<LabError> },
    #[error("expected {what}, found none on this computer")]
    NoController { what: &'static str },
    #[error("expected a state of a lab in {}, found what cannot be read", path.display())]
    State { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("{doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl LabError {
    /// What somebody can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Preflight { packages, .. } if !packages.is_empty() => {
                Some(format!("`apt-get install {}`", packages.join(" ")))
            }
            Self::NoLab { .. } => Some("`smith lab list` has those that are there, and `smith lab up` makes one".to_owned()),
            Self::NoMachine { lab, name, .. } if lab.as_str() == name.as_str() => {
                Some("that is the lab; `smith lab list` has its machines, and --name says which lab".to_owned())
            }
            Self::NoMachine { like, .. } => {
                let like = like.as_ref().map(|like| format!("did you mean {like}?"));
                Some(like.unwrap_or_else(|| "`smith lab list` has the machines".to_owned()))
            }
            Self::NotRunning { .. } => {
                Some("`smith lab up` starts what does not run, and `smith lab heal` undoes faults".to_owned())
            }
            Self::NotMounted { .. } => Some(ANEW.to_owned()),
            Self::Silent { .. } => Some(format!(
                "{ANEW}; a computer with many machines may be out of inotify instances, of which each takes {INOTIFY_OF_MACHINE} \
                 (`sysctl fs.inotify.max_user_instances`)"
            )),
            Self::Inotify { machines, .. } => {
                let wanted = machines * INOTIFY_OF_MACHINE * 2;
                Some(format!("`sysctl -w fs.inotify.max_user_instances={wanted}`, or fewer machines"))
            }
            Self::NoUpstream { .. } => Some("name an archive with --mirror".to_owned()),
            Self::NoSubnet => Some("name a network with --subnet".to_owned()),
            Self::Differs { .. } => Some("take another --name, or `smith lab down` first".to_owned()),
            Self::State { .. } => Some(
                "the file has the mark by which the lab's links and processes are known; put it right or remove them by hand"
                    .to_owned(),
            ),
            Self::Preflight { .. }
            | Self::Shape(_)
            | Self::Place { .. }
            | Self::Foreign { .. }
            | Self::NotHealed { .. }
            | Self::NoController { .. }
            | Self::Tool(_)
            | Self::Io { .. } => None,
        }
    }
}

/// Says what was being done to which path when it failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, LabError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, LabError> {
        self.map_err(|error| LabError::Io { doing, path: path.to_owned(), source: error.into() })
    }
}
