//! The code of an error that has a page in `docs/errors`: of every way in which a repository, a package file or the disk
//! can be other than it should be.

use std::error::Error;
use std::io;

use crate::channel::ChannelError;
use crate::create::CreateError;
use crate::deb822::{RecordError, ScanError};
use crate::fetch::{FetchError, ObjectError};
use crate::fsck::FsckError;
use crate::index::IndexError;
use crate::ingest::DebError;
use crate::mirror::{HeldError, MirrorPurgeError, OwnError, SyncError};
use crate::pgp::VerifyError;
use crate::release::ReleaseError;
use crate::retention::RetentionError;
use crate::select::Refusal;
use crate::store::{StoreError, is_full};
use crate::unsigned::UnsignedError;
use crate::upstream::{Fault, Refused};

/// There is no room on the file system of the store.
pub const DISK_FULL: &str = "S0380";

/// Something of the store is missing, has another content than its name says, or cannot be read or written.
const DAMAGED: &str = "S0382";

/// The code of an error of this crate, if it has one.
pub fn of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    None.or_else(|| error.downcast_ref::<CreateError>().and_then(CreateError::code))
        .or_else(|| error.downcast_ref::<SyncError>().and_then(SyncError::code))
        .or_else(|| error.downcast_ref::<StoreError>().and_then(StoreError::code))
        .or_else(|| error.downcast_ref::<RetentionError>().and_then(RetentionError::code))
        .or_else(|| error.downcast_ref::<ChannelError>().and_then(ChannelError::code))
        .or_else(|| error.downcast_ref::<FsckError>().and_then(FsckError::code))
        .or_else(|| error.downcast_ref::<HeldError>().and_then(HeldError::code))
        .or_else(|| error.downcast_ref::<OwnError>().and_then(OwnError::code))
        .or_else(|| error.downcast_ref::<MirrorPurgeError>().and_then(MirrorPurgeError::code))
        .or_else(|| error.downcast_ref::<UnsignedError>().and_then(UnsignedError::code))
        .or_else(|| error.downcast_ref::<FetchError>().map(FetchError::code))
        .or_else(|| full_below(error))
}

/// Whatever was being done with the store, it ended for want of room. An error that is not of this crate is not about a
/// store: who writes an answer to a full disk has another one.
fn full_below(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut below = error.source();
    while let Some(one) = below {
        if one.downcast_ref::<io::Error>().is_some_and(is_full) {
            return Some(DISK_FULL);
        }
        below = one.source();
    }
    None
}

impl CreateError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Upstream(refused) => Some(refused.code()),
            Self::Choice(refusal) => Some(refusal.code()),
            Self::Objects { failed, .. } => Some(of_objects(failed)),
            Self::TwoContents { .. } => Some("S0349"),
            Self::Deb { source, .. } => Some(source.code()),
            Self::Store(error) => error.code(),
            Self::Index(IndexError::Store(error)) => error.code(),
            Self::Index(IndexError::Write { source, .. }) if is_full(source) => Some(DISK_FULL),
            Self::Channel(error) => error.code(),
            Self::Held(error) => error.code(),
            Self::Before { .. } => Some(DAMAGED),
            Self::EmptyRecipe
            | Self::Password { .. }
            | Self::Taken { .. }
            | Self::Given { .. }
            | Self::Last { .. }
            | Self::Folder { .. }
            | Self::Status { .. }
            | Self::Index(_)
            | Self::Sign(_)
            | Self::Manifest(_)
            | Self::Name(_)
            | Self::Words(_)
            | Self::Pack(_) => None,
        }
    }
}

impl SyncError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Objects { failed, .. } => Some(of_objects(failed)),
            Self::Fetch(error) => Some(error.code()),
            Self::Store(error) => error.code(),
            Self::Room { .. } => Some(DISK_FULL),
            Self::NoSource { .. }
            | Self::Absent { .. }
            | Self::Signature { .. }
            | Self::Differs { .. }
            | Self::List { .. }
            | Self::Sizes { .. }
            | Self::Path { .. }
            | Self::Index { .. }
            // Of the store that is synced from as well as of the one that is synced to.
            | Self::Held(_) => None,
        }
    }
}

impl OwnError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Strangers { .. } => Some("S0384"),
            Self::Store(error) => error.code(),
        }
    }
}

impl MirrorPurgeError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Own(error) => error.code(),
            Self::Retention(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::NothingHere | Self::Bucket(_) | Self::Turn(_) => None,
        }
    }
}

impl UnsignedError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Create(error) => error.code(),
            Self::Unknown { .. }
            | Self::Signed { .. }
            | Self::Signatures { .. }
            | Self::NoKeyring { .. }
            | Self::NotEmpty { .. }
            | Self::NoFolder { .. }
            | Self::Changed { .. }
            | Self::Keys(_)
            | Self::Io { .. } => None,
        }
    }
}

impl ChannelError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.code(),
            Self::Fetch { source, .. } => Some(source.code()),
            Self::Held(error) => error.code(),
            Self::NotWhole { .. }
            | Self::NoPrevious { .. }
            | Self::Unknown { .. }
            | Self::NotALink { .. }
            | Self::History { .. }
            | Self::View { .. }
            | Self::Damaged { .. }
            | Self::NeedsKey { .. }
            | Self::Release { .. }
            | Self::Source { .. }
            | Self::Sign(_)
            | Self::Name(_) => None,
        }
    }
}

impl RetentionError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.code(),
            Self::Channel(error) => error.code(),
            Self::Held(error) => error.code(),
            Self::Unknown { .. }
            | Self::Unsigned { .. }
            | Self::Archived { .. }
            | Self::Swept { .. }
            | Self::Pins { .. }
            | Self::InUse { .. }
            | Self::Path { .. } => None,
        }
    }
}

impl FsckError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.code(),
            Self::Retention(error) => error.code(),
        }
    }
}

impl HeldError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Info { .. } | Self::Manifest { .. } | Self::TooLarge { .. } | Self::Read { .. } => {
                Some(DAMAGED)
            }
            Self::Absent { .. } | Self::Unsigned { .. } => None,
        }
    }
}

impl Refused {
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }
}

impl Fault {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRelease => "S0301",
            Self::Keyring(_) | Self::Fingerprint { .. } => "S0302",
            Self::Signature(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::WrongSuite { .. } => "S0313",
            Self::Future { .. } => "S0314",
            Self::Expired { .. } => "S0315",
            Self::Older { .. } => "S0316",
            Self::NoIndex { .. } | Self::NotOffered { .. } => "S0330",
            Self::Gone { .. } => "S0331",
            // Announced with a length: the index is another than the one that was signed.
            Self::Fetch { source, .. } if matches!(**source, FetchError::TooLarge { .. }) => "S0332",
            Self::Fetch { source, .. } => source.code(),
            Self::IndexHash { size, found_size, .. } | Self::Unpacked { size, found_size, .. } => {
                if size == found_size { "S0333" } else { "S0332" }
            }
            Self::Unpack { .. } => "S0334",
            Self::Bomb { .. } => "S0335",
            Self::Restless { .. } => "S0336",
            Self::Scan { source, .. } => source.code(),
            Self::Record { source, .. } => source.code(),
            Self::Network(error) => error.code(),
            Self::Store(error) => error.code().unwrap_or(DAMAGED),
        }
    }
}

impl VerifyError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSignature => "S0303",
            Self::BadSignature { .. } => "S0304",
            Self::UnknownKey { .. } | Self::NotAllowed { .. } => "S0305",
            Self::RevokedKey { .. } => "S0306",
            Self::ExpiredKey { .. } => "S0307",
            Self::ExpiredSignature { .. } | Self::FromTheFuture { .. } | Self::OlderThanKey { .. } => "S0308",
            Self::WeakKey { .. } | Self::WeakDigest { .. } => "S0309",
            Self::TooFew { .. } => "S0310",
            Self::Unsupported { .. }
            | Self::NotForSigning { .. }
            | Self::Unbound { .. }
            | Self::TooMany { .. }
            | Self::TooLong { .. }
            | Self::Frame { .. }
            | Self::Form { .. } => "S0311",
        }
    }
}

impl ReleaseError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scan(error) => error.code(),
            Self::Path { .. } => "S0317",
            Self::NoStrongHash { .. } => "S0318",
            Self::TooLong { .. }
            | Self::Stanzas { .. }
            | Self::Missing { .. }
            | Self::Value { .. }
            | Self::Entry { .. }
            | Self::Conflict { .. }
            | Self::TooMany { .. } => "S0312",
        }
    }
}

impl ScanError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::StanzaTooLong { .. } | Self::FieldTooLong { .. } | Self::TooManyFields { .. } => "S0341",
            Self::NotUtf8 { .. } => "S0342",
            Self::Nul { .. } | Self::Control { .. } => "S0343",
            Self::CarriageReturn { .. } => "S0344",
            Self::NoColon { .. }
            | Self::BadName { .. }
            | Self::LostContinuation { .. }
            | Self::BlankLine { .. }
            | Self::Repeated { .. } => "S0340",
        }
    }
}

impl RecordError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scan { flaw, .. } => flaw.code(),
            Self::Value { field: "Filename", .. } => "S0346",
            Self::Missing { .. } | Self::Value { .. } => "S0345",
        }
    }
}

impl FetchError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { .. }
            | Self::SetUp { .. }
            | Self::Connection { .. }
            | Self::NotAFile { .. }
            | Self::Read { .. }
            | Self::GivenUp { .. }
            | Self::Stopped
            | Self::CalledOff => "S0320",
            Self::Status { status: 404 | 410, .. } => "S0350",
            Self::Status { .. } => "S0320",
            Self::Truncated { .. } => "S0321",
            Self::TooLarge { .. } | Self::Endless { .. } => "S0322",
            Self::Stalled { .. } | Self::Slow { .. } => "S0323",
            Self::Size { .. } => "S0351",
            Self::Hash { .. } => "S0352",
            Self::Store(error) => error.code().unwrap_or(DAMAGED),
        }
    }
}

/// Of many objects that did not come the first says why; of its sources the one that says most.
fn of_objects(failed: &[ObjectError]) -> &'static str {
    let codes = failed.iter().flat_map(|one| one.tried.iter().map(FetchError::code));
    // They are in this order: a full disk stops everything else, a wrong content says more than a server that is away.
    codes.max().unwrap_or("S0320")
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Self::TwiceInIndex { .. } => "S0347",
            Self::TwoContents { .. } => "S0348",
            Self::PinMissing { .. } => "S0360",
            Self::Empty { .. } => "S0361",
        }
    }
}

impl DebError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(error) if is_full(error) => DISK_FULL,
            Self::Io(_) | Self::NotAFile => "S0378",
            Self::Store(error) => error.code().unwrap_or(DAMAGED),
            Self::Archive { .. } => "S0370",
            Self::Truncated { .. } => "S0371",
            Self::TooLong { .. } => "S0372",
            Self::Unreadable { .. } | Self::Control { .. } => "S0373",
            // What the name of its file is made of.
            Self::Record(RecordError::Value {
                field: "Package" | "Source" | "Version" | "Architecture",
                ..
            })
            | Self::Name(_) => "S0376",
            Self::Scan(_) | Self::Record(_) => "S0374",
            Self::Stanzas { .. } => "S0375",
            Self::Twice { .. } => "S0377",
        }
    }
}

impl StoreError {
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Conflict { .. } => Some("S0381"),
            Self::Damaged { .. } => Some(DAMAGED),
            Self::Locked { .. } => Some("S0383"),
            Self::Io { .. } if self.is_full() => Some(DISK_FULL),
            Self::Io { .. } => Some(DAMAGED),
            Self::NotAStore { .. } | Self::NotEmpty { .. } | Self::Format { .. } | Self::NoLinks { .. } => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mirror::RepairError;

    fn full() -> io::Error {
        io::Error::from(io::ErrorKind::StorageFull)
    }

    #[test]
    fn a_full_disk_is_seen_through_every_error_of_a_store() {
        let store = || StoreError::io("writing", Path::new("a"))(full());
        let create = CreateError::Store(store());
        let (repair, retention) = (RepairError::Store(store()), RetentionError::Store(store()));
        let errors: [&(dyn Error + 'static); 3] = [&create, &repair, &retention];
        for error in errors {
            assert_eq!(of(error), Some(DISK_FULL), "{error}");
        }
        assert_eq!(of(&full()), None);
    }

    #[test]
    fn of_many_failures_the_one_that_says_most_gives_the_code() {
        let url = || "http://a/b".to_owned();
        let tried = vec![
            FetchError::Status { url: url(), status: 404, retry_after: None },
            FetchError::Hash {
                url: url(),
                expected: crate::hash::Sha256::of(b"a"),
                found: "another".to_owned(),
            },
            FetchError::Connection { url: url(), why: "refused".to_owned() },
        ];
        let failed = vec![ObjectError { hash: crate::hash::Sha256::of(b"a"), size: 1, tried }];
        assert_eq!(of(&CreateError::Objects { wanted: 1, failed }), Some("S0352"));
    }
}
