//! What is said of a build, and signed: `build.json`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::name::{BuildNumber, RelPath, SuiteName, UpstreamName};

/// Everything about a build but its files and packages, which it names by their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    pub format: u32,
    pub number: BuildNumber,
    /// The build that came before it on the builder.
    pub parent: Option<BuildNumber>,
    pub created_at: Timestamp,
    /// The program that made it.
    pub made_by: String,
    /// The hash of the configuration that it was made from.
    pub config: Sha256,
    pub upstreams: Vec<UpstreamInfo>,
    /// Packages that were held back, left out or pinned, with the reasons.
    pub changes: Vec<Change>,
    /// What the recipe asks for and had no effect, or leaves others without what they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The hash of the manifest's text.
    pub manifest: Sha256,
    /// The hash of the package list's text.
    pub packages: Sha256,
    pub package_count: u64,
    pub file_count: u64,
    /// Bytes of all its objects, each counted once.
    pub bytes: u64,
    /// Fingerprints of the keys that signed its indexes; none where they are signed after this was written.
    pub signed_by: Vec<String>,
    /// Package files that were not brought when it was made, and are fetched when they are first asked for: all of its
    /// upstreams', also those that another build had brought. None where the build was made whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lazy_count: u64,
    /// Releases that are signed after this was written, by their paths in the build. What is signed cannot name its own
    /// signatures: the signed forms of these stand in a list of their own, and each is believed by its own signature.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signed_apart: BTreeMap<RelPath, Sha256>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl BuildInfo {
    pub const FORMAT: u32 = 1;
}

/// One suite of an upstream as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamInfo {
    pub name: UpstreamName,
    pub suite: SuiteName,
    /// The address that it was fetched from.
    pub uri: String,
    /// All addresses that its files can be fetched from, without passwords.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    /// The hash of the Release text that was verified.
    pub release: Sha256,
    pub date: Timestamp,
    pub valid_until: Option<Timestamp>,
    /// Fingerprints of the keys whose signatures were good.
    pub signers: Vec<String>,
    /// Indexes that were taken, by their path below the suite.
    pub indexes: BTreeMap<String, Sha256>,
    /// Indexes that the recipe asks for and this suite does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

/// A person's decision that made the build differ from its upstreams.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// `hold`, `exclude`, `pin` or `local`.
    pub kind: String,
    pub package: String,
    pub detail: String,
    pub reason: String,
}

impl fmt::Display for BuildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unsigned => "unsigned",
            Self::Ready => "ready",
            Self::Archived => "archived",
        })
    }
}

/// Whether a build can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildState {
    /// It waits for signatures that are made elsewhere.
    Unsigned,
    /// It is whole, verified and cannot change any more.
    Ready,
    /// Only what it was is kept; it can be restored.
    Archived,
}
