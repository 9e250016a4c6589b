//! Bringing builds from one store to another: lists first, then what is missing, then names, then all at once.

mod apart;
mod error;
mod lists;
mod local;
mod many;
mod pull;
mod room;
#[cfg(test)]
mod tests;
mod tree;

pub use error::SyncError;
pub(crate) use lists::base_url;
pub use lists::builds_at;
pub use lists::write_index;
pub use many::{Anew, Opening, Reach, Target, TargetError, Which, sync_all};
pub use pull::{Check, Mode, Pull, State, Synced, sync};
pub(crate) use pull::{sync_after, would_sync};
pub(crate) use room::Coming;
pub(crate) use tree::raise;
