//! A bucket as a mirror: the same builds, without links.
//!
//! Keys are written once and never change, but for those of channels. A build is there when its `build.json` is, which
//! comes last; a channel is where its `InRelease` is, which comes last too.

mod bucket;
mod builds;
mod channel;
mod error;
mod mend;
mod naming;
mod purge;
mod push;
#[cfg(test)]
mod tests;

pub use bucket::{Keys, S3};
pub use channel::{Lead, Phase, Pointer};
pub use error::S3Error;
pub use mend::Mended;
pub(crate) use naming::{FORMAT, MARKER, Naming};
pub use purge::{BucketPurge, Wanted};
pub use push::Push;
