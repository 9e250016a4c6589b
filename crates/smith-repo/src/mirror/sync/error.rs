//! Why a build did not come.

use crate::fetch::{FetchError, ObjectError};
use crate::manifest::ManifestError;
use crate::mirror::HeldError;
use crate::name::BuildNumber;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error("build {build}: no source was given")]
    NoSource { build: BuildNumber },
    #[error("build {build} is not at {place}: expected {file}, found nothing")]
    Absent { build: BuildNumber, place: String, file: String },
    #[error("build {build}: expected a good signature of its build.json, found {why}")]
    Signature { build: BuildNumber, why: String },
    #[error(
        "build {build} is here and at {place} with other content: expected sha256 {expected} of its \
         build.json, found {found}"
    )]
    Differs { build: BuildNumber, place: String, expected: crate::hash::Sha256, found: crate::hash::Sha256 },
    #[error("build {build}: {file} of {place}")]
    List { build: BuildNumber, place: String, file: String, source: ManifestError },
    #[error("build {build}: expected the size {expected} of sha256 {hash}, found {found} in the same list")]
    Sizes { build: BuildNumber, hash: crate::hash::Sha256, expected: u64, found: u64 },
    #[error("build {build}: expected a path below an upstream, found {path:?}")]
    Path { build: BuildNumber, path: String },
    #[error("build {build}: {} of {wanted} objects did not come; {}", .failed.len(), first(.failed))]
    Objects { build: BuildNumber, wanted: u64, failed: Vec<ObjectError> },
    #[error(
        "build {build}: expected room for {needed} bytes that would come, found {free} free at {}; nothing was \
         brought",
        .place.display()
    )]
    Room { build: BuildNumber, needed: u64, free: u64, place: std::path::PathBuf },
    #[error("{place}: expected a list of builds, found {found}")]
    Index { place: String, found: String },
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first(failed: &[ObjectError]) -> String {
    failed.first().map_or_else(String::new, ToString::to_string)
}
