//! Stores that hold the same builds in many places.
//!
//! [`mirrors`] says which there are and [`status`] what they hold;
//! [`sync`] brings a build from one to another; [`verify`] compares a store with what its builds say they are; [`repair`] mends what it found; [`recover`] makes a half one whole; [`Serving`] hands the
//! files out, and [`S3`] is a mirror in a bucket.

mod clash;
mod foreign;
mod held;
mod log;
mod objects;
mod own;
mod parallel;
mod purge;
mod record;
mod recover;
mod registry;
mod repair;
mod repair_plan;
mod s3;
mod serve;
mod stale;
mod status;
mod sync;
mod turn;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use clash::clashes;
pub use held::{Held, HeldError};
pub use log::{Action, Good, Outcome, append_log, read_log};
pub use own::{OwnError, Stranger, check_own};
pub use purge::{MirrorPurge, MirrorPurgeError, MirrorPurging, lacking, purge_mirror};
pub use record::{
    Remembered, Verified, forget_mirror_channel, mirror_channels, record_bucket_verify,
    record_mirror_channel, record_mirror_sync, record_sync, record_verify,
};
pub use recover::{RecoverError, Recovered, recover};
pub use registry::{
    Bucket, Mirror, Place, RegistryError, Renamed, add_mirror, mirror, mirrors, remove_mirror, rename_mirror,
};
pub use repair::{Repair, RepairError, Supply, repair};
pub use repair_plan::{Planned, RepairPlan, plan_repair};
pub use s3::{BucketPurge, Keys, Lead, Mended, Phase, Pointer, Push, S3, S3Error, Wanted};
pub use serve::{Counts, ServeError, ServeLimits, Serving};
pub use status::{BuildStatus, Holding, Status, StatusError, status, status_all, table};
pub use sync::{
    Anew, Check, Mode, Opening, Pull, Reach, State, SyncError, Synced, Target, TargetError, Which, builds_at,
    sync, sync_all, write_index,
};
pub use turn::{Turn, TurnError};
pub use verify::{Depth, Findings, Foreign, Scope, Share, verify, verify_present, verify_unless};

pub(crate) use foreign::walk;
pub(crate) use held::{
    FORMS, INFO, INFO_MAX, LIST_MAX, MANIFEST, PACKAGES, SIGNATURE, SIGNED, beside, manifest_from,
    packages_from, packages_text, parse_info, read_some, with_signed,
};
pub(crate) use objects::Objects;
pub(crate) use record::known_bad;
pub(crate) use stale::{Maker, clear as clear_stale, folders as stale_folders, left as left_stale, maker};
pub(crate) use sync::{base_url, raise};
