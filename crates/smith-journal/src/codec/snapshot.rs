//! The state as bytes, for snapshots only: compact, and of no use to any other version of the program.

use smith_domain::state::State;
use thiserror::Error;

/// Names the shape of the state. A snapshot of another format is not looked at; a start then folds the journal.
///
/// Raise it whenever the state's types change: the test beside this file notices.
pub const FORMAT: u32 = 7;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnapshotCodecError {
    #[error("the state cannot be written as bytes: {found}")]
    Encode { found: String },
    #[error("expected the bytes of a state, found {found}")]
    Decode { found: String },
}

pub fn to_snapshot(state: &State) -> Result<Vec<u8>, SnapshotCodecError> {
    postcard::to_allocvec(state).map_err(|error| SnapshotCodecError::Encode { found: error.to_string() })
}

pub fn from_snapshot(bytes: &[u8]) -> Result<State, SnapshotCodecError> {
    postcard::from_bytes(bytes).map_err(|error| SnapshotCodecError::Decode { found: error.to_string() })
}
