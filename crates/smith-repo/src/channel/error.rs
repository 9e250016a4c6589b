//! Why a channel stays where it is.

use crate::fetch::FetchError;
use crate::mirror::HeldError;
use crate::name::{BadName, BuildNumber, ChannelName};
use crate::pgp::SignError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error(
        "channel {name} cannot be set to build {number}: expected it whole and good on this store, found {found}"
    )]
    NotWhole { name: ChannelName, number: BuildNumber, found: String },
    #[error("channel {name} has no build before the current one")]
    NoPrevious { name: ChannelName },
    #[error("expected a channel that there is, found {name}")]
    Unknown { name: ChannelName },
    #[error("channel {name}: expected a link to one of its views, found {found}")]
    NotALink { name: ChannelName, found: String },
    #[error("channel {name}: expected a history of moves, found {found}")]
    History { name: ChannelName, found: String },
    #[error("channel {name}: {path}: expected {expected}, found {found}")]
    Damaged { name: ChannelName, path: String, expected: String, found: String },
    #[error(
        "channel {name}: expected the key that {suite} is signed with, found none, and its bytes nowhere else; `smith \
         channel refresh {name}` where the key is"
    )]
    NeedsKey { name: ChannelName, suite: String },
    #[error("channel {name}: expected the words about what it serves, found {found}")]
    View { name: ChannelName, found: String },
    #[error("build {number}: expected a Release in {folder}, found {found}")]
    Release { number: BuildNumber, folder: String, found: String },
    #[error("channel {name} of {place}: expected {expected}, found {found}")]
    Source { name: ChannelName, place: String, expected: String, found: String },
    #[error("channel {name} of {place} cannot be fetched")]
    Fetch { name: ChannelName, place: String, source: Box<FetchError> },
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
