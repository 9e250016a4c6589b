//! Why a build cannot be made. What was brought stays in the store; there is no build.

use std::io;
use std::path::PathBuf;

use crate::channel::ChannelError;
use crate::fetch::ObjectError;
use crate::hash::Sha256;
use crate::index::IndexError;
use crate::ingest::DebError;
use crate::manifest::ManifestError;
use crate::mirror::HeldError;
use crate::name::{BadName, BuildNumber, UpstreamName};
use crate::pgp::SignError;
use crate::select::Refusal;
use crate::store::StoreError;
use crate::upstream::Refused;

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error(transparent)]
    Upstream(#[from] Refused),
    #[error(transparent)]
    Choice(#[from] Refusal),
    #[error("the recipe names no upstream and no folder of packages")]
    EmptyRecipe,
    #[error(
        "upstream {upstream}: expected an address without a password, since a lazy build tells its mirrors where files are"
    )]
    Password { upstream: UpstreamName },
    #[error("{} of {wanted} package files cannot be fetched: {}", .failed.len(), first(.failed))]
    Objects { wanted: usize, failed: Vec<ObjectError> },
    #[error(
        "upstream {upstream}: {path} is listed with sha256 {one} and {other}, expected one content for a path"
    )]
    TwoContents { upstream: Box<str>, path: Box<str>, one: Sha256, other: Sha256 },
    #[error("build {number} is there already, expected a new number")]
    Taken { number: BuildNumber },
    #[error(
        "expected a number for the build above {highest}, the highest that was ever given here, found {number}"
    )]
    Given { number: BuildNumber, highest: BuildNumber },
    #[error("expected a number below {}, after which others can come, found {number}", u32::MAX)]
    Last { number: BuildNumber },
    #[error("{} cannot be published", .path.display())]
    Deb { path: PathBuf, source: Box<DebError> },
    #[error("reading {}", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the status file {}: {what}", .path.display())]
    Status { path: PathBuf, what: String },
    #[error("an index of build {number} is not what was written there: {what}")]
    Before { number: BuildNumber, what: String },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("the words about the build cannot be written")]
    Words(#[from] serde_json::Error),
    #[error("the lists of the build cannot be packed")]
    Pack(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first(failed: &[ObjectError]) -> String {
    failed.first().map_or_else(String::new, ToString::to_string)
}
