//! The difference between what all sources say now and what is known.
//!
//! A source that suddenly holds much less than before is far more often broken than true, and machines that are
//! thought to be gone are not patched. So losing many machines needs somebody's word.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::id::MachineId;
use crate::pipeline::Amount;
use crate::size::pieces;
use crate::time::{Span, Timestamp};

use super::attribute::MAX_ATTRIBUTES;
use super::decide::{FleetRejection, MAX_MACHINES};
use super::event::{CHUNK, FleetEvent, KnownMachine, LOST_NAMED};
use super::facts::{MachineFacts, SourceName};
use super::natural::natural_cmp;
use super::reading::Reading;
use super::state::Fleet;

/// How much a source may lose from one reading to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservePolicy {
    /// For sources that are not named below. A share that rounds to nothing still allows one machine.
    pub max_shrink: Amount,
    pub sources: BTreeMap<SourceName, Amount>,
}

impl Default for ObservePolicy {
    /// A tenth: weekly renewal of machines stays below it, a page that was not read or a lost filter does not.
    fn default() -> Self {
        Self { max_shrink: Amount::Percent(10), sources: BTreeMap::new() }
    }
}

/// A source that lost more than it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    pub source: SourceName,
    /// Machines at the last reading.
    pub was: u32,
    /// Machines now; `None` where the source was not read at all.
    pub is: Option<u32>,
    /// Machines that it held and does not hold now, whatever it gained.
    pub lost: u32,
    /// The first of them, in the order of their names.
    pub machines: Vec<MachineId>,
    /// Of the names of all of them.
    pub fingerprint: String,
    pub allowed: Amount,
}

/// A reading without news is journaled this often, so that the age of what is known can be told.
pub const READ_NOTED_EVERY: Span = Span::mins(15);

/// The number of a machine, and a comma.
const MACHINE_BYTES: usize = 11;

/// What a reading changes, before it is cut into events.
#[derive(Default)]
struct Difference {
    joined: Vec<MachineFacts>,
    changed: Vec<KnownMachine>,
    returned: Vec<KnownMachine>,
    left: Vec<MachineId>,
    lost: BTreeMap<SourceName, Vec<MachineId>>,
}

impl Fleet {
    pub(super) fn observe(
        &self,
        reading: Reading,
        confirmed: &BTreeSet<SourceName>,
        policy: &ObservePolicy,
        now: Timestamp,
    ) -> Result<Vec<FleetEvent>, FleetRejection> {
        let attributes = self.attrs.len() + self.new_attributes(reading.machines());
        if attributes > MAX_ATTRIBUTES {
            return Err(FleetRejection::TooManyAttributes { found: attributes, max: MAX_ATTRIBUTES });
        }
        let (counts, machines) = reading.into_parts();
        let difference = self.difference(machines);
        let mut shrunk = self.shrunk(&counts, &difference.lost, confirmed, policy);
        shrunk.retain(|one| !self.is_confirmed(one));
        if !shrunk.is_empty() {
            return Err(FleetRejection::SourcesShrank { shrunk });
        }
        let machines = self.len() + difference.joined.len();
        if machines > MAX_MACHINES {
            return Err(FleetRejection::TooManyMachines { found: machines, max: MAX_MACHINES });
        }
        let mut events = difference.into_events();
        self.note_sources(&counts, now, &mut events);
        Ok(events)
    }

    /// How many attribute names would be new.
    fn new_attributes(&self, machines: &[MachineFacts]) -> usize {
        let mut new = BTreeSet::new();
        let mut last: Option<&MachineFacts> = None;
        for facts in machines {
            // Neighbours mostly have the same attributes, and comparing them costs less than looking each one up.
            if last.is_none_or(|last| !last.attrs.keys().eq(facts.attrs.keys())) {
                new.extend(facts.attrs.keys().filter(|name| self.attr_id(name).is_none()));
            }
            last = Some(facts);
        }
        new.len()
    }

    /// Walks both lists of machines once, side by side, in the order of the names.
    fn difference(&self, machines: Vec<MachineFacts>) -> Difference {
        let mut difference = Difference::default();
        let mut known = self.in_name_order().peekable();
        for facts in machines {
            while let Some(id) =
                known.next_if(|id| natural_cmp(self.machine(*id).name(), facts.name.as_str()).is_lt())
            {
                self.gone(id, &mut difference);
            }
            let same = |id: &MachineId| {
                natural_cmp(self.machine(*id).name(), facts.name.as_str()) == Ordering::Equal
            };
            match known.next_if(same) {
                None => difference.joined.push(facts),
                Some(id) if !self.is_present(id) => {
                    difference.returned.push(KnownMachine { id, facts });
                }
                Some(id) => {
                    for source in self.sources_of(id).iter().filter(|source| !facts.sources.contains(source))
                    {
                        difference.lost.entry(source.clone()).or_default().push(id);
                    }
                    if !self.holds(id, &facts) {
                        difference.changed.push(KnownMachine { id, facts });
                    }
                }
            }
        }
        known.for_each(|id| self.gone(id, &mut difference));
        difference
    }

    fn gone(&self, id: MachineId, difference: &mut Difference) {
        if !self.is_present(id) {
            return;
        }
        difference.left.push(id);
        for source in self.sources_of(id) {
            difference.lost.entry(source.clone()).or_default().push(id);
        }
    }

    /// Whether exactly these facts are known; without making a copy of what is known.
    fn holds(&self, id: MachineId, facts: &MachineFacts) -> bool {
        let machine = self.machine(id);
        let attrs = || {
            facts.attrs_from().all(|(name, value, from)| {
                let Some(attr) = self.attr_id(name) else { return false };
                machine.attrs.iter().any(|known| {
                    known.id == attr && known.from == from && self.text(known.value) == value.as_str()
                })
            })
        };
        machine.attrs.len() == facts.attrs.len()
            && machine.addresses() == facts.addresses
            && machine.host_key() == facts.host_key.as_deref()
            && machine.addresses_from == facts.addresses_from
            && machine.host_key_from == facts.host_key_from
            && self.sources_of(id) == facts.sources
            && attrs()
    }

    fn shrunk(
        &self,
        counts: &BTreeMap<SourceName, u32>,
        lost: &BTreeMap<SourceName, Vec<MachineId>>,
        confirmed: &BTreeSet<SourceName>,
        policy: &ObservePolicy,
    ) -> Vec<Shrunk> {
        let unconfirmed =
            self.sources().filter(|(source, last)| last.machines > 0 && !confirmed.contains(*source));
        unconfirmed
            .filter_map(|(source, last)| {
                let (was, is) = (last.machines, counts.get(source).copied());
                // Counting is not enough: a source that gives other machines of the same number lost all it had.
                let fewer = was.saturating_sub(is.unwrap_or(0));
                let machines = lost.get(source).map_or(&[][..], Vec::as_slice);
                let lost = u32::try_from(machines.len()).unwrap_or(u32::MAX).max(fewer);
                let allowed = policy.sources.get(source).copied().unwrap_or(policy.max_shrink);
                let empty = is.unwrap_or(0) == 0;
                let too_many = empty || lost > allowed.at_least_one_of(was);
                too_many.then(|| Shrunk {
                    source: source.clone(),
                    was,
                    is,
                    lost,
                    machines: machines.iter().copied().take(LOST_NAMED).collect(),
                    fingerprint: self.fingerprint(machines),
                    allowed,
                })
            })
            .collect()
    }

    fn note_sources(&self, counts: &BTreeMap<SourceName, u32>, now: Timestamp, events: &mut Vec<FleetEvent>) {
        for (source, machines) in counts {
            let recent = self.sources.last_read(source).is_some_and(|last| {
                last.machines == *machines && now.since(last.at) < READ_NOTED_EVERY && events.is_empty()
            });
            if !recent {
                events.push(FleetEvent::SourceRead { source: source.clone(), machines: *machines });
            }
        }
        for (source, _) in self.sources().filter(|(source, _)| !counts.contains_key(*source)) {
            events.push(FleetEvent::SourceDropped { source: source.clone() });
        }
    }
}

impl Difference {
    fn into_events(self) -> Vec<FleetEvent> {
        // Machines are moved: a first reading may be a gigabyte, of which there should be one.
        let joined = pieces(self.joined, CHUNK, MachineFacts::weight).into_iter();
        let returned = pieces(self.returned, CHUNK, |known| known.facts.weight()).into_iter();
        let changed = pieces(self.changed, CHUNK, |known| known.facts.weight()).into_iter();
        let left = pieces(self.left, CHUNK, |_| MACHINE_BYTES).into_iter();
        let joined = joined.map(|machines| FleetEvent::MachinesJoined { machines });
        let returned = returned.map(|machines| FleetEvent::MachinesReturned { machines });
        let changed = changed.map(|machines| FleetEvent::MachinesChanged { machines });
        let left = left.map(|machines| FleetEvent::MachinesLeft { machines });
        joined.chain(returned).chain(changed).chain(left).collect()
    }
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrunk { source, was, is, lost, allowed, .. } = self;
        match is {
            None => write!(f, "{source} had {was} and was not read"),
            Some(0) => write!(f, "{source} had {was} and has none"),
            Some(is) => {
                write!(f, "{source} had {was} and has {is}, without {lost} of them, at most {allowed} may go")
            }
        }
    }
}
