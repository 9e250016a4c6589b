//! Why builds cannot be purged, archived or restored. Nothing that is referred to is gone then.

use std::path::PathBuf;

use crate::channel::ChannelError;
use crate::mirror::HeldError;
use crate::name::BuildNumber;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("there is no build {number}, expected one of {known}")]
    Unknown { number: BuildNumber, known: String },
    #[error("build {number} is archived, expected one that clients can use")]
    Archived { number: BuildNumber },
    #[error("build {number} waits for its signatures, expected one that clients can use")]
    Unsigned { number: BuildNumber },
    #[error("build {number} cannot come back: {path} is in the trash no more")]
    Swept { number: BuildNumber, path: String },
    #[error("{}: expected the builds that are kept, found {found}", .path.display())]
    Pins { path: PathBuf, found: String },
    #[error("{}: expected the builds that the server of a site uses, found {found}", .path.display())]
    InUse { path: PathBuf, found: String },
    #[error("build {number}: {path} is no path of a pool")]
    Path { number: BuildNumber, path: String },
    #[error(transparent)]
    Held(#[from] Box<HeldError>),
    #[error(transparent)]
    Channel(#[from] Box<ChannelError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HeldError> for RetentionError {
    fn from(error: HeldError) -> Self {
        Self::Held(Box::new(error))
    }
}

impl From<ChannelError> for RetentionError {
    fn from(error: ChannelError) -> Self {
        Self::Channel(Box::new(error))
    }
}
