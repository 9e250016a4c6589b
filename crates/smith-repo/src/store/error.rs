//! What can go wrong with the folder that everything lies in.

use std::io;
use std::path::{Path, PathBuf};

use crate::hash::Sha256;
use crate::name::UpstreamName;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{} is not a store: expected the file smith-store in it", .path.display())]
    NotAStore { path: PathBuf },
    #[error("{} cannot become a store: expected an empty folder, found {found:?} in it", .path.display())]
    NotEmpty { path: PathBuf, found: String },
    #[error("{} is a store of another kind: expected {expected:?}, found {found:?}", .path.display())]
    Format { path: PathBuf, expected: &'static str, found: String },
    #[error("{} is on a file system without hard links, which a store is made of", .path.display())]
    NoLinks { path: PathBuf },
    #[error("the store is locked for {waited} s by process {holder}, expected it to be free in moments")]
    Locked { holder: String, waited: u64 },
    #[error("pool/{upstream}/{path} exists with other content: expected sha256 {expected}, found {found}")]
    Conflict { upstream: UpstreamName, path: String, expected: Sha256, found: Sha256 },
    #[error("an object is damaged or missing: expected sha256 {expected} of {size} bytes, found {found}")]
    Damaged { expected: Sha256, size: u64, found: String },
    #[error("{doing} {}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl StoreError {
    /// For `map_err`: what was being done with which path.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// The disk has no room left: nothing is broken, and the next run goes on.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
