//! When a mirror was last synced, and what verifications found.
//!
//! A store keeps that itself, so that it is known whoever did it; of a bucket the site keeps it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mirror::held::read_some;
use crate::mirror::{Depth, Findings, HeldError, StatusError};
use crate::name::{BuildNumber, ChannelName, MirrorName};
use crate::store::{Store, StoreError, write_atomically};

/// Ten thousand builds with a reason each.
const FILE_MAX: u64 = 16 << 20;

const VERIFY: &str = "verify.json";

const SYNC: &str = "sync.json";

const BEGAN: &str = "began.json";

const CHANNELS: &str = "channels.json";

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

#[derive(Debug, Serialize, Deserialize)]
struct Synced {
    at: Timestamp,
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
    record(&store.root().join("state"), &present, findings, depth, at)
}

/// The same of a bucket, which has these builds.
pub fn record_bucket_verify(
    site: &Store,
    name: &MirrorName,
    present: &[BuildNumber],
    findings: &Findings,
    depth: Depth,
    at: Timestamp,
) -> Result<(), StatusError> {
    let _locked = site.lock_now()?;
    record(&folder_of(site, name), present, findings, depth, at)
}

/// Writes down that all that was asked for is on this store.
pub fn record_sync(store: &Store, at: Timestamp) -> Result<(), StatusError> {
    synced(&store.root().join("state"), at)
}

/// The same at the site, which so knows that a mirror was there.
pub fn record_mirror_sync(site: &Store, name: &MirrorName, at: Timestamp) -> Result<(), StatusError> {
    synced(&folder_of(site, name), at)
}

/// Writes down at the site, before the first byte comes, that a mirror was made there: its first sync may end badly, and
/// a folder that is empty afterwards is one that lost its disk all the same. The first time counts.
pub(super) fn record_begun(site: &Store, name: &MirrorName, at: Timestamp) -> Result<(), StatusError> {
    let folder = folder_of(site, name);
    match seen_at(&folder)? {
        Some(_) => Ok(()),
        None => write(&folder.join(BEGAN), &Synced { at }),
    }
}

/// Where a channel of a mirror was when the site last moved it, and the dates that its clients have seen. If the mirror
/// loses it, these are still to be honoured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub build: BuildNumber,
    pub dates: BTreeMap<String, Timestamp>,
}

/// What the site remembers of the channels of a mirror.
pub fn mirror_channels(
    site: &Store,
    name: &MirrorName,
) -> Result<BTreeMap<ChannelName, Remembered>, StatusError> {
    Ok(read(&folder_of(site, name).join(CHANNELS))?.unwrap_or_default())
}

pub fn record_mirror_channel(
    site: &Store,
    name: &MirrorName,
    channel: &ChannelName,
    remembered: Remembered,
) -> Result<(), StatusError> {
    let _locked = site.lock_now()?;
    let mut channels = mirror_channels(site, name)?;
    channels.insert(channel.clone(), remembered);
    write(&folder_of(site, name).join(CHANNELS), &channels)
}

/// A channel that was taken away there on purpose is not lost.
pub fn forget_mirror_channel(
    site: &Store,
    name: &MirrorName,
    channel: &ChannelName,
) -> Result<(), StatusError> {
    let _locked = site.lock_now()?;
    let mut channels = mirror_channels(site, name)?;
    if channels.remove(channel).is_none() {
        return Ok(());
    }
    write(&folder_of(site, name).join(CHANNELS), &channels)
}

/// Where a site keeps what it knows of a mirror.
pub(super) fn folder_of(site: &Store, name: &MirrorName) -> PathBuf {
    site.root().join("state/mirrors").join(name)
}

/// What the last verification of a build found to be wrong.
pub(crate) fn known_bad(store: &Store, build: BuildNumber) -> Result<Option<String>, StatusError> {
    Ok(verified(&store.root().join("state"))?.remove(&build).and_then(|verified| verified.why))
}

pub(super) fn verified(folder: &Path) -> Result<BTreeMap<BuildNumber, Verified>, StatusError> {
    Ok(read(&folder.join(VERIFY))?.unwrap_or_default())
}

pub(super) fn synced_at(folder: &Path) -> Result<Option<Timestamp>, StatusError> {
    Ok(read::<Synced>(&folder.join(SYNC))?.map(|synced| synced.at))
}

/// When a site last knew a mirror to be where it is: synced well, or begun.
pub(super) fn seen_at(folder: &Path) -> Result<Option<Timestamp>, StatusError> {
    if let Some(at) = synced_at(folder)? {
        return Ok(Some(at));
    }
    Ok(read::<Synced>(&folder.join(BEGAN))?.map(|begun| begun.at))
}

fn record(
    folder: &Path,
    present: &[BuildNumber],
    findings: &Findings,
    depth: Depth,
    at: Timestamp,
) -> Result<(), StatusError> {
    let mut records = verified(folder)?;
    records.retain(|build, _| present.contains(build));
    for build in &findings.builds {
        let why = findings.touched.contains(build).then(|| findings.why());
        // Who only looks at sizes does not see what was found by reading everything.
        let is_known_bad =
            records.get(build).is_some_and(|before| before.depth == Depth::Full && before.why.is_some());
        if depth == Depth::Quick && why.is_none() && is_known_bad {
            continue;
        }
        records.insert(*build, Verified { at, depth, hashed: findings.hashed, why });
    }
    write(&folder.join(VERIFY), &records)
}

fn synced(folder: &Path, at: Timestamp) -> Result<(), StatusError> {
    write(&folder.join(SYNC), &Synced { at })
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, StatusError> {
    let bad = |found: String| StatusError::Record { path: path.to_owned(), found };
    match read_some(path, FILE_MAX) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| bad(error.to_string())),
        Err(HeldError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), StatusError> {
    let text = serde_json::to_vec_pretty(value);
    let text =
        text.map_err(|error| StatusError::Record { path: path.to_owned(), found: error.to_string() })?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
    }
    Ok(write_atomically(path, &text)?)
}
