//! Gauges: how many machines of each group are held right now, over all rollouts.
//!
//! A limit names attributes; all limits with the same attributes, scope and way of counting share one dimension,
//! and each combination of values in it is a gauge. Bags and budgets use gauges of their own, so that "may this
//! machine start" is the same question everywhere: is there room on every gauge it stands on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fleet::{AttrId, Fleet, Selector, Symbol};
use crate::id::{AttrName, MachineId};
use crate::pipeline::{Amount, Counts, Limit};
use crate::rollout::schedule::LaneKey;

/// A gauge, numbered in the order in which gauges came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GaugeId(pub u32);

impl GaugeId {
    /// Stands for "this machine is on no gauge of the dimension".
    const NONE: GaugeId = GaugeId(u32::MAX);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Machines held now.
    pub held: u32,
    /// Those of them that are at work and may yet let go.
    pub at_work: u32,
    /// What a percentage is a percentage of: present machines of the group, or machines of the bag or budget.
    pub whole: u32,
    /// What a bound without an amount of its own allows.
    pub cap: u32,
    pub of: GaugeOf,
    /// Lanes that wait for room here, the most urgent first, apart for each amount that they may use.
    pub parked: BTreeMap<Option<Amount>, BTreeSet<LaneKey>>,
}

/// What a gauge counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GaugeOf {
    /// A group of a dimension, with the values that its machines share.
    Group { dimension: u32, values: Vec<Option<Symbol>> },
    /// The machines of one bag that run.
    Bag,
    /// The machines of one step and environment that have failed, are lost or run.
    Budget,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DimensionKey {
    pub per: Vec<AttrName>,
    pub within: Option<Selector>,
    pub counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dimension {
    key: DimensionKey,
    groups: BTreeMap<Vec<Option<Symbol>>, GaugeId>,
    /// By machine number.
    of: Vec<GaugeId>,
}

impl Dimension {
    /// What a limit that counts by this means for a machine.
    pub(crate) fn bound(&self, limit: &Limit, machine: MachineId) -> Option<Bound> {
        let gauge = self.of.get(machine.index()).copied().filter(|g| *g != GaugeId::NONE)?;
        Some(Bound { gauge, max: Some(limit.max) })
    }
}

/// What is known of a machine over all rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grip {
    pub disturbed: bool,
    pub running: bool,
    /// A drain was asked for and nothing has proven since that the machine is in service.
    pub drained: bool,
}

/// How much room a lane needs on a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bound {
    pub gauge: GaugeId,
    /// None: what the gauge itself allows.
    pub max: Option<Amount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gauges {
    gauges: Vec<Gauge>,
    free: Vec<GaugeId>,
    dimensions: Vec<Dimension>,
    by_key: BTreeMap<DimensionKey, u32>,
    grips: Vec<Grip>,
    disturbed: BTreeSet<MachineId>,
}

impl Gauges {
    pub fn gauge(&self, id: GaugeId) -> &Gauge {
        &self.gauges[id.index()]
    }

    pub(crate) fn gauge_mut(&mut self, id: GaugeId) -> &mut Gauge {
        &mut self.gauges[id.index()]
    }

    pub fn grip(&self, machine: MachineId) -> Grip {
        self.grips.get(machine.index()).copied().unwrap_or_default()
    }

    /// Every machine that may be out of service, in the order of their numbers.
    pub fn disturbed(&self) -> impl Iterator<Item = MachineId> + '_ {
        self.disturbed.iter().copied()
    }

    pub fn disturbed_count(&self) -> usize {
        self.disturbed.len()
    }

    /// How many machines `bound` allows at once.
    pub fn allowed(&self, bound: Bound) -> u32 {
        let gauge = self.gauge(bound.gauge);
        match bound.max {
            Some(amount) => amount.at_least_one_of(gauge.whole),
            None => gauge.cap,
        }
    }

    pub fn has_room(&self, bound: Bound) -> bool {
        self.gauge(bound.gauge).held < self.allowed(bound)
    }

    /// The most urgent parked lane for which there is room.
    pub(crate) fn wakeable(&self, gauge: GaugeId) -> Option<LaneKey> {
        let classes = self.gauge(gauge).parked.iter();
        classes
            .filter(|(max, _)| self.has_room(Bound { gauge, max: **max }))
            .filter_map(|(_, lanes)| lanes.first())
            .min()
            .copied()
    }

    /// The attributes, scope and way of counting of a group's gauge.
    pub fn dimension_of(&self, gauge: GaugeId) -> Option<&DimensionKey> {
        match &self.gauge(gauge).of {
            GaugeOf::Group { dimension, .. } => Some(&self.dimensions[*dimension as usize].key),
            GaugeOf::Bag | GaugeOf::Budget => None,
        }
    }

    /// Whether the gauge counts disturbed machines of a group.
    pub fn counts_disturbed(&self, gauge: GaugeId) -> bool {
        self.dimension_of(gauge).is_some_and(|key| key.counts == Counts::Disturbed)
    }

    /// What `limit` means for `machine`; nothing where the limit's scope leaves the machine out.
    pub fn bound(&self, limit: &Limit, machine: MachineId) -> Option<Bound> {
        self.dimension(limit)?.bound(limit, machine)
    }

    /// What a limit counts by, looked up once for many machines.
    pub(crate) fn dimension(&self, limit: &Limit) -> Option<&Dimension> {
        self.dimensions.get(*self.by_key.get(&key_of(limit))? as usize)
    }

    /// The gauges of groups that a machine stands on, and what each counts.
    pub(crate) fn groups_of(&self, machine: MachineId) -> impl Iterator<Item = (GaugeId, Counts)> + '_ {
        self.dimensions.iter().filter_map(move |dimension| {
            let gauge = dimension.of.get(machine.index()).copied().filter(|g| *g != GaugeId::NONE)?;
            Some((gauge, dimension.key.counts))
        })
    }

    /// Whether the two stand on one gauge of a group.
    pub fn stands_on(&self, machine: MachineId, gauge: GaugeId) -> bool {
        match &self.gauge(gauge).of {
            GaugeOf::Group { dimension, .. } => {
                self.dimensions[*dimension as usize].of.get(machine.index()) == Some(&gauge)
            }
            GaugeOf::Bag | GaugeOf::Budget => false,
        }
    }

    /// Adds a gauge that counts for one bag or one budget.
    pub(crate) fn add_own(&mut self, of: GaugeOf, whole: u32, cap: u32) -> GaugeId {
        self.add(Gauge { held: 0, at_work: 0, whole, cap, of, parked: BTreeMap::new() })
    }

    /// Gives back a bag's or budget's gauge that nothing stands on any more.
    pub(crate) fn drop_own(&mut self, id: GaugeId) {
        let gauge = self.gauge_mut(id);
        *gauge = Gauge { held: 0, at_work: 0, whole: 0, cap: 0, of: GaugeOf::Bag, parked: BTreeMap::new() };
        self.free.push(id);
    }

    fn add(&mut self, gauge: Gauge) -> GaugeId {
        if let Some(id) = self.free.pop() {
            self.gauges[id.index()] = gauge;
            return id;
        }
        let id = GaugeId(u32::try_from(self.gauges.len()).unwrap_or(u32::MAX - 1));
        self.gauges.push(gauge);
        id
    }

    /// Makes sure that what `limit` counts is counted from now on; machines held already are counted at once.
    pub(crate) fn ensure(&mut self, fleet: &Fleet, limit: &Limit) {
        let key = key_of(limit);
        if self.by_key.contains_key(&key) {
            return;
        }
        let number = u32::try_from(self.dimensions.len()).unwrap_or(u32::MAX);
        self.by_key.insert(key.clone(), number);
        self.dimensions.push(Dimension { key, groups: BTreeMap::new(), of: Vec::with_capacity(fleet.len()) });
        let probe = Probe::new(fleet, &self.dimensions[number as usize].key);
        let mut freed = Vec::new();
        for machine in 0..fleet.len() {
            let machine = MachineId(u32::try_from(machine).unwrap_or(u32::MAX));
            self.place(fleet, &probe, number, machine, &mut freed);
        }
    }

    /// Follows the fleet: machines joined, changed, left or returned.
    ///
    /// Gauges that may have gained room are added to `freed`.
    pub(crate) fn machines_changed(
        &mut self,
        fleet: &Fleet,
        machines: &[MachineId],
        freed: &mut Vec<GaugeId>,
    ) {
        if let Some(last) = machines.iter().max()
            && self.grips.len() <= last.index()
        {
            self.grips.resize(last.index() + 1, Grip::default());
        }
        for number in 0..self.dimensions.len() {
            let probe = Probe::new(fleet, &self.dimensions[number].key);
            for machine in machines {
                self.place(fleet, &probe, u32::try_from(number).unwrap_or(u32::MAX), *machine, freed);
            }
        }
    }

    /// Puts one machine on its gauge of one dimension and moves what it holds along.
    fn place(
        &mut self,
        fleet: &Fleet,
        probe: &Probe,
        dimension: u32,
        machine: MachineId,
        freed: &mut Vec<GaugeId>,
    ) {
        let is_present = fleet.is_present(machine);
        // Who has left while at work, or is there under another name, keeps its place until the work is answered.
        if !is_present && self.grip(machine).running {
            return;
        }
        let values = is_present.then(|| probe.values(fleet, machine)).flatten();
        let to = match values {
            None => GaugeId::NONE,
            Some(values) => match self.dimensions[dimension as usize].groups.get(&values) {
                Some(gauge) => *gauge,
                None => {
                    let of = GaugeOf::Group { dimension, values: values.clone() };
                    let gauge = self.add(Gauge {
                        held: 0,
                        at_work: 0,
                        whole: 0,
                        cap: 0,
                        of,
                        parked: BTreeMap::new(),
                    });
                    self.dimensions[dimension as usize].groups.insert(values, gauge);
                    gauge
                }
            },
        };
        let places = &mut self.dimensions[dimension as usize].of;
        if places.len() <= machine.index() {
            places.resize(machine.index() + 1, GaugeId::NONE);
        }
        let from = std::mem::replace(&mut places[machine.index()], to);
        if from == to {
            return;
        }
        let at_work = u32::from(
            self.grip(machine).running && self.dimensions[dimension as usize].key.counts == Counts::Disturbed,
        );
        let counted = match self.dimensions[dimension as usize].key.counts {
            Counts::Disturbed => self.grip(machine).disturbed,
            Counts::Running => self.grip(machine).running,
        };
        if from != GaugeId::NONE {
            let gauge = self.gauge_mut(from);
            gauge.whole -= 1;
            gauge.held -= u32::from(counted);
            gauge.at_work -= at_work;
            freed.push(from);
        }
        if to != GaugeId::NONE {
            let gauge = self.gauge_mut(to);
            gauge.whole += 1;
            gauge.held += u32::from(counted);
            gauge.at_work += at_work;
            freed.push(to);
        }
    }

    /// Counts the machine as (no longer) disturbed; the gauges that gained room are added to `freed`.
    pub(crate) fn set_disturbed(&mut self, machine: MachineId, now: Held, freed: &mut Vec<GaugeId>) {
        let held = now == Held::Yes;
        let grip = &mut self.grips[machine.index()];
        if grip.disturbed == held {
            return;
        }
        grip.disturbed = held;
        if held {
            self.disturbed.insert(machine);
        } else {
            self.disturbed.remove(&machine);
        }
        self.count(machine, Counts::Disturbed, now, freed);
    }

    pub(crate) fn set_running(&mut self, machine: MachineId, now: Held, freed: &mut Vec<GaugeId>) {
        let held = now == Held::Yes;
        let grip = &mut self.grips[machine.index()];
        if grip.running == held {
            return;
        }
        grip.running = held;
        self.count(machine, Counts::Running, now, freed);
        for dimension in &self.dimensions {
            let gauge = dimension.of.get(machine.index()).copied().filter(|g| *g != GaugeId::NONE);
            if let (Counts::Disturbed, Some(gauge)) = (dimension.key.counts, gauge) {
                let at_work = &mut self.gauges[gauge.index()].at_work;
                *at_work = if held { *at_work + 1 } else { *at_work - 1 };
            }
        }
    }

    /// Remembers whether the machine may be drained, whichever rollout did it.
    pub(crate) fn set_drained(&mut self, machine: MachineId, now: Held) {
        self.grips[machine.index()].drained = now == Held::Yes;
    }

    fn count(&mut self, machine: MachineId, counts: Counts, now: Held, freed: &mut Vec<GaugeId>) {
        for dimension in &self.dimensions {
            if dimension.key.counts != counts {
                continue;
            }
            let Some(gauge) = dimension.of.get(machine.index()).copied().filter(|g| *g != GaugeId::NONE)
            else {
                continue;
            };
            match now {
                Held::Yes => self.gauges[gauge.index()].held += 1,
                Held::No => {
                    self.gauges[gauge.index()].held -= 1;
                    freed.push(gauge);
                }
            }
        }
    }

    /// Counts one more or one fewer on a bag's or budget's gauge.
    pub(crate) fn count_own(&mut self, gauge: GaugeId, now: Held, freed: &mut Vec<GaugeId>) {
        match now {
            Held::Yes => self.gauge_mut(gauge).held += 1,
            Held::No => {
                self.gauge_mut(gauge).held -= 1;
                freed.push(gauge);
            }
        }
    }
}

/// Whether something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
}

fn key_of(limit: &Limit) -> DimensionKey {
    DimensionKey { per: limit.per.clone(), within: limit.within.clone(), counts: limit.counts }
}

/// The attributes of a dimension, looked up once for many machines.
struct Probe {
    per: Vec<Option<AttrId>>,
    within: Option<crate::fleet::Matcher>,
}

impl Probe {
    fn new(fleet: &Fleet, key: &DimensionKey) -> Self {
        Self {
            per: key.per.iter().map(|name| fleet.attr_id(name)).collect(),
            within: key.within.as_ref().map(|selector| selector.compile(fleet)),
        }
    }

    /// Machines without a value share a group: what is not known is bounded like one cluster, not set free.
    fn values(&self, fleet: &Fleet, machine: MachineId) -> Option<Vec<Option<Symbol>>> {
        if self.within.as_ref().is_some_and(|matcher| !matcher.matches(fleet, machine)) {
            return None;
        }
        Some(self.per.iter().map(|attr| attr.and_then(|attr| fleet.attr(machine, attr))).collect())
    }
}
