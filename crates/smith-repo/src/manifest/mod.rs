//! What a build is: the list of its files, and the signed words about it.

mod delta;
mod error;
mod files;
mod info;
mod list_delta;
mod packages;
mod scan;

pub use delta::Delta;
pub use error::ManifestError;
pub(crate) use files::Line;
pub use files::{Area, FileEntry, Manifest};
pub use info::{BuildInfo, BuildState, Change, UpstreamInfo};
pub(crate) use list_delta::{Before, derive};
pub use packages::{Listed, Origin, PackageEntry, PackageLine, PackageList, PackedList};
pub(crate) use scan::Scanner;
