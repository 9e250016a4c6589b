//! What a mirror holds of what its site has.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::{self, ChannelError};
use crate::fetch::Size;
use crate::hash::Sha256;
use crate::mirror::held::read_some;
use crate::mirror::objects::Objects;
use crate::mirror::{Depth, Findings, Held, HeldError};
use crate::name::{BuildNumber, ChannelName, MirrorName};
use crate::store::{Store, StoreError, write_atomically};

/// Ten thousand builds with a reason each.
const FILE_MAX: u64 = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub mirror: MirrorName,
    /// Every build of the site or the mirror, in order.
    pub builds: Vec<BuildStatus>,
    pub channels: BTreeMap<ChannelName, BuildNumber>,
    pub free_bytes: u64,
    /// Builds of the site that are newer than the mirror's newest.
    pub lag: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStatus {
    pub build: BuildNumber,
    #[serde(flatten)]
    pub state: Holding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Holding {
    /// Whole, and nothing bad is known of it.
    Good,
    Bad {
        why: String,
    },
    Missing {
        want: u64,
        want_bytes: u64,
    },
    /// Not whole; some of its objects are there.
    Partial {
        have: u64,
        want: u64,
        have_bytes: u64,
        want_bytes: u64,
    },
}

/// When a build was verified last, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub at: Timestamp,
    pub depth: Depth,
    /// Objects that were hashed.
    pub hashed: u64,
    /// None if all was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("state/verify.json: expected results of verifications, found {found}")]
    Record { found: String },
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes down what a verification found, for each of its builds.
pub fn record_verify(
    store: &Store,
    findings: &Findings,
    depth: Depth,
    at: Timestamp,
) -> Result<(), StatusError> {
    let _locked = store.lock_now()?;
    let present = store.builds_present()?;
    let mut records = records(store)?;
    records.retain(|build, _| present.contains(build));
    for build in &findings.builds {
        let why = findings.touched.contains(build).then(|| findings.why());
        records.insert(*build, Verified { at, depth, hashed: findings.hashed, why });
    }
    let text = serde_json::to_vec_pretty(&records);
    let text = text.map_err(|error| StatusError::Record { found: error.to_string() })?;
    Ok(write_atomically(&store.root().join("state/verify.json"), &text)?)
}

fn records(store: &Store) -> Result<BTreeMap<BuildNumber, Verified>, StatusError> {
    match read_some(&store.root().join("state/verify.json"), FILE_MAX) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|error| StatusError::Record { found: error.to_string() })
        }
        Err(HeldError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// Compares a mirror's store with that of its site. Reads lists and folders, and hashes nothing.
pub fn status(site: &Store, name: &MirrorName, mirror: &Store) -> Result<Status, StatusError> {
    let (there, here) = (site.builds_present()?, mirror.builds_present()?);
    let mut numbers: Vec<BuildNumber> = there.iter().chain(&here).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let is_behind = numbers.iter().any(|build| here.binary_search(build).is_err());
    let objects: HashSet<Sha256> =
        if is_behind { Objects::names(mirror)?.into_iter().collect() } else { HashSet::new() };
    let mut records = records(mirror)?;
    let mut builds = Vec::with_capacity(numbers.len());
    for build in numbers {
        let verified = records.remove(&build);
        let state = if here.binary_search(&build).is_ok() {
            held(mirror, build, verified.as_ref())
        } else {
            wanted(site, build, &objects)?
        };
        builds.push(BuildStatus { build, state, verified });
    }
    let mut channels = BTreeMap::new();
    for channel in channel::names(mirror)? {
        channels.extend(channel::get(mirror, &channel)?.map(|build| (channel, build)));
    }
    let newest = here.last();
    let lag = there.iter().filter(|build| newest.is_none_or(|newest| *build > newest)).count() as u32;
    Ok(Status { mirror: name.clone(), builds, channels, free_bytes: free(mirror)?, lag })
}

fn held(mirror: &Store, build: BuildNumber, verified: Option<&Verified>) -> Holding {
    if let Some(why) = verified.and_then(|verified| verified.why.clone()) {
        return Holding::Bad { why };
    }
    match Held::info(mirror, build) {
        Ok(_) => Holding::Good,
        Err(error) => Holding::Bad { why: crate::fetch::chain(&error) },
    }
}

fn wanted(site: &Store, build: BuildNumber, objects: &HashSet<Sha256>) -> Result<Holding, StatusError> {
    let manifest = Held::read(site, build)?.manifest;
    let sizes: BTreeMap<Sha256, u64> = manifest.files().iter().map(|file| (file.hash, file.size)).collect();
    let (want, want_bytes) = (sizes.len() as u64, sizes.values().sum());
    let present = || sizes.iter().filter(|(hash, _)| objects.contains(*hash));
    let (have, have_bytes) = (present().count() as u64, present().map(|(_, size)| size).sum());
    if have == 0 {
        return Ok(Holding::Missing { want, want_bytes });
    }
    Ok(Holding::Partial { have, want, have_bytes, want_bytes })
}

fn free(store: &Store) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(store.root());
    let found = found.map_err(|error| StoreError::io("reading", store.root())(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// One line for each mirror and build, in columns.
pub fn table(all: &[Status]) -> String {
    let mut rows = vec![["MIRROR", "BUILD", "STATE", "CHANNELS", "VERIFIED", "WHY"].map(str::to_owned)];
    for status in all {
        for build in &status.builds {
            let channels = status.channels.iter().filter(|(_, target)| **target == build.build);
            let channels: Vec<&str> = channels.map(|(name, _)| name.as_str()).collect();
            let (state, why) = build.state.words();
            let verified = build.verified.as_ref().map_or_else(|| "never".to_owned(), Verified::words);
            let (mirror, number) = (status.mirror.to_string(), build.build.to_string());
            rows.push([mirror, number, state.to_owned(), channels.join(","), verified, why]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    for status in all {
        let free = Size(status.free_bytes);
        let _ = writeln!(text, "{}: {free} free, {} builds behind", status.mirror, status.lag);
    }
    text
}

impl Holding {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Good => ("good", String::new()),
            Self::Bad { why } => ("bad", why.clone()),
            Self::Missing { want, want_bytes } => {
                ("missing", format!("{want} objects, {}", Size(*want_bytes)))
            }
            Self::Partial { have, want, have_bytes, want_bytes } => {
                ("partial", format!("{have}/{want} objects, {} of {}", Size(*have_bytes), Size(*want_bytes)))
            }
        }
    }
}

impl Verified {
    fn words(&self) -> String {
        let depth = match self.depth {
            Depth::Quick => "quick",
            Depth::Full => "full",
        };
        format!("{} {depth}", self.at.strftime("%Y-%m-%dT%H:%MZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Order, set};
    use crate::fetch::{Fetcher, Limits, Silent};
    use crate::fixture::{Recipe, check, store};
    use crate::mirror::{Mode, Pull, Scope, sync, verify};

    #[test]
    fn it_says_what_is_good_bad_missing_and_partial() {
        let ((_a, site), (_b, mirror)) = (store(), store());
        Recipe::of(20, |_| 1).make(&site, 1, None);
        Recipe::of(20, |_| 2).make(&site, 2, Some(1));
        Recipe::of(20, |number| 2 + u32::from(number < 4)).make(&site, 3, Some(2));
        Recipe::of(20, |_| 9).make(&site, 4, None);
        let fetcher = Fetcher::new(Limits::default()).expect("a fetcher");
        let sources = [site.root().display().to_string()];
        let pull =
            Pull { store: &mirror, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
        for build in [1, 2] {
            sync(&pull, BuildNumber(build), Mode::Do).expect("came");
        }
        let prod = ChannelName::new("prod").expect("a name");
        let order = Order { who: "ann".to_owned(), why: String::new(), at: Timestamp::UNIX_EPOCH };
        set(&mirror, &prod, BuildNumber(1), &order, None).expect("set");
        let lost = Recipe::of(20, |_| 2).pool.into_keys().next().expect("one");
        std::fs::remove_file(mirror.root().join("pool").join(&lost)).expect("removed");
        let findings = verify(&mirror, &[1, 2].map(BuildNumber), &Scope::QUICK).expect("verified");
        record_verify(&mirror, &findings, Depth::Quick, Timestamp::UNIX_EPOCH).expect("recorded");
        let name = MirrorName::new("fra-01").expect("a name");
        let found = status(&site, &name, &mirror).expect("a status");
        assert_eq!((found.lag, found.channels[&prod]), (2, BuildNumber(1)));
        assert_eq!(found.builds[0].state, Holding::Good);
        assert_eq!(found.builds[1].state, Holding::Bad { why: format!("1 missing (pool/{lost})") });
        // The third shares all but four packages, its index and its Release with the second.
        let Holding::Partial { have, want, .. } = found.builds[2].state else {
            panic!("{:?}", found.builds[2])
        };
        assert_eq!((have, want), (16, 22));
        assert!(matches!(found.builds[3].state, Holding::Missing { want: 22, .. }));
        let text = table(std::slice::from_ref(&found));
        let line = text.lines().find(|line| line.contains(" bad ")).expect("a line");
        assert!(
            line.starts_with("fra-01  2      bad      ") && line.contains("1970-01-01T00:00Z quick"),
            "{text}"
        );
        assert!(text.contains("fra-01: ") && text.contains("2 builds behind"), "{text}");
        let json = serde_json::to_string(&found).expect("json");
        assert_eq!(serde_json::from_str::<Status>(&json).expect("read"), found);
    }
}
