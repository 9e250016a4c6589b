//! The shape of a difference. It is serialised as it stands: what is here is what `--json` promises.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What became of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Added,
    Removed,
    Upgraded,
    /// The new build offers an older version: machines do not go back by themselves.
    Downgraded,
    /// The same version with another content: machines that have it do not get it.
    Rebuilt,
    /// The same file from other suites; nothing that is installed changes.
    Moved,
}

/// What a person wants to know of a change before all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// The kernel, its headers and modules, or the processor's microcode.
    Kernel,
    /// It is in use from boot on: the change takes effect when the machine starts anew.
    Reboot,
    /// A security suite offers the new version.
    Security,
}

/// What a build offers of one package for one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The highest version, which is the one that apt takes.
    pub version: String,
    pub source_version: String,
    /// `upstream/suite` of every place that has this version.
    pub suites: Vec<String>,
    /// What is downloaded for it.
    pub size: u64,
    /// Lower versions that are in the build as well, the highest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherVersion {
    pub version: String,
    /// `upstream/suite`
    pub suite: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    pub name: String,
    pub arch: String,
    pub kind: Kind,
    pub old: Option<Offer>,
    pub new: Option<Offer>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flags: BTreeSet<Flag>,
}

/// Everything that changes of one source package in one distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChange {
    pub source: String,
    /// `bookworm`, for `bookworm-updates` and `bookworm-security` as well.
    pub distribution: String,
    /// The highest version of the source that the build has any package of.
    pub old: Option<String>,
    pub new: Option<String>,
    pub packages: Vec<PackageChange>,
    /// Vulnerabilities that the old version has and the new one has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closes: Vec<Closed>,
}

/// A vulnerability that a build closes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Closed {
    /// `CVE-2024-1234`, or what the feed calls it.
    pub id: String,
    /// The version of the source from which on it is closed.
    pub fixed: String,
    /// It stands in the catalogue of those that are known to be exploited.
    pub exploited: bool,
}

/// Sums over packages, each architecture counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub added: u64,
    pub removed: u64,
    pub upgraded: u64,
    pub downgraded: u64,
    pub rebuilt: u64,
    pub moved: u64,
    pub unchanged: u64,
    pub kernel: u64,
    pub security: u64,
    pub reboot: u64,
    /// Bytes of packages that are new by name.
    pub bytes_added: u64,
    pub bytes_removed: u64,
    /// Bytes of the new files of packages that were there in another version, and of the old ones.
    pub bytes_changed: u64,
    pub bytes_changed_before: u64,
    /// Different vulnerabilities that are closed, and how many of those are known to be exploited.
    pub closed: u64,
    pub exploited: u64,
}

/// What changes between two builds, sorted by distribution and source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diff {
    pub totals: Totals,
    pub sources: Vec<SourceChange>,
}

impl Diff {
    /// Nothing that machines would notice.
    pub fn is_empty(&self) -> bool {
        self.packages().all(|(_, package)| package.kind == Kind::Moved)
    }

    pub fn packages(&self) -> impl Iterator<Item = (&SourceChange, &PackageChange)> {
        self.sources.iter().flat_map(|source| source.packages.iter().map(move |package| (source, package)))
    }
}

impl PackageChange {
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }
}

impl Totals {
    pub(super) fn count(&mut self, change: &PackageChange) {
        let size = |offer: &Option<Offer>| offer.as_ref().map_or(0, |offer| offer.size);
        let (old, new) = (size(&change.old), size(&change.new));
        match change.kind {
            Kind::Added => {
                self.added += 1;
                self.bytes_added += new;
            }
            Kind::Removed => {
                self.removed += 1;
                self.bytes_removed += old;
            }
            Kind::Moved => self.moved += 1,
            Kind::Upgraded | Kind::Downgraded | Kind::Rebuilt => {
                self.bytes_changed += new;
                self.bytes_changed_before += old;
            }
        }
        match change.kind {
            Kind::Upgraded => self.upgraded += 1,
            Kind::Downgraded => self.downgraded += 1,
            Kind::Rebuilt => self.rebuilt += 1,
            Kind::Added | Kind::Removed | Kind::Moved => {}
        }
        self.kernel += u64::from(change.has(Flag::Kernel));
        self.security += u64::from(change.has(Flag::Security));
        self.reboot += u64::from(change.has(Flag::Reboot));
    }
}
