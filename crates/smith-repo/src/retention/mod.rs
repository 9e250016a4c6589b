//! Old builds go: purged for good, archived, restored. Never what a live build, a channel, a way back, a machine's
//! recorded build or a running operation refers to.

mod archive;
mod error;
mod find;
mod in_use;
mod lines;
mod marks;
mod orphans;
mod pins;
mod plan;
mod sweep;
#[cfg(test)]
mod tests;
mod undo;

pub use archive::{Restored, archive, restore};
pub use error::RetentionError;
pub use in_use::InUse;
pub(crate) use in_use::keeps as in_use;
pub use orphans::{Orphan, orphans, take_orphans};
pub use pins::{Pin, Pins};
pub use plan::{Keep, PurgePlan, Roots, Wish, plan};
pub use sweep::{Purged, empty_trash, purge};
pub(crate) use sweep::{dead_files, empty_unpromised, finish_sweep, ripe, unswept};
pub use undo::{Trashed, bring_back, trashed};
