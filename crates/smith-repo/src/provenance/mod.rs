//! Where a build and its packages come from, for whoever has to vouch for it.
//!
//! [`provenance`] answers for a build: its upstreams with their Releases, what people decided, who signed it.
//! [`package_provenance`] follows single packages to the lines of the upstreams' indexes that named them, through builds that
//! kept them.

mod build;
mod package;
mod render;

pub use build::{Evidence, Provenance, Signature, SuiteProvenance, provenance};
pub use package::{PackageProvenance, Trail, package_provenance};
