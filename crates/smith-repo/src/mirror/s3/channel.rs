//! A channel in a bucket: copies of the indexes of a build, and a pointer that only one can move at a time.
//!
//! There are no links to swap, so the order of copies is what keeps clients whole: by-hash files first, which only add;
//! then the plain indexes; then each suite's `InRelease`, whose one request is the moment in which the suite moves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::channel::{ChannelError, Dated, Dating, Ends, Left, Moved, Order, Switched, Way, When, suite_of};
use crate::manifest::{Area, FileEntry};
use crate::mirror::parallel::each_on;
use crate::mirror::s3::bucket::CONNECTIONS;
use crate::mirror::s3::naming::Naming;
use crate::mirror::s3::{S3, S3Error};
use crate::mirror::{Depth, Held};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::Signer;
use crate::release::Release;
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
    /// The builds along which it came here, without the one where it is: the way back, its next step last. Not known of one
    /// that was written before there were trails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Vec<BuildNumber>>,
    /// When the first of its Releases ends, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
}

/// Steps that a rollback can go back: more than anybody goes.
const TRAIL_MAX: usize = 100;

impl Pointer {
    /// Where a rollback leads.
    pub fn previous(&self) -> Option<BuildNumber> {
        self.trail.as_ref().map_or(self.from, |trail| trail.last().copied())
    }
}

/// How a channel of a bucket is led to a build.
#[derive(Clone, Copy)]
pub struct Lead<'a> {
    pub order: &'a Order,
    pub signer: Option<&'a dyn Signer>,
    /// What clients have seen, as the site remembers it.
    pub seen: &'a BTreeMap<String, Timestamp>,
}

impl std::fmt::Debug for Lead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lead").field("order", self.order).field("seen", self.seen).finish_non_exhaustive()
    }
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
        self.pointer(name)?.map(|(pointer, _)| pointer).transpose()
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
        self.set_channel_after(source, name, build, Lead { order, signer, seen: &BTreeMap::new() })
    }

    /// The same where the site remembers what clients have seen, if the bucket has lost it.
    pub fn set_channel_after(
        &self,
        source: &Store,
        name: &ChannelName,
        build: BuildNumber,
        lead: Lead<'_>,
    ) -> Result<Switched, S3Error> {
        self.lead_channel(source, name, build, lead, (When::Needed, Way::To))
    }

    /// The same as a move back: the next rollback leads further back than this.
    pub fn back_channel(
        &self,
        source: &Store,
        name: &ChannelName,
        build: BuildNumber,
        lead: Lead<'_>,
    ) -> Result<Switched, S3Error> {
        self.lead_channel(source, name, build, lead, (When::Needed, Way::Back))
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
        let lead = Lead { order, signer: Some(signer), seen: &BTreeMap::new() };
        self.lead_channel(source, name, pointer.to, lead, (When::Always, Way::To))
    }

    fn lead_channel(
        &self,
        source: &Store,
        name: &ChannelName,
        build: BuildNumber,
        lead: Lead<'_>,
        (when, way): (When, Way),
    ) -> Result<Switched, S3Error> {
        let Lead { order, signer, seen } = lead;
        let findings = self.verify(source, build, Depth::Quick)?;
        if !findings.is_good() {
            return Err(S3Error::NotWhole { name: name.clone(), build, found: findings.why() });
        }
        let current = self.pointer(name)?;
        if let Some((Ok(pointer), _)) = &current {
            not_moving(name, pointer, order)?;
            let ends = pointer.ends.as_ref().map(|ends| ends.left(order.at));
            let is_over = ends == Some(Left::Nothing) && signer.is_some();
            if pointer.phase == Phase::Done && pointer.to == build && when == When::Needed && !is_over {
                return Ok(Switched::WasThere);
            }
        }
        // A pointer that cannot be read is written anew, over the damaged one and no other.
        let (before, tag) = current.map_or((None, None), |(pointer, tag)| (pointer.ok(), tag));
        let mut dates = before.as_ref().map_or_else(|| seen.clone(), |pointer| pointer.dates.clone());
        let held = Held::read(source, build)?;
        let dated = Dating { at: order.at, when, signer, served: &dates }.of(source, &held)?;
        for one in &dated {
            let date = dates.entry(one.folder.clone()).or_insert(one.date);
            *date = one.date.max(*date);
        }
        let (from, trail) = way_to(before.as_ref(), build, way);
        let (who, why) = (order.who.clone(), order.why.clone());
        let (at, to, phase, ends) = (order.at, build, Phase::Moving, first_to_end(&dated));
        let trail = Some(trail);
        let mut pointer = Pointer { from, to, at, who, why, phase, dates, trail, ends };
        let tag = self.point(name, &pointer, tag)?;
        self.copy_indexes(name, build, &held)?;
        self.put_releases(name, &Naming::of(build, &held.manifest), &dated)?;
        pointer.phase = Phase::Done;
        self.point(name, &pointer, Some(tag))?;
        let suites = dated.into_iter().map(|one| (one.folder, one.how)).collect();
        Ok(Switched::Moved(Moved { from: before.map(|pointer| pointer.to), to: build, suites }))
    }

    /// Takes a channel away, its folder in each suite first and its pointer last, so that one that was killed is done again.
    /// Answers where it was; nothing where its pointer cannot be read.
    pub fn remove_channel(&self, name: &ChannelName, order: &Order) -> Result<Option<BuildNumber>, S3Error> {
        let unknown = || ChannelError::Unknown { name: name.clone() };
        let (pointer, _) = self.pointer(name)?.ok_or_else(unknown)?;
        let pointer = pointer.ok();
        if let Some(pointer) = &pointer {
            not_moving(name, pointer, order)?;
        }
        let mut suites = BTreeSet::new();
        for build in self.builds()? {
            suites.extend(Naming::of(build, &self.manifest(build)?).suites().cloned());
        }
        suites.extend(pointer.iter().flat_map(|pointer| pointer.dates.keys().cloned()));
        let mut keys = Vec::new();
        for suite in suites {
            keys.extend(self.list(&format!("{suite}/{name}/"))?.into_keys());
        }
        // Clients that find no Release begin nothing; so these go first.
        let (first, rest): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.ends_with("/InRelease"));
        self.delete_all(&first)?;
        self.delete_all(&rest)?;
        self.delete(&key(name))?;
        Ok(pointer.map(|pointer| pointer.to))
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
        self.pointers()?.into_iter().map(|(name, pointer)| Ok((name, pointer?))).collect()
    }

    /// The same with those of which the pointer cannot be read.
    pub fn pointers(&self) -> Result<BTreeMap<ChannelName, Result<Pointer, S3Error>>, S3Error> {
        let mut pointers = BTreeMap::new();
        for key in self.list("channels/")?.into_keys() {
            let name = key.strip_prefix("channels/").and_then(|key| key.strip_suffix(".json"));
            let Some(name) = name.and_then(|name| ChannelName::new(name).ok()) else { continue };
            pointers.extend(self.pointer(&name)?.map(|(pointer, _)| (name, pointer)));
        }
        Ok(pointers)
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

    fn pointer(&self, name: &ChannelName) -> Result<Option<Pointed>, S3Error> {
        let Some((bytes, tag)) = self.get(&key(name))? else { return Ok(None) };
        let pointer = serde_json::from_slice(&bytes).map_err(|error| {
            let (expected, key) = ("the pointer of a channel".to_owned(), key(name));
            let found = format!("{error}; `smith channel set {name} BUILD --mirror …` makes it anew");
            S3Error::Pointer { key, expected, found }
        });
        Ok(Some((pointer, tag)))
    }
}

/// What lies there, be it readable or not, and its tag.
type Pointed = (Result<Pointer, S3Error>, Option<String>);

/// Nobody else is at it.
fn not_moving(name: &ChannelName, pointer: &Pointer, order: &Order) -> Result<(), S3Error> {
    let is_alive = order.at.duration_since(pointer.at) < MOVE_MAX;
    if pointer.phase == Phase::Moving && is_alive {
        let (who, since) = (pointer.who.clone(), pointer.at);
        return Err(S3Error::Busy { name: name.clone(), who, since });
    }
    Ok(())
}

/// Where the channel was before, and the way back from this build.
fn way_to(before: Option<&Pointer>, build: BuildNumber, way: Way) -> (Option<BuildNumber>, Vec<BuildNumber>) {
    let Some(before) = before else { return (None, Vec::new()) };
    let known = before.from.filter(|from| *from != before.to);
    let mut trail = before.trail.clone().unwrap_or_else(|| known.into_iter().collect());
    if before.to == build {
        // A refresh keeps the way back; a move that died half way began where the one before it ended.
        return (before.from, trail);
    }
    match way {
        Way::Back if trail.last() == Some(&build) => drop(trail.pop()),
        Way::Back | Way::To | Way::Removed => trail.push(before.to),
    }
    trail.drain(..trail.len().saturating_sub(TRAIL_MAX));
    (Some(before.to), trail)
}

fn first_to_end(dated: &[Dated]) -> Option<Ends> {
    let ends = dated.iter().filter_map(|one| {
        let release = Release::parse(one.files.get("Release")?).ok()?;
        Ends::of(&one.folder, &release)
    });
    ends.min_by_key(|ends| ends.until)
}

fn key(name: &ChannelName) -> String {
    format!("channels/{name}.json")
}

/// The order in which clients may see it: by-hash files, then indexes.
fn wave(file: &FileEntry) -> usize {
    usize::from(!file.path.as_str().contains("/by-hash/"))
}
