//! Why an upstream is not taken as it is. Nothing of it is in the store then.

use std::fmt;

use jiff::Timestamp;

use crate::deb822::{RecordError, ScanError};
use crate::fetch::FetchError;
use crate::hash::Sha256;
use crate::pgp::{KeyringError, VerifyError};
use crate::release::ReleaseError;
use crate::store::StoreError;

/// What is wrong with a suite of an upstream.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("no address has an InRelease or a Release")]
    NoRelease,
    #[error("the keyring cannot be used")]
    Keyring(#[from] KeyringError),
    #[error("expected the fingerprint of a key, found {found:?}")]
    Fingerprint { found: String },
    #[error("its Release is not believed")]
    Signature(#[source] Box<VerifyError>),
    #[error("its Release cannot be read")]
    Release(#[from] ReleaseError),
    #[error("expected a Release of {expected}, found one of {found}")]
    WrongSuite { expected: String, found: String },
    #[error("expected a Release of {last} or later, as was seen before, found one of {found}")]
    Older { last: Timestamp, found: Timestamp },
    #[error("its Release was valid until {until}, expected one that is valid at {now}")]
    Expired { until: Timestamp, now: Timestamp },
    #[error("its Release is of {found}, expected one of the past: it is {now}")]
    Future { found: Timestamp, now: Timestamp },
    #[error("expected the index {path} in its Release, found none")]
    NoIndex { path: String },
    #[error("expected one of the {offer} that it offers ({known}), found {name}")]
    NotOffered { offer: Offer, name: String, known: String },
    #[error("the index {path} cannot be fetched")]
    Fetch { path: Box<str>, source: Box<FetchError> },
    #[error("the index {path} is named in its Release, and no address has it")]
    Gone { path: Box<str> },
    #[error("index {path}: expected {size} bytes with sha256 {expected}, found {found_size} with {found}")]
    IndexHash { path: Box<str>, size: u64, expected: Sha256, found_size: u64, found: Sha256 },
    #[error("index {path}: expected a file that can be unpacked, found {found}")]
    Unpack { path: Box<str>, found: String },
    #[error("index {path}: expected at most {limit} bytes unpacked, found more")]
    Bomb { path: Box<str>, limit: u64 },
    #[error(
        "index {path}: expected {size} bytes unpacked with sha256 {expected}, found {found_size} with {found}"
    )]
    Unpacked { path: Box<str>, size: u64, expected: Sha256, found_size: u64, found: Sha256 },
    #[error("index {path}")]
    Scan { path: Box<str>, source: Box<ScanError> },
    #[error("index {path}")]
    Record { path: Box<str>, source: Box<RecordError> },
    #[error("it changed while it was read, {times} times in a row")]
    Restless { times: u32 },
    #[error("its Release cannot be fetched")]
    Network(#[source] Box<FetchError>),
    #[error(transparent)]
    Store(Box<StoreError>),
}

/// What a suite is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Component,
    Architecture,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "components",
            Self::Architecture => "architectures",
        })
    }
}

/// An upstream's suite, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("upstream {upstream}, suite {suite}")]
pub struct Refused {
    pub upstream: String,
    pub suite: String,
    #[source]
    pub fault: Box<Fault>,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}
