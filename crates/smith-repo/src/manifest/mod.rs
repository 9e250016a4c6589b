//! What a build is: the list of its files, and the signed words about it.

mod delta;
mod error;
mod files;
mod info;
mod packages;

pub use delta::Delta;
pub use error::ManifestError;
pub use files::{Area, FileEntry, Manifest};
pub use info::{BuildInfo, BuildState, Change, UpstreamInfo};
pub use packages::{Listed, Origin, PackageEntry, PackageLine, PackageList, PackedList};
