//! Sources that lost more machines than they may: the fleet stays as it was until one is whole again, or until somebody says that
//! these machines are really gone.
//!
//! That word is about what was seen: it holds for a reading that lacks the same machines or some of them, and not for one that
//! lacks others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::MachineId;
use crate::time::{Span, Timestamp};

use super::decide::FleetRejection;
use super::event::{FleetEvent, ShrunkSource};
use super::facts::SourceName;
use super::observe::Shrunk;
use super::state::Fleet;

/// A source whose readings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Machines at the last reading that was taken.
    pub was: u32,
    /// Machines now; `None` where the source was not read at all.
    pub is: Option<u32>,
    /// Machines that it held and does not hold now.
    pub lost: u32,
    /// The first of them, in the order of their names.
    pub machines: Vec<MachineId>,
    /// Of the names of all of them: who says that they are gone says it of these.
    pub fingerprint: String,
    pub since: Timestamp,
    /// Why somebody said that the machines are gone.
    pub confirmed: Option<String>,
}

/// Those that are held back, and when people were last told of each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct HeldBack {
    sources: BTreeMap<SourceName, Held>,
    told: BTreeMap<SourceName, Timestamp>,
}

/// A source that comes and goes is told of once in this time.
const TOLD_EVERY: Span = Span::hours(1);

/// Sources that people were told of and that are remembered; a site has a handful.
const TOLD_MAX: usize = 1_000;

impl Held {
    fn of(one: &ShrunkSource, since: Timestamp) -> Self {
        let ShrunkSource { was, is, lost, machines, fingerprint, .. } = one.clone();
        Self { was, is, lost, machines, fingerprint, since, confirmed: None }
    }

    /// Whether a reading lacks no other machines than this one did. Where they are not all remembered it must lack the same.
    fn covers(&self, one: &ShrunkSource) -> bool {
        let is_same = !one.fingerprint.is_empty() && one.fingerprint == self.fingerprint;
        let is_part = || {
            one.lost as usize == one.machines.len()
                && one.machines.iter().all(|machine| self.machines.contains(machine))
        };
        one.lost <= self.lost
            && one.is.unwrap_or(0) >= self.is.unwrap_or(0)
            && one.is.is_some() >= self.is.is_some()
            && (is_same || is_part())
    }
}

impl Shrunk {
    fn noted(&self) -> ShrunkSource {
        let Self { source, was, is, lost, machines, fingerprint, .. } = self.clone();
        ShrunkSource { source, was, is, lost, machines, fingerprint }
    }
}

/// Sixteen digits: short enough to be typed from a screen.
const FINGERPRINT_BYTES: usize = 8;

impl Fleet {
    /// Sources whose readings are not taken, and why.
    pub fn held_back(&self) -> impl Iterator<Item = (&SourceName, &Held)> {
        self.held.sources.iter()
    }

    /// Whether somebody has said that these machines of the source are really gone.
    pub(super) fn is_confirmed(&self, shrunk: &Shrunk) -> bool {
        let held = self.held.sources.get(&shrunk.source);
        held.is_some_and(|held| held.confirmed.is_some() && held.covers(&shrunk.noted()))
    }

    /// The first digits of a digest of these names. Nobody finds other machines with the same by chance, nor by trying in a week.
    pub(super) fn fingerprint(&self, machines: &[MachineId]) -> String {
        let mut hasher = Sha256::new();
        for machine in machines {
            hasher.update(self.machine(*machine).name().as_bytes());
            hasher.update(b"\n");
        }
        hasher.finalize().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is to be recorded of a reading that was not taken, or of one that was: nothing where all of it is known.
    pub(super) fn note_shrunk(&self, shrunk: &[Shrunk]) -> Vec<FleetEvent> {
        let known =
            |one: &Shrunk| self.held.sources.get(&one.source).is_some_and(|held| held.covers(&one.noted()));
        let none_is_whole = self.held.sources.keys().all(|held| shrunk.iter().any(|one| one.source == *held));
        if shrunk.iter().all(known) && none_is_whole {
            return Vec::new();
        }
        vec![FleetEvent::SourcesShrank { sources: shrunk.iter().map(Shrunk::noted).collect() }]
    }

    pub(super) fn confirm(
        &self,
        source: SourceName,
        reason: String,
        lost: String,
    ) -> Result<Vec<FleetEvent>, FleetRejection> {
        match self.held.sources.get(&source) {
            None => {
                let held = self.held.sources.keys().cloned().collect();
                Err(FleetRejection::NotHeldBack { name: source, held })
            }
            Some(held) if held.fingerprint != lost => {
                let found = held.fingerprint.clone();
                Err(FleetRejection::LostOthers { name: source, seen: lost, found })
            }
            Some(held) if held.confirmed.is_some() => Ok(Vec::new()),
            Some(_) => Ok(vec![FleetEvent::SourceConfirmed { source, reason, lost }]),
        }
    }

    /// Sources that people are to be told of, before the event is folded.
    pub(crate) fn to_be_told(&self, event: &FleetEvent, at: Timestamp) -> Vec<SourceName> {
        let FleetEvent::SourcesShrank { sources } = event else { return Vec::new() };
        let is_news = |source: &&SourceName| {
            let recent = self.held.told.get(*source).is_some_and(|told| at.since(*told) < TOLD_EVERY);
            !recent && !self.held.sources.contains_key(*source)
        };
        sources.iter().map(|one| &one.source).filter(is_news).cloned().collect()
    }
}

impl HeldBack {
    /// These are held back from now on, and no others. What is known of one that lacks no others than it did stays.
    pub(super) fn shrank(&mut self, sources: &[ShrunkSource], told: &[SourceName], at: Timestamp) {
        let mut before = std::mem::take(&mut self.sources);
        for one in sources {
            let held = match before.remove(&one.source) {
                Some(held) if held.covers(one) => held,
                Some(Held { since, .. }) => Held::of(one, since),
                None => Held::of(one, at),
            };
            self.sources.insert(one.source.clone(), held);
        }
        for source in told {
            if self.told.len() < TOLD_MAX || self.told.contains_key(source) {
                self.told.insert(source.clone(), at);
            }
        }
    }

    pub(super) fn confirmed(&mut self, source: &SourceName, reason: &str) {
        if let Some(held) = self.sources.get_mut(source) {
            held.confirmed = Some(reason.to_owned());
        }
    }

    /// A reading of it was taken, or it is read no more.
    pub(super) fn taken(&mut self, source: &SourceName) {
        self.sources.remove(source);
    }
}
