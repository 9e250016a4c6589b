//! Which builds a purge takes, which it does not and why, and what that frees.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::channel;
use crate::manifest::BuildInfo;
use crate::mirror::Held;
use crate::name::{BuildNumber, ChannelName};
use crate::retention::find::look;
use crate::retention::marks::{Candidate, Marks, Whereabouts};
use crate::retention::sweep::{dead, in_trash};
use crate::retention::{Pins, RetentionError, in_use};
use crate::store::Store;

/// What somebody wants purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    These(Vec<BuildNumber>),
    /// All but so many of the newest.
    AllButNewest(usize),
    CreatedBefore(Timestamp),
}

/// What the caller knows to be in use, besides what the store says itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roots {
    /// Builds that machines were last brought to, with how many machines.
    pub recorded: BTreeMap<BuildNumber, u64>,
    /// Builds of rollouts that have not ended.
    pub rolling: BTreeSet<BuildNumber>,
    /// Of mirrors: why builds stay by what servers say in the store of the site. What they say in a store itself is always read.
    pub in_use: Vec<(BuildNumber, Keep)>,
}

/// Why a build stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Keep {
    Channel {
        channel: ChannelName,
    },
    /// The build that a channel had before: the way back.
    WayBack {
        channel: ChannelName,
    },
    Pinned {
        by: String,
        reason: String,
    },
    Recorded {
        machines: u64,
    },
    Rolling,
    /// The server of a site says so.
    InUse {
        site: String,
        reason: String,
        at: Timestamp,
    },
    /// The newest build is the one that the next is compared with.
    Newest,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PurgePlan {
    pub builds: Vec<BuildNumber>,
    /// Builds that were wished away and stay.
    pub kept: BTreeMap<BuildNumber, Vec<Keep>>,
    /// Builds that earlier purges took away and did not end with: they were killed, or something was in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<BuildNumber>,
    /// What no build refers to any more after it.
    pub objects: u64,
    pub bytes: u64,
    /// What was read for it, so that the purge reads only what has come since.
    #[serde(skip)]
    pub(super) marks: Marks,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::Channel { channel } => write!(f, "channel {channel} is on it"),
            Keep::WayBack { channel } => write!(f, "it is the way back of channel {channel}"),
            Keep::Pinned { by, reason } => write!(f, "{by} keeps it: {reason}"),
            Keep::Recorded { machines } => match machines {
                1 => f.write_str("1 machine is on it"),
                machines => write!(f, "{machines} machines are on it"),
            },
            Keep::Rolling => write!(f, "a rollout of it has not ended"),
            Keep::InUse { site, reason, at } => {
                write!(f, "site {site} uses it: {reason} (said at {at})")
            }
            Keep::Newest => write!(f, "it is the newest"),
        }
    }
}

/// Why each build that is in use is in use.
pub(super) fn reasons(
    store: &Store,
    roots: &Roots,
) -> Result<BTreeMap<BuildNumber, Vec<Keep>>, RetentionError> {
    let mut kept: BTreeMap<BuildNumber, Vec<Keep>> = BTreeMap::new();
    let mut keep = |number: BuildNumber, why: Keep| kept.entry(number).or_default().push(why);
    for channel in channel::names(store)? {
        // What cannot be read might refer to any build, so an error ends this.
        let Some(standing) = channel::standing(store, &channel)? else { continue };
        keep(standing.known(&channel)?, Keep::Channel { channel: channel.clone() });
        for before in standing.ways_back(&channel)? {
            keep(before, Keep::WayBack { channel: channel.clone() });
        }
    }
    for (number, pin) in Pins::read(store)?.0 {
        keep(BuildNumber(number), Keep::Pinned { by: pin.by, reason: pin.reason });
    }
    for (number, machines) in &roots.recorded {
        keep(*number, Keep::Recorded { machines: *machines });
    }
    for number in &roots.rolling {
        keep(*number, Keep::Rolling);
    }
    for (number, why) in in_use(store)?.into_iter().chain(roots.in_use.iter().cloned()) {
        keep(number, why);
    }
    if let Some(newest) = store.builds_present()?.last() {
        keep(*newest, Keep::Newest);
    }
    Ok(kept)
}

/// What the wish comes to. Nothing is changed.
pub fn plan(store: &Store, wish: &Wish, roots: &Roots) -> Result<PurgePlan, RetentionError> {
    let reasons = reasons(store, roots)?;
    let mut plan = PurgePlan::default();
    for number in wished(store, wish)? {
        match reasons.get(&number) {
            Some(why) => {
                plan.kept.insert(number, why.clone());
            }
            None => plan.builds.push(number),
        }
    }
    let dead = dead(store)?;
    plan.unfinished.extend(dead.iter().map(|dead| dead.number));
    plan.unfinished.sort_unstable();
    plan.unfinished.dedup();
    let mut marks = Marks::of(store, &plan.builds, &dead)?;
    marks.renew(store, &plan.builds.iter().copied().collect())?;
    let is_here = |object: &&Candidate| object.whereabouts == Whereabouts::Here || store.has(&object.hash);
    for object in marks.objects().filter(is_here) {
        plan.objects += 1;
        plan.bytes += object.size;
    }
    if !marks.is_empty() {
        plan.marks = marks;
    }
    Ok(plan)
}

fn wished(store: &Store, wish: &Wish) -> Result<Vec<BuildNumber>, RetentionError> {
    let mut all = store.builds_present()?;
    match wish {
        Wish::These(numbers) => {
            let mut numbers = numbers.clone();
            numbers.sort_unstable();
            numbers.dedup();
            let purged = in_trash(store)?;
            let mut there = Vec::with_capacity(numbers.len());
            for number in numbers {
                match words(store, number) {
                    Ok(_) => there.push(number),
                    // Whoever repeats a purge that was killed wants it ended, not to be told that there is no such build.
                    Err(RetentionError::Unknown { .. }) if purged.contains(&number) => {}
                    // A mistyped number is an error before anything is taken.
                    Err(error) => return Err(error),
                }
            }
            Ok(there)
        }
        Wish::AllButNewest(newest) => {
            all.truncate(all.len().saturating_sub(*newest));
            Ok(all)
        }
        Wish::CreatedBefore(time) => {
            let mut old = Vec::new();
            for number in all {
                match words(store, number) {
                    Ok(info) if info.created_at < *time => old.push(number),
                    // Somebody else has taken it away since the folder was read.
                    Ok(_) | Err(RetentionError::Unknown { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(old)
        }
    }
}

/// Whether its lists can be read shows when they are.
fn words(store: &Store, number: BuildNumber) -> Result<BuildInfo, RetentionError> {
    Ok(look(store, number, |_, folder| Held::info_in(folder, number))?.2)
}
