//! Stores that hold the same builds in many places.
//!
//! [`mirrors`] says which there are and [`status`] what they hold;
//! [`sync`] brings a build from one to another; [`verify`] compares a store with what its builds say they are; [`repair`] mends what it found; [`recover`] makes a half one whole; [`Serving`] hands the
//! files out, and [`S3`] is a mirror in a bucket.

mod foreign;
mod held;
mod log;
mod objects;
mod parallel;
mod recover;
mod registry;
mod repair;
mod s3;
mod serve;
mod stale;
mod status;
mod sync;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use held::{Held, HeldError};
pub use log::{Good, Outcome, append_log};
pub use recover::{RecoverError, Recovered, recover};
pub use registry::{
    Bucket, Mirror, Place, RegistryError, add_mirror, mirror, mirrors, remove_mirror, rename_mirror,
};
pub use repair::{Repair, RepairError, Supply, repair};
pub use s3::{Keys, Phase, Pointer, S3, S3Error};
pub use serve::{Counts, ServeError, ServeLimits, Serving};
pub use status::{BuildStatus, Holding, Status, StatusError, Verified, record_verify, status, table};
pub use sync::{Check, Mode, Pull, State, SyncError, Synced, Target, Which, sync, sync_all, write_index};
pub use verify::{Depth, Findings, Foreign, Scope, Share, verify};

pub(crate) use held::{
    FORMS, INFO, INFO_MAX, LIST_MAX, MANIFEST, PACKAGES, SIGNATURE, SIGNED, beside, packages_text, read_some,
    with_signed,
};
pub(crate) use stale::clear as clear_stale;
pub(crate) use sync::{base_url, raise};
