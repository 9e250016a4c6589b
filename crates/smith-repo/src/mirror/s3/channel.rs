//! A channel in a bucket: copies of the indexes of a build, and a pointer that only one can move at a time.
//!
//! There are no links to swap, so the order of copies is what keeps clients whole: by-hash files first, which only add;
//! then the plain indexes; then each suite's `InRelease`, whose one request is the moment in which the suite moves.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::channel::{ChannelError, Dated, Dating, Moved, Order, Switched, When, suite_of};
use crate::manifest::{Area, FileEntry};
use crate::mirror::parallel::each_on;
use crate::mirror::s3::bucket::CONNECTIONS;
use crate::mirror::s3::naming::Naming;
use crate::mirror::s3::{S3, S3Error};
use crate::mirror::{Depth, Held};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::Signer;
use crate::store::Store;

/// Longer than the copies of all indexes take; who has not ended by then has died.
const MOVE_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Where a channel is, or where it is being moved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub from: Option<BuildNumber>,
    pub to: BuildNumber,
    pub at: Timestamp,
    pub who: String,
    pub why: String,
    pub phase: Phase,
    /// The newest date of each suite's folder that the channel ever served.
    #[serde(default)]
    pub dates: BTreeMap<String, Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Some suites may have moved and some not.
    Moving,
    Done,
}

impl S3 {
    pub fn channel(&self, name: &ChannelName) -> Result<Option<Pointer>, S3Error> {
        Ok(self.pointer(name)?.map(|(pointer, _)| pointer))
    }

    /// Moves a channel to a build that the bucket holds whole.
    pub fn set_channel(
        &self,
        source: &Store,
        name: &ChannelName,
        build: BuildNumber,
        order: &Order,
        signer: Option<&dyn Signer>,
    ) -> Result<Switched, S3Error> {
        self.lead_channel(source, name, build, order, (When::Needed, signer))
    }

    /// Gives what the channel serves the date of now, before it expires. The build stays.
    pub fn refresh_channel(
        &self,
        source: &Store,
        name: &ChannelName,
        order: &Order,
        signer: &dyn Signer,
    ) -> Result<Switched, S3Error> {
        let pointer = self.channel(name)?.ok_or_else(|| ChannelError::Unknown { name: name.clone() })?;
        self.lead_channel(source, name, pointer.to, order, (When::Always, Some(signer)))
    }

    fn lead_channel(
        &self,
        source: &Store,
        name: &ChannelName,
        build: BuildNumber,
        order: &Order,
        (when, signer): (When, Option<&dyn Signer>),
    ) -> Result<Switched, S3Error> {
        let findings = self.verify(source, build, Depth::Quick)?;
        if !findings.is_good() {
            return Err(S3Error::NotWhole { name: name.clone(), build, found: findings.why() });
        }
        let current = self.pointer(name)?;
        if let Some((pointer, _)) = &current {
            let is_alive = order.at.duration_since(pointer.at) < MOVE_MAX;
            if pointer.phase == Phase::Moving && is_alive {
                let (who, since) = (pointer.who.clone(), pointer.at);
                return Err(S3Error::Busy { name: name.clone(), who, since });
            }
            if pointer.phase == Phase::Done && pointer.to == build && when == When::Needed {
                return Ok(Switched::WasThere);
            }
        }
        let (before, tag) = current.map_or((None, None), |(pointer, tag)| (Some(pointer), tag));
        // A refresh keeps the way back; a move that died half way began where the one before it ended.
        let from = before.as_ref().and_then(|pointer| match pointer.to == build {
            true => pointer.from,
            false => Some(pointer.to),
        });
        let mut dates = before.as_ref().map(|pointer| pointer.dates.clone()).unwrap_or_default();
        let held = Held::read(source, build)?;
        let dated = Dating { at: order.at, when, signer, served: &dates }.of(source, &held)?;
        for one in &dated {
            let date = dates.entry(one.folder.clone()).or_insert(one.date);
            *date = one.date.max(*date);
        }
        let (who, why) = (order.who.clone(), order.why.clone());
        let mut pointer = Pointer { from, to: build, at: order.at, who, why, phase: Phase::Moving, dates };
        let tag = self.point(name, &pointer, tag)?;
        self.copy_indexes(name, build, &held)?;
        self.put_releases(name, &Naming::of(build, &held.manifest), &dated)?;
        pointer.phase = Phase::Done;
        self.point(name, &pointer, Some(tag))?;
        let suites = dated.into_iter().map(|one| (one.folder, one.how)).collect();
        Ok(Switched::Moved(Moved { from: before.map(|pointer| pointer.to), to: build, suites }))
    }

    /// What clients fetch first comes last, and of that what names the others.
    fn put_releases(&self, name: &ChannelName, naming: &Naming, dated: &[Dated]) -> Result<(), S3Error> {
        for is_last in [false, true] {
            for one in dated {
                for (file, bytes) in one.files.iter().filter(|(file, _)| (*file == "InRelease") == is_last) {
                    if let Some(key) = naming.of_channel(name, &format!("{}/{file}", one.folder)) {
                        self.put_over(&key, bytes.clone())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn copy_indexes(&self, name: &ChannelName, build: BuildNumber, held: &Held) -> Result<(), S3Error> {
        let naming = Naming::of(build, &held.manifest);
        let tree =
            held.manifest.files().iter().filter(|file| file.area == Area::Tree && suite_of(file).is_none());
        let mut waves: [Vec<&FileEntry>; 2] = Default::default();
        for file in tree {
            waves[wave(file)].push(file);
        }
        for wave in &waves {
            let copy = |file: &&FileEntry| {
                let to = naming.of_channel(name, file.path.as_str())?;
                self.copy(&naming.key(file), &to).err()
            };
            if let Some(error) = each_on(CONNECTIONS, 1, wave, copy).pop() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Every channel of the bucket, and where it is.
    pub fn channels(&self) -> Result<BTreeMap<ChannelName, Pointer>, S3Error> {
        let mut channels = BTreeMap::new();
        for key in self.list("channels/")?.into_keys() {
            let name = key.strip_prefix("channels/").and_then(|key| key.strip_suffix(".json"));
            let Some(name) = name.and_then(|name| ChannelName::new(name).ok()) else { continue };
            channels.extend(self.channel(&name)?.map(|pointer| (name, pointer)));
        }
        Ok(channels)
    }

    fn point(&self, name: &ChannelName, pointer: &Pointer, tag: Option<String>) -> Result<String, S3Error> {
        let key = key(name);
        let bytes = serde_json::to_vec_pretty(pointer);
        let bytes = bytes.map_err(|error| S3Error::Service {
            doing: "writing",
            key: key.clone(),
            why: error.to_string(),
        })?;
        self.swap(&key, bytes, tag)?.ok_or_else(|| S3Error::Overtaken { name: name.clone() })
    }

    fn pointer(&self, name: &ChannelName) -> Result<Option<(Pointer, Option<String>)>, S3Error> {
        let key = key(name);
        let Some((bytes, tag)) = self.get(&key)? else { return Ok(None) };
        let pointer = serde_json::from_slice(&bytes);
        let pointer = pointer.map_err(|error| {
            let (expected, found) = ("the pointer of a channel".to_owned(), error.to_string());
            S3Error::Conflict { key, expected, found }
        })?;
        Ok(Some((pointer, tag)))
    }
}

fn key(name: &ChannelName) -> String {
    format!("channels/{name}.json")
}

/// The order in which clients may see it: by-hash files, then indexes.
fn wave(file: &FileEntry) -> usize {
    usize::from(!file.path.as_str().contains("/by-hash/"))
}
