//! Why a build is not signed. It waits as before.

use std::io;
use std::path::{Path, PathBuf};

use crate::create::CreateError;
use crate::name::BuildNumber;
use crate::pgp::{KeyError, KeyringError};

/// A signature that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub file: String,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum UnsignedError {
    #[error("there is no build {number} that waits for signatures, expected one of {known}")]
    Unknown { number: BuildNumber, known: String },
    #[error("build {number} is signed and published already")]
    Signed { number: BuildNumber },
    #[error("{} of the signatures cannot be taken: {}", .flaws.len(), listed(.flaws))]
    Signatures { flaws: Vec<Flaw> },
    #[error("the store has no key to verify signatures with")]
    NoKeyring { source: KeyringError },
    #[error("{}: expected a folder that is empty or holds an earlier export, found {found:?} in it", .path.display())]
    NotEmpty { path: PathBuf, found: String },
    #[error("{}: expected a folder with the signatures of build {number}, found none", .path.display())]
    NoFolder { number: BuildNumber, path: PathBuf },
    #[error("build {number}: expected {what} as it was made, found another")]
    Changed { number: BuildNumber, what: String },
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The last part of the making of a build, whoever signs it.
    #[error(transparent)]
    Create(Box<CreateError>),
    #[error("{doing} {}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl<E: Into<CreateError>> From<E> for UnsignedError {
    fn from(error: E) -> Self {
        Self::Create(Box::new(error.into()))
    }
}

impl UnsignedError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

fn listed(flaws: &[Flaw]) -> String {
    let texts: Vec<String> = flaws.iter().map(|flaw| format!("{}: {}", flaw.file, flaw.why)).collect();
    texts.join("; ")
}
