//! A recipe: the upstreams of a build, what is taken of them, and how the build is published.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::name::{PartName, SuiteName, UpstreamName};
use crate::select::Pattern;

/// Everything that a build is made from, but the state of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    pub upstreams: Vec<Upstream>,
    pub rules: Vec<Rule>,
    pub local: Vec<LocalFolder>,
    pub publish: Publish,
}

/// One repository: the suites that are published below one address and signed by the same people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    pub name: UpstreamName,
    /// Tried in this order.
    pub uris: Vec<String>,
    pub suites: Vec<SuiteName>,
    pub components: Vec<PartName>,
    pub architectures: Vec<PartName>,
    /// Only keys of these files are believed.
    pub keyrings: Vec<PathBuf>,
    /// Of those keys, only these, if any are named: fingerprints in hexadecimal.
    pub signers: Vec<String>,
    /// So many good signatures must be on a Release.
    pub threshold: u32,
    /// Packages are looked for together where this is the same: a distribution with its updates and fixes.
    pub distribution: Option<String>,
    pub filter: Filter,
    pub snapshot: Option<Snapshot>,
    pub staleness: Staleness,
    pub extras: Extras,
}

/// What is taken. Where nothing is named, everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    pub packages: Vec<Pattern>,
    pub sections: Vec<Pattern>,
    pub priorities: Vec<String>,
    /// By the name of the source package.
    pub sources: Vec<Pattern>,
    /// Folders of dpkg status files: what is installed on any of those machines.
    pub installed: Vec<PathBuf>,
    /// Whether what is taken draws in what it depends on.
    pub closure: Closure,
    /// Never taken from here, not even for a dependency.
    pub without: Vec<Pattern>,
}

/// What a package draws in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closure {
    #[default]
    None,
    Depends,
    Recommends,
}

impl Filter {
    /// Whether everything is taken that is not left out.
    pub fn takes_all(&self) -> bool {
        self.packages.is_empty()
            && self.sections.is_empty()
            && self.priorities.is_empty()
            && self.sources.is_empty()
            && self.installed.is_empty()
    }
}

/// A service that keeps what a repository was at every moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// An address with `{date}` in it.
    pub uri: String,
    /// As the service writes it: `20250520T000000Z`.
    pub date: String,
}

/// How old a Release may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staleness {
    /// Its `Valid-Until` must not have passed, and it must not be older than the one before.
    #[default]
    Refuse,
    /// Snapshots of the past have expired; they are taken as they are.
    Allow,
}

/// What is taken besides packages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extras {
    /// Languages of package descriptions: `en`.
    pub translations: Vec<String>,
    pub contents: Wanted,
    /// The source packages of what is taken.
    #[serde(default, skip_serializing_if = "Wanted::is_no")]
    pub sources: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    #[default]
    No,
    Yes,
}

impl Wanted {
    /// Recipes that do not ask for what older ones could not ask for are the same recipes.
    fn is_no(&self) -> bool {
        *self == Self::No
    }
}

/// A person's decision about packages, with a reason that stands in the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub kind: RuleKind,
    pub package: Pattern,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleKind {
    /// It stays at the version of the build before.
    Hold,
    /// It is left out.
    Exclude,
    /// Only versions that match.
    Pin(Pattern),
}

/// A folder of our own packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalFolder {
    /// They are published as an upstream of this name, with one suite and one component.
    pub name: UpstreamName,
    pub folder: PathBuf,
    pub suite: SuiteName,
    pub component: PartName,
}

/// How the build is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    pub compressions: Compressions,
    /// Builds stay installable for as long as they are kept, so by default a Release does not expire.
    pub valid_for_days: Option<u32>,
    /// Old apts check MD5 sums of indexes besides.
    pub md5: Wanted,
    /// Replace the upstream's own words in Release, by field: `Origin`, `Label`, `Description`.
    pub fields: BTreeMap<String, String>,
    /// Where mirrors serve the store, if apt is to know how to reach numbered builds.
    pub snapshots_uri: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compressions {
    pub gz: Wanted,
    pub xz: Wanted,
    pub zst: Wanted,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            // Every apt reads gz. zst is the fastest to read and xz the smallest; apt takes the one it prefers.
            compressions: Compressions { gz: Wanted::Yes, xz: Wanted::Yes, zst: Wanted::No },
            valid_for_days: None,
            md5: Wanted::No,
            fields: BTreeMap::new(),
            snapshots_uri: None,
        }
    }
}

impl Upstream {
    /// Addresses to fetch from, the snapshot's before all others.
    pub fn addresses(&self) -> Vec<String> {
        let trim = |uri: &str| uri.trim_end_matches('/').to_owned();
        match &self.snapshot {
            Some(snapshot) => vec![trim(&snapshot.uri.replace("{date}", &snapshot.date))],
            None => self.uris.iter().map(|uri| trim(uri)).collect(),
        }
    }

    /// What a suite's packages are looked for together with: `bookworm` for `bookworm-updates`.
    pub fn distribution_of<'a>(&'a self, suite: &'a SuiteName) -> &'a str {
        match &self.distribution {
            Some(distribution) => distribution,
            None => suite.as_str().split(['-', '/']).next().unwrap_or_default(),
        }
    }
}

impl Recipe {
    /// Changes whenever what a build would be made from does, the world aside.
    pub fn hash(&self) -> Result<Sha256, serde_json::Error> {
        Ok(Sha256::of(&serde_json::to_vec(self)?))
    }
}
