//! Why a text is no `Release` that we would believe.

use crate::deb822::ScanError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("expected a Release of at most {limit} bytes, found {found}")]
    TooLong { limit: usize, found: usize },
    #[error("expected one stanza, found {found}")]
    Stanzas { found: usize },
    #[error("expected the field {field}, found none")]
    Missing { field: &'static str },
    #[error("expected {expected} in {field}, found {found:?}")]
    Value { field: &'static str, expected: &'static str, found: String },
    #[error("expected hashes of SHA-256, found only {found}")]
    NoStrongHash { found: String },
    #[error("line {line}: expected {expected}, found {found:?}")]
    Entry { line: usize, expected: &'static str, found: String },
    #[error("line {line}: expected {expected}, found {found:?}")]
    Path { line: usize, expected: &'static str, found: String },
    #[error("line {line}: expected one hash for {path}, found two")]
    Conflict { line: usize, path: String },
    #[error("expected at most {limit} indexes, found more")]
    TooMany { limit: usize },
}
