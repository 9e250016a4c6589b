//! Why a file is no package that we would publish.

use std::io;

use crate::deb822::{RecordError, ScanError};
use crate::hash::Sha256;
use crate::name::BadName;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum DebError {
    #[error("reading it")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("expected a file, found something else")]
    NotAFile,
    #[error("at byte {at}: expected {expected}, found {found:?}")]
    Archive { at: u64, expected: &'static str, found: String },
    #[error("expected {expected} bytes of {member}, found the end after {found}")]
    Truncated { member: String, expected: u64, found: u64 },
    #[error("expected a control archive of at most {limit} bytes, found more")]
    TooLong { limit: u64 },
    #[error("expected a control archive that can be read: {found}")]
    Unreadable { found: String },
    #[error("expected one file named control in the control archive, found {found}")]
    Control { found: usize },
    #[error("its control file")]
    Scan(#[source] ScanError),
    #[error("its control file: expected one stanza, found {found}")]
    Stanzas { found: usize },
    #[error("its control file")]
    Record(#[from] RecordError),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("expected one file for {name}, found another with sha256 {other} before this one with {hash}")]
    Twice { name: String, hash: Sha256, other: Sha256 },
}
