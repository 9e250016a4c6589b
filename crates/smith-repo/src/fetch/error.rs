//! Why something did not come.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::hash::Sha256;
use crate::store::StoreError;

/// Addresses in it are without passwords.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("expected an address that begins with http://, https:// or file:///, found {url:?}: {why}")]
    Url { url: String, why: String },
    #[error("cannot set up the network: {why}")]
    SetUp { why: String },
    #[error("{url}: expected status 200, found {status}")]
    Status { url: String, status: u16, retry_after: Option<Duration> },
    #[error("{url}: expected at most {max} bytes, found {found}")]
    TooLarge { url: String, max: u64, found: String },
    #[error("{url}: expected at most {max} bytes, found more and no end")]
    Endless { url: String, max: u64 },
    #[error("{url}: expected the whole answer, found that it breaks off after {found} bytes: {why}")]
    Truncated { url: String, found: u64, why: String },
    #[error("{url}: expected {expected} bytes, found {found}")]
    Size { url: String, expected: u64, found: u64 },
    #[error("{url}: expected sha256 {expected}, found {found}")]
    Hash { url: String, expected: Sha256, found: String },
    #[error("{url}: expected a byte within {} s, found none", .after.as_secs_f32())]
    Stalled { url: String, after: Duration },
    #[error("{url}: expected the whole answer within {} s, found only a part", .after.as_secs_f32())]
    Slow { url: String, after: Duration },
    #[error("{url}: {why}")]
    Connection { url: String, why: String },
    #[error("{}: expected a plain file", .path.display())]
    NotAFile { path: PathBuf },
    #[error("reading {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{origin} is given up: it failed {failures} times in a row")]
    GivenUp { origin: String, failures: u32 },
    #[error("stopped because the store cannot take more")]
    Stopped,
    #[error("called off")]
    CalledOff,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FetchError {
    fn is_gone(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(*status, NOT_FOUND | GONE),
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Size { .. } | Self::TooLarge { .. } | Self::Hash { .. } | Self::NotAFile { .. } => true,
            Self::Url { .. }
            | Self::SetUp { .. }
            | Self::Stalled { .. }
            | Self::Slow { .. }
            | Self::Truncated { .. }
            | Self::Endless { .. }
            | Self::Connection { .. }
            | Self::GivenUp { .. }
            | Self::Stopped
            | Self::CalledOff
            | Self::Store(_) => false,
        }
    }
}

const NOT_FOUND: u16 = 404;
const GONE: u16 = 410;

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It may go better in a while, and not before so long.
    Passing(Option<Duration>),
    /// This source does not have the thing, whenever it is asked.
    Source,
    /// Nothing can be taken in any more.
    Here,
}

/// Too many requests; the server says so itself.
const TOO_MANY: u16 = 429;

/// The server took too long to get the request.
const REQUEST_TIMEOUT: u16 = 408;

impl FetchError {
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Status { status, retry_after, .. } => match *status {
                TOO_MANY | REQUEST_TIMEOUT | 500..600 => Cause::Passing(*retry_after),
                _ => Cause::Source,
            },
            Self::Stalled { .. } | Self::Slow { .. } | Self::Connection { .. } | Self::Truncated { .. } => {
                Cause::Passing(None)
            }
            Self::Url { .. }
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::Size { .. }
            | Self::Hash { .. }
            | Self::NotAFile { .. }
            | Self::GivenUp { .. }
            | Self::Read { .. } => Cause::Source,
            Self::SetUp { .. } | Self::Stopped | Self::CalledOff | Self::Store(_) => Cause::Here,
        }
    }
}

/// An object that no source gave.
#[derive(Debug)]
pub struct ObjectError {
    pub hash: Sha256,
    pub size: u64,
    /// The last failure of each source that was asked.
    pub tried: Vec<FetchError>,
}

impl ObjectError {
    /// Every source answered, and none of them has it: it is not there, or something else is.
    pub fn is_gone(&self) -> bool {
        !self.tried.is_empty() && self.tried.iter().all(FetchError::is_gone)
    }

    /// It could not be taken in here.
    pub fn is_ours(&self) -> bool {
        self.tried.iter().any(|error| error.cause() == Cause::Here)
    }
}

impl std::error::Error for ObjectError {}

impl std::fmt::Display for ObjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "object {} of {} bytes", self.hash, self.size)?;
        if self.tried.is_empty() {
            return write!(f, ": no source was given for it");
        }
        self.tried.iter().try_for_each(|why| write!(f, ": {}", chain(why)))
    }
}

/// An error with everything below it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        // Some libraries repeat what lies below them.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        below = error.source();
    }
    text
}
