//! The errors of a store, one enum per operation. Every write says which of two things is true when it fails: nothing
//! was written, or nobody knows. A caller that cannot tell must open the store again and read the head.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::lease::{Generation, Lease};
use crate::row::{Hash, Head, Seq};

/// What the storage underneath said. Shared, because one failed commit answers many callers.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A write that failed underneath.
#[derive(Debug, Clone, Error)]
pub enum WriteError {
    #[error("nothing was written")]
    NotWritten(#[source] Cause),
    /// The store refuses all further writes until it is opened again.
    #[error("it is unknown whether this was written")]
    Unknown(#[source] Cause),
}

#[derive(Debug, Clone, Error)]
pub enum AppendError {
    /// Somebody appended in between; nothing was written.
    #[error("the journal moved on: expected head {expected}, found {found}")]
    StaleHead { expected: Head, found: Head },
    /// Another holder leads, or nobody does; nothing was written, and nothing of this generation ever will be.
    #[error("the lease is gone: expected generation {expected}, found {}", found.standing())]
    Fenced { expected: Generation, found: Lease },
    /// The row can never be stored; nothing was written.
    #[error("row {index} of the append cannot be stored")]
    BadRow { index: usize, source: BadRow },
    #[error("expected at most {limit} rows in one append, found {found}")]
    TooManyRows { limit: usize, found: usize },
    #[error("nothing was appended")]
    NotWritten(#[source] Cause),
    /// The answer was lost: open the store again and read the head.
    #[error("it is unknown whether the rows were appended")]
    Unknown(#[source] Cause),
}

impl From<WriteError> for AppendError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotWritten(cause) => Self::NotWritten(cause),
            WriteError::Unknown(cause) => Self::Unknown(cause),
        }
    }
}

/// Why a row cannot be stored by any store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRow {
    #[error("expected {field} of at most {limit} bytes, found {found}")]
    TooLong { field: &'static str, limit: usize, found: usize },
    #[error("expected a body of one JSON value, found {found}")]
    NotJson { found: String },
    #[error("expected a body without line breaks and outer blanks, found one at byte {at}")]
    NotOneLine { at: usize },
}

#[derive(Debug, Clone, Error)]
pub enum ReadError {
    /// A column that does not hold what the schema says.
    #[error("row {seq} is unreadable: expected {column} to be {expected}, found {found}")]
    Unreadable { seq: Seq, column: &'static str, expected: &'static str, found: String },
    #[error("the journal could not be read")]
    Failed(#[source] Cause),
}

#[derive(Debug, Clone, Error)]
pub enum LeaseError {
    #[error("expected a free lease, found {}", found.standing())]
    Held { found: Lease },
    #[error("the lease is gone: expected generation {expected}, found {}", found.standing())]
    Lost { expected: Generation, found: Lease },
    #[error("expected {field} of at most {limit} bytes, found {found}")]
    TooLong { field: &'static str, limit: usize, found: usize },
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Debug, Clone, Error)]
pub enum SnapshotError {
    /// The snapshot was taken of another history.
    #[error(
        "the snapshot does not lie on the chain: expected hash {expected} at row {seq}, found {}",
        or_none(found)
    )]
    NotOnChain { seq: Seq, expected: Hash, found: Option<Hash> },
    #[error("expected a snapshot of at most {limit} bytes, found {found}")]
    TooLarge { limit: usize, found: usize },
    #[error("the snapshot could not be compressed")]
    Compress(#[source] Cause),
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Debug, Clone, Error)]
pub enum BlobError {
    #[error("expected a blob of at most {limit} bytes, found {found}")]
    TooLarge { limit: usize, found: usize },
    #[error("blob {hash} is damaged: {found}")]
    Corrupt { hash: Hash, found: String },
    #[error("the blob could not be compressed")]
    Compress(#[source] Cause),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn or_none(hash: &Option<Hash>) -> String {
    hash.map_or_else(|| "no such row".to_owned(), |hash| hash.to_string())
}
