//! What was found.

use std::fmt;

use serde::Serialize;

use crate::name::BuildNumber;

/// So many examples of each kind are named; the rest is counted.
const EXAMPLES: usize = 5;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub builds: Vec<BuildNumber>,
    pub archived: Vec<BuildNumber>,
    /// Different objects of the builds, and how many of them were read.
    pub objects: u64,
    pub hashed: u64,
    /// Operations that run on the store at this time; what they are at is no leftover.
    pub running: u64,
    pub damage: Vec<Damage>,
    /// Builds that cannot be read: as long as there are any, nobody can say what no build has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<String>,
    pub leftovers: Vec<Leftover>,
    /// What will be damage soon, with what is to be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub soon: Vec<String>,
}

/// Something that is not as it should be, and that no run puts right by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    /// Below the store's folder.
    pub path: String,
    pub expected: String,
    pub found: String,
}

/// Something that a run has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    pub kind: Kind,
    pub count: u64,
    pub bytes: u64,
    /// Below the store's folder.
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Temporary,
    Incoming,
    Partial,
    Lease,
    Orphan,
    Name,
    Unswept,
    Trash,
    Index,
}

impl Report {
    /// Nothing is damaged and nothing was left, as far as anybody can say.
    pub fn is_clean(&self) -> bool {
        self.is_sound() && self.leftovers.is_empty() && self.untold.is_empty()
    }

    /// What could not be found out, and why.
    pub fn caveat(&self) -> Option<String> {
        let builds = self.untold.join(", ");
        (!builds.is_empty())
            .then(|| format!("foreign files and orphans could not be told: {builds} cannot be read"))
    }

    /// Nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    pub(super) fn leave(&mut self, kind: Kind, found: impl IntoIterator<Item = (String, u64)>) {
        let mut left = Leftover { kind, count: 0, bytes: 0, examples: Vec::new() };
        for (path, bytes) in found {
            left.count += 1;
            left.bytes += bytes;
            if left.examples.len() < EXAMPLES {
                left.examples.push(path);
            }
        }
        if left.count > 0 {
            self.leftovers.push(left);
        }
    }
}

impl Kind {
    /// What becomes of it.
    pub fn fate(self) -> &'static str {
        match self {
            Self::Temporary => "the next create, purge or recover clears it up",
            Self::Incoming => "the next run takes in what is good of it",
            Self::Partial => "the next run that wants it goes on there",
            Self::Lease => "whoever looks at it clears it up",
            Self::Orphan => "the next run that wants it finds it; `--mend` takes what is older than a day",
            Self::Name => "the next run that wants it finds it; `--mend` takes what is older than a day",
            Self::Unswept => "the next purge goes on",
            Self::Trash => "the next purge deletes it",
            Self::Index => "the next create or sync writes it",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Temporary => "temporary files of runs that have ended",
            Self::Incoming => "files that came and were not taken in",
            Self::Partial => "downloads that broke off",
            Self::Lease => "leases of runs that have ended",
            Self::Orphan => "objects that no build refers to",
            Self::Name => "names in the pool that no build has",
            Self::Unswept => "purged builds whose objects were not swept",
            Self::Trash => "batches of the trash whose time is over",
            Self::Index => "lists of builds that are behind",
        })
    }
}
