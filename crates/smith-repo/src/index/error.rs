//! What can go wrong while indexes are written.

use std::io;
use std::path::PathBuf;

use crate::deb822::ScanError;
use crate::hash::Sha256;
use crate::name::BadName;
use crate::pgp::SignError;
use crate::release::ReleaseError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("a stanza that is to be written")]
    Stanza(#[from] ScanError),
    #[error("writing the index {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("expected one content for {path}, found two")]
    Twice { path: String },
    #[error("expected the object {hash} of {path} in the store, found none")]
    Missing { path: String, hash: Sha256 },
}
