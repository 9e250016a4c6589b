//! What commands read: pipelines, fleets, journals, and lengths of time, each with errors that name the file.

mod fleet;
mod journal;
mod lab;
mod mirrors;
mod pipelines;
mod place;
mod reach;
mod recipe;
mod rows;
mod server;
mod signing;
mod span;
mod store;
mod sure;
mod view;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub(crate) use fleet::{FleetArgs, MadeFleet, Source, known, reading, text as fleet_text};
pub(crate) use journal::{machine_of, open, opening, rollout_of};
pub(crate) use lab::{LabArgs, LabPlaceArgs, lab_failed};
pub(crate) use mirrors::{Believed, DryRun, ManyArgs, Word, mode, parted, registry, tell};
pub(crate) use pipelines::load;
pub(crate) use place::{Place, PlaceArgs, Suites, WhereArgs, channel_failed};
pub(crate) use reach::{Absent, ReachArgs};
pub(crate) use recipe::RecipeFile;
pub(crate) use rows::FilterArgs;
pub(crate) use server::{ServerArgs, encoded, request_key};
pub(crate) use signing::{SigningArgs, key_failed};
pub(crate) use span::{Length, length};
pub(crate) use store::{
    NetArgs, StoreArgs, address, addresses, not_archived, now, rate, recorded, watched, who,
};
pub(crate) use sure::Sure;
pub(crate) use view::ViewArgs;

#[derive(Debug, Error)]
#[error("expected {expected} in {}, which cannot be read", path.display())]
pub(crate) struct Unreadable {
    pub(crate) expected: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: std::io::Error,
}

/// The answer was to go into a file, and could not.
#[derive(Debug, Error)]
#[error("expected to write {}, which cannot be done", path.display())]
pub(crate) struct Unwritable {
    path: PathBuf,
    source: std::io::Error,
}

impl Unwritable {
    pub(crate) fn new(path: &Path, source: std::io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Why somebody does something: it stands in tables and logs, where each line is somebody's.
pub(crate) fn reason(text: &str) -> Result<String, crate::failure::Failure> {
    let refused = |found: String| {
        let error = format!("expected a reason: a sentence in one line that says why, found {found}");
        Err(crate::failure::Failure::new(crate::failure::Exit::Usage, error))
    };
    match text.trim() {
        "" => refused("none".to_owned()),
        text if text.contains(char::is_control) => refused(format!("{text:?}")),
        text => Ok(text.to_owned()),
    }
}

/// Whether a file begins as Debian packages do: what dpkg would refuse on each machine is refused here once.
pub(crate) fn is_package(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<arch>\ndebian-binary")
}

pub(crate) fn unreadable(
    expected: &'static str,
    path: &Path,
    source: std::io::Error,
) -> crate::failure::Failure {
    let error = Unreadable { expected, path: path.to_owned(), source };
    crate::failure::Failure::new(crate::failure::Exit::BadInput, error)
}
