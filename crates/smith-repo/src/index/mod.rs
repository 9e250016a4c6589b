//! The indexes of a suite of ours: written, packed, hashed and signed.
//!
//! [`write_suite`] takes chosen stanzas and gives the files of `dists/…`, all of which lie in the store then. The same
//! stanzas give the same bytes, on any number of cores; what was packed before is not packed again.

mod cache;
mod compress;
mod error;
mod stanza;
mod unpack;
mod write;

pub use cache::forget_packed;
pub use compress::{Blob, Compression};
pub use error::IndexError;
pub use stanza::{IndexStanza, Phasing};
pub use write::{
    Md5Sums, PackagesIndex, Presence, ReadyFile, SuiteIndex, SuiteTree, TreeFile, sign_release, write_suite,
};

pub(crate) use unpack::{room, unpack};
