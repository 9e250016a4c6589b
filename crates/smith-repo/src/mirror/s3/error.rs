//! Why a bucket did not do what it should.

use jiff::Timestamp;

use crate::channel::ChannelError;
use crate::hash::Sha256;
use crate::mirror::HeldError;
use crate::name::{BuildNumber, ChannelName};
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    #[error("cannot set up bucket {bucket}: {why}")]
    SetUp { bucket: String, why: String },
    #[error("{doing} {key}: {why}")]
    Service { doing: &'static str, key: String, why: String },
    #[error("{key} exists with other content: expected {expected}, found {found}")]
    Conflict { key: String, expected: String, found: String },
    #[error("{key}: expected {expected}, found {found}")]
    Pointer { key: String, expected: String, found: String },
    #[error("{path} is damaged here: expected sha256 {expected}, found {found}")]
    Damaged { path: String, expected: Sha256, found: Sha256 },
    #[error("build {build}: {failed} of {wanted} files did not go; {first}")]
    Push { build: BuildNumber, wanted: usize, failed: usize, first: Box<S3Error> },
    #[error(
        "build {build}: expected all its objects in this store, found {absent} of {wanted} files that would go \
         missing; fetch or mend them first"
    )]
    NotHere { build: BuildNumber, absent: usize, wanted: usize },
    #[error("called off")]
    CalledOff,
    #[error("build {build}: expected a good signature of its build.json, found {why}")]
    Signature { build: BuildNumber, why: String },
    #[error("channel {name} cannot be set to build {build}: expected it whole in the bucket, found {found}")]
    NotWhole { name: ChannelName, build: BuildNumber, found: String },
    #[error("channel {name} is being moved by {who} since {since}")]
    Busy { name: ChannelName, who: String, since: Timestamp },
    #[error("channel {name} was moved by somebody else at the same time")]
    Overtaken { name: ChannelName },
    #[error(transparent)]
    Channel(Box<ChannelError>),
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ChannelError> for S3Error {
    fn from(error: ChannelError) -> Self {
        Self::Channel(Box::new(error))
    }
}
