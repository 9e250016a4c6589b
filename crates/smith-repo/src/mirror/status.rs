//! What a mirror holds of what its site has.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::{self, ChannelError, Ends, Standing, Trouble};
use crate::fetch::Size;
use crate::hash::Sha256;
use crate::mirror::clash::clash;
use crate::mirror::objects::Objects;
use crate::mirror::parallel::each_on;
use crate::mirror::record::{Remembered, Verified, folder_of, mirror_channels, seen_at, synced_at, verified};
use crate::mirror::{Depth, Held, HeldError, Keys, Mirror, Place, S3, S3Error};
use crate::name::{BuildNumber, ChannelName, MirrorName};
use crate::store::{Store, StoreError};
use crate::words::counted;

/// How a mirror stands beside its site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub mirror: MirrorName,
    pub region: MirrorName,
    /// A folder, or the address of a bucket.
    pub place: String,
    /// Why nothing more is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Every build of the site or the mirror, in order.
    pub builds: Vec<BuildStatus>,
    pub channels: BTreeMap<ChannelName, BuildNumber>,
    /// Channels that the site has set there and that are gone, with the build on which they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost_channels: BTreeMap<ChannelName, BuildNumber>,
    /// Channels of which a file is damaged, with what mends it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub damaged_channels: BTreeMap<ChannelName, String>,
    /// When clients take what channels serve no longer, where it has an end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ends: BTreeMap<ChannelName, Ends>,
    /// Unknown of a bucket, and of a store that is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Builds of the site that are newer than the mirror's newest.
    pub lag: u32,
    /// When it last got all that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced: Option<Timestamp>,
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

#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("{}: expected what was written down of a mirror, found {found}", .path.display())]
    Record { path: PathBuf, found: String },
    #[error("expected its store at {}, where it was at {at}, found nothing; is it mounted?", .path.display())]
    Gone { path: PathBuf, at: Timestamp },
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asked at the same time: each waits for a disk or a service.
const AT_ONCE: usize = 8;

/// How mirrors stand. One that cannot be asked is in trouble, and no reason not to ask the others.
pub fn status_all(site: &Store, mirrors: &[Mirror], keys: &Keys) -> Vec<Status> {
    let mut all = each_on(AT_ONCE, 1, mirrors, |mirror| {
        Some(status(site, mirror, keys).unwrap_or_else(|error| {
            let trouble = Some(crate::fetch::chain(&error));
            Status { trouble, ..Status::unknown(mirror) }
        }))
    });
    all.sort_by(|a, b| a.mirror.cmp(&b.mirror));
    all
}

/// Compares a mirror with its site. Reads lists and folders, and hashes nothing.
pub fn status(site: &Store, mirror: &Mirror, keys: &Keys) -> Result<Status, StatusError> {
    match &mirror.place {
        Place::S3(bucket) => of_bucket(site, mirror, &S3::open(bucket, keys)?),
        // Nothing was synced yet.
        Place::Directory { path } if !path.exists() => {
            if let Some(at) = seen_at(&folder_of(site, &mirror.name))? {
                return Err(StatusError::Gone { path: path.clone(), at });
            }
            let there = site.builds_present()?;
            let mut status = Status { lag: there.len() as u32, ..Status::unknown(mirror) };
            for build in there {
                let state = wanted(site, build, &HashSet::new())?;
                status.builds.push(BuildStatus { build, state, verified: None });
            }
            Ok(status)
        }
        Place::Directory { path } => of_store(site, mirror, &Store::open(path)?),
    }
}

fn of_store(site: &Store, mirror: &Mirror, store: &Store) -> Result<Status, StatusError> {
    let (there, here) = (site.builds_present()?, store.builds_present()?);
    let numbers = union(&there, &here);
    let is_behind = numbers.iter().any(|build| here.binary_search(build).is_err());
    let objects: HashSet<Sha256> =
        if is_behind { Objects::names(store)?.into_iter().collect() } else { HashSet::new() };
    let folder = store.root().join("state");
    let mut records = verified(&folder)?;
    let mut builds = Vec::with_capacity(numbers.len());
    for build in numbers {
        let verified = records.remove(&build);
        let state = if here.binary_search(&build).is_ok() {
            held(site, store, build, verified.as_ref())
        } else {
            wanted(site, build, &objects)?
        };
        builds.push(BuildStatus { build, state, verified });
    }
    let (free_bytes, synced) = (Some(free(store)?), synced_at(&folder)?);
    let lag = lag(&there, &here);
    let mut status = Status { builds, free_bytes, lag, synced, ..Status::unknown(mirror) };
    for channel in channel::names(store)? {
        match channel::standing(store, &channel) {
            Ok(Some(standing)) => status.take_channel(&channel, standing),
            Ok(None) => continue,
            Err(error) => drop(status.damaged_channels.insert(channel.clone(), crate::fetch::chain(&error))),
        }
        // What cannot be read has been named just now.
        if let Ok(Some(ends)) = channel::ends(store, &channel) {
            status.ends.insert(channel, ends);
        }
    }
    status.miss_channels(mirror_channels(site, &mirror.name)?);
    Ok(status)
}

fn of_bucket(site: &Store, mirror: &Mirror, bucket: &S3) -> Result<Status, StatusError> {
    let (there, here) = (site.builds_present()?, bucket.builds()?);
    let folder = folder_of(site, &mirror.name);
    let mut records = verified(&folder)?;
    let both: Vec<BuildNumber> = here.iter().copied().filter(|build| there.contains(build)).collect();
    let clash_of = |build: &BuildNumber| {
        let info = bucket.info(*build).ok().flatten()?;
        Some((*build, clash(site, &info)?))
    };
    let mut clashes: BTreeMap<BuildNumber, String> =
        each_on(AT_ONCE, 1, &both, clash_of).into_iter().collect();
    let mut builds = Vec::new();
    for build in union(&there, &here) {
        let verified = records.remove(&build).filter(|_| here.contains(&build));
        let why = verified.as_ref().and_then(|verified| verified.why.clone());
        let why = clashes.remove(&build).or(why);
        let state = match why {
            Some(why) => Holding::Bad { why },
            None if here.binary_search(&build).is_ok() => Holding::Good,
            // What a killed push has left there is not listed: that would ask for every package of the bucket.
            None => wanted(site, build, &HashSet::new())?,
        };
        builds.push(BuildStatus { build, state, verified });
    }
    let (synced, lag) = (synced_at(&folder)?, lag(&there, &here));
    let mut status = Status { builds, lag, synced, ..Status::unknown(mirror) };
    for (name, pointer) in bucket.pointers()? {
        match pointer {
            Ok(pointer) => {
                status.channels.insert(name.clone(), pointer.to);
                status.ends.extend(pointer.ends.map(|ends| (name, ends)));
            }
            Err(error) => drop(status.damaged_channels.insert(name, crate::fetch::chain(&error))),
        }
    }
    status.miss_channels(mirror_channels(site, &mirror.name)?);
    Ok(status)
}

impl Status {
    fn unknown(mirror: &Mirror) -> Self {
        Self {
            mirror: mirror.name.clone(),
            region: mirror.region.clone(),
            place: mirror.place.to_string(),
            trouble: None,
            builds: Vec::new(),
            channels: BTreeMap::new(),
            lost_channels: BTreeMap::new(),
            damaged_channels: BTreeMap::new(),
            ends: BTreeMap::new(),
            free_bytes: None,
            lag: 0,
            synced: None,
        }
    }

    fn take_channel(&mut self, name: &ChannelName, standing: Standing) {
        self.channels.extend(standing.build.map(|build| (name.clone(), build)));
        if let Some(Trouble { path, expected, found }) = standing.damage.into_iter().next() {
            let words = format!("{path}: expected {expected}, found {found}");
            self.damaged_channels.insert(name.clone(), words);
        }
    }

    /// Those of which the site knows, and that are not there.
    fn miss_channels(&mut self, mut remembered: BTreeMap<ChannelName, Remembered>) {
        remembered
            .retain(|name, _| !self.channels.contains_key(name) && !self.damaged_channels.contains_key(name));
        self.lost_channels = remembered.into_iter().map(|(name, one)| (name, one.build)).collect();
    }

    /// It could be asked, nothing bad is known of what it holds, and it has the newest build of its site.
    pub fn is_good(&self) -> bool {
        let is_bad = |one: &BuildStatus| matches!(one.state, Holding::Bad { .. });
        let is_there =
            self.trouble.is_none() && self.lost_channels.is_empty() && self.damaged_channels.is_empty();
        is_there && self.lag == 0 && !self.builds.iter().any(is_bad)
    }

    /// When its builds were verified: the one for which that is the longest ago.
    pub fn verified(&self) -> Option<&Verified> {
        let is_held = |one: &&BuildStatus| one.state.is_held();
        let times: Option<Vec<&Verified>> =
            self.builds.iter().filter(is_held).map(|one| one.verified.as_ref()).collect();
        times?.into_iter().min_by_key(|verified| verified.at)
    }
}

fn union(there: &[BuildNumber], here: &[BuildNumber]) -> Vec<BuildNumber> {
    let mut numbers: Vec<BuildNumber> = there.iter().chain(here).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn lag(there: &[BuildNumber], here: &[BuildNumber]) -> u32 {
    // A number that the site does not have says nothing of how new it is.
    let newest = here.iter().rev().find(|build| there.binary_search(build).is_ok());
    there.iter().filter(|build| newest.is_none_or(|newest| *build > newest)).count() as u32
}

fn held(site: &Store, mirror: &Store, build: BuildNumber, verified: Option<&Verified>) -> Holding {
    if let Some(why) = verified.and_then(|verified| verified.why.clone()) {
        return Holding::Bad { why };
    }
    match Held::info(mirror, build) {
        Ok(info) => clash(site, &info).map_or(Holding::Good, |why| Holding::Bad { why }),
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
    text
}

impl Holding {
    /// Whether the build has appeared there, be it good or bad.
    pub fn is_held(&self) -> bool {
        match self {
            Self::Good | Self::Bad { .. } => true,
            Self::Missing { .. } | Self::Partial { .. } => false,
        }
    }

    /// One word, and what more there is to say.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::Good => ("good", String::new()),
            Self::Bad { why } => ("bad", why.clone()),
            Self::Missing { want, want_bytes } => {
                ("missing", format!("{}, {}", counted(*want, "object"), Size(*want_bytes)))
            }
            Self::Partial { have, want, have_bytes, want_bytes } => {
                let (want, all) = (counted(*want, "object"), Size(*want_bytes));
                ("partial", format!("{have}/{want}, {} of {all}", Size(*have_bytes)))
            }
        }
    }
}

impl Verified {
    /// When, and how thoroughly.
    pub fn words(&self) -> String {
        let depth = match self.depth {
            Depth::Quick => "quick",
            Depth::Full => "full",
        };
        format!("{} {depth}", self.at.strftime("%Y-%m-%dT%H:%MZ"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::channel::{Order, set};
    use crate::fetch::{Fetcher, Limits, Silent};
    use crate::fixture::{Recipe, check, store};
    use crate::mirror::{Mode, Pull, Scope, record_sync, record_verify, sync, verify};

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
        fs::remove_file(mirror.root().join("pool").join(&lost)).expect("removed");
        let findings = verify(&mirror, &[1, 2].map(BuildNumber), &Scope::QUICK).expect("verified");
        record_verify(&mirror, &findings, Depth::Quick, Timestamp::UNIX_EPOCH).expect("recorded");
        let name = |text| MirrorName::new(text).expect("a name");
        let place = Place::Directory { path: mirror.root().to_owned() };
        let (region, labels) = (name("eu"), BTreeMap::new());
        let sources = Vec::new();
        let entry = Mirror { name: name("fra-01"), region, sources, place, labels, bandwidth: None };
        record_sync(&mirror, Timestamp::UNIX_EPOCH).expect("recorded");
        let keys = Keys::FromEnvironment;
        let found = status(&site, &entry, &keys).expect("a status");
        assert_eq!(found.synced, Some(Timestamp::UNIX_EPOCH));
        assert!(!found.is_good() && found.verified().is_some());
        let gone = Place::Directory { path: "/does/not/exist".into() };
        let others = [
            Mirror { name: name("later"), place: gone, ..entry.clone() },
            Mirror { name: name("broken"), place: Place::Directory { path: "/".into() }, ..entry.clone() },
        ];
        let others = status_all(&site, &others, &keys);
        assert!(others[0].trouble.as_ref().is_some_and(|why| why.contains("store")), "{others:?}");
        assert_eq!((others[1].lag, others[1].builds.len(), others[1].is_good()), (4, 4, false));
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
        fs::remove_dir_all(mirror.build(BuildNumber(1))).expect("removed");
        let other = Recipe::of(20, |_| 7).make(&mirror, 1, None).hash();
        let Holding::Bad { why } = &status(&site, &entry, &keys).expect("a status").builds[0].state else {
            panic!("another build under the number of the site's")
        };
        let here = Held::info(&site, BuildNumber(1)).expect("read").manifest;
        assert!(why.contains(&here.to_string()) && why.contains(&other.to_string()), "{why}");
        let json = serde_json::to_string(&found).expect("json");
        assert_eq!(serde_json::from_str::<Status>(&json).expect("read"), found);
    }
}
