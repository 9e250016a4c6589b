//! A list of ours that is not what it should be.

use crate::hash::Sha256;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("line {line}: expected {expected}, found {found:?}")]
    Line { line: usize, expected: &'static str, found: String },
    #[error("expected a list with sha256 {expected}, found {found}")]
    Hash { expected: Sha256, found: Sha256 },
    #[error("the difference does not fit: {what}")]
    Misfit { what: String },
    #[error("expected {expected}, found {found}")]
    Form { expected: &'static str, found: String },
}
