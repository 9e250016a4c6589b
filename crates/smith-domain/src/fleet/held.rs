//! Sources that lost more machines than they may: the fleet stays as it was until one is whole again, or until somebody says that
//! these machines are really gone.
//!
//! That word is about what was seen: it holds for a reading that lacks as much, and not for one that lacks more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Whether a reading lacks no more than this one did.
    fn covers(&self, is: Option<u32>, lost: u32) -> bool {
        lost <= self.lost && is.unwrap_or(0) >= self.is.unwrap_or(0) && is.is_some() >= self.is.is_some()
    }
}

impl Fleet {
    /// Sources whose readings are not taken, and why.
    pub fn held_back(&self) -> impl Iterator<Item = (&SourceName, &Held)> {
        self.held.sources.iter()
    }

    /// Whether somebody has said that so many machines of the source are really gone.
    pub(super) fn is_confirmed(&self, shrunk: &Shrunk) -> bool {
        let held = self.held.sources.get(&shrunk.source);
        held.is_some_and(|held| held.confirmed.is_some() && held.covers(shrunk.is, shrunk.lost))
    }

    /// What is to be recorded of a reading that was not taken, or of one that was: nothing where all of it is known.
    pub(super) fn note_shrunk(&self, shrunk: &[Shrunk]) -> Vec<FleetEvent> {
        let known = |one: &Shrunk| {
            self.held.sources.get(&one.source).is_some_and(|held| held.covers(one.is, one.lost))
        };
        let none_is_whole = self.held.sources.keys().all(|held| shrunk.iter().any(|one| one.source == *held));
        if shrunk.iter().all(known) && none_is_whole {
            return Vec::new();
        }
        let sources = shrunk.iter().map(|one| ShrunkSource {
            source: one.source.clone(),
            was: one.was,
            is: one.is,
            lost: one.lost,
        });
        vec![FleetEvent::SourcesShrank { sources: sources.collect() }]
    }

    pub(super) fn confirm(
        &self,
        source: SourceName,
        reason: String,
    ) -> Result<Vec<FleetEvent>, FleetRejection> {
        match self.held.sources.get(&source) {
            None => {
                let held = self.held.sources.keys().cloned().collect();
                Err(FleetRejection::NotHeldBack { name: source, held })
            }
            Some(held) if held.confirmed.is_some() => Ok(Vec::new()),
            Some(_) => Ok(vec![FleetEvent::SourceConfirmed { source, reason }]),
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
    /// These are held back from now on, and no others. What is known of one that lacks no more than it did stays.
    pub(super) fn shrank(&mut self, sources: &[ShrunkSource], told: &[SourceName], at: Timestamp) {
        let mut before = std::mem::take(&mut self.sources);
        for one in sources {
            let held = match before.remove(&one.source) {
                Some(held) if held.covers(one.is, one.lost) => held,
                Some(Held { since, .. }) => {
                    Held { was: one.was, is: one.is, lost: one.lost, since, confirmed: None }
                }
                None => Held { was: one.was, is: one.is, lost: one.lost, since: at, confirmed: None },
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
