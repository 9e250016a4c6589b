//! The fleet as the fold of its events.
//!
//! Machines are numbered densely and never forgotten: one that leaves keeps its number and its facts, so that what
//! was done to it can still be told. Texts are kept once; see `docs/reference/inventory.md` for what a machine costs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::id::{AttrName, MachineId, MachineName};
use crate::time::Timestamp;

use super::attribute::{AttrId, AttrNames};
use super::change::ChangeLog;
use super::event::{Exemption, ExemptionId, FleetEvent};
use super::facts::{MachineFacts, SourceName};
use super::held::HeldBack;
use super::machine::{Addresses, Attr, Machine, Presence};
use super::natural::natural_cmp;
use super::ordered::Ordered;
use super::source::{LastRead, Sources};
use super::symbol::{Symbol, Symbols};

/// Every machine that was ever seen, where the facts come from, and which machines need not be in a bag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fleet {
    pub(super) symbols: Symbols,
    pub(super) attrs: AttrNames,
    pub(super) machines: Vec<Machine>,
    /// All machines in the natural order of their names.
    pub(super) by_name: Ordered,
    pub(super) by_address: AddressIndex,
    pub(super) present: usize,
    pub(super) sources: Sources,
    pub(super) held: HeldBack,
    pub(super) exemptions: BTreeMap<ExemptionId, Granted>,
    pub(super) next_exemption: u32,
    pub(super) changes: ChangeLog,
}

/// An exemption and when it was granted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Granted {
    pub terms: Exemption,
    pub at: Timestamp,
}

/// The addresses of the machines that are present.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AddressIndex {
    v4: BTreeSet<(Ipv4Addr, MachineId)>,
    v6: BTreeSet<(Ipv6Addr, MachineId)>,
}

impl Fleet {
    /// How many numbers were ever given; machines are numbered from zero to one below.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    pub fn present_count(&self) -> usize {
        self.present
    }

    /// The machine with a number that this fleet gave.
    ///
    /// # Panics
    /// If the fleet never gave that number.
    pub fn machine(&self, id: MachineId) -> &Machine {
        &self.machines[id.index()]
    }

    pub fn get(&self, id: MachineId) -> Option<&Machine> {
        self.machines.get(id.index())
    }

    pub fn is_present(&self, id: MachineId) -> bool {
        self.get(id).is_some_and(Machine::is_present)
    }

    /// The machine with exactly this name, present or not.
    pub fn find(&self, name: &str) -> Option<MachineId> {
        self.by_name.find(|entry| natural_cmp(&self.machines[entry as usize].name, name)).map(MachineId)
    }

    /// The machines that are present and have this address: none or one, unless the inventory contradicts itself.
    pub fn find_address(&self, address: IpAddr) -> Vec<MachineId> {
        self.by_address.find(address)
    }

    /// Every machine, present or not, in the natural order of the names.
    pub fn in_name_order(&self) -> impl Iterator<Item = MachineId> + '_ {
        self.by_name.iter().map(MachineId)
    }

    pub fn attr(&self, id: MachineId, attr: AttrId) -> Option<Symbol> {
        self.get(id)?.attr(attr)
    }

    pub fn attr_id(&self, name: &AttrName) -> Option<AttrId> {
        self.attrs.id(name.as_str())
    }

    pub fn attr_name(&self, id: AttrId) -> Option<&AttrName> {
        self.attrs.name(id)
    }

    /// Every attribute name that ever occurred, the well-known ones first.
    pub fn attr_names(&self) -> impl Iterator<Item = &AttrName> {
        self.attrs.iter()
    }

    pub fn attr_text(&self, id: MachineId, name: &AttrName) -> Option<&str> {
        self.attr(id, self.attr_id(name)?).map(|symbol| self.text(symbol))
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.text(symbol)
    }

    pub fn symbol(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text)
    }

    /// The facts as they were journaled last.
    pub fn facts(&self, id: MachineId) -> Option<MachineFacts> {
        let machine = self.get(id)?;
        let mut facts = MachineFacts::named(MachineName::new(machine.name()).ok()?);
        facts.addresses = machine.addresses().to_vec();
        facts.host_key = machine.host_key().map(str::to_owned);
        facts.sources = self.sources.list(machine.sources).to_vec();
        facts.addresses_from = machine.addresses_from;
        facts.host_key_from = machine.host_key_from;
        let mut attrs: BTreeMap<&AttrName, &Attr> = BTreeMap::new();
        attrs.extend(machine.attrs.iter().filter_map(|attr| Some((self.attrs.name(attr.id)?, attr))));
        if attrs.values().any(|attr| attr.from > 0) {
            facts.origin = attrs.values().map(|attr| attr.from).collect();
        }
        let text = |attr: &Attr| self.text(attr.value).to_owned();
        facts.attrs = attrs.into_iter().map(|(name, attr)| (name.clone(), text(attr))).collect();
        Some(facts)
    }

    /// The sources that hold a machine, the strongest first.
    pub fn sources_of(&self, id: MachineId) -> &[SourceName] {
        self.get(id).map_or(&[], |machine| self.sources.list(machine.sources))
    }

    /// The sources that are read, with their last reading.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, LastRead)> {
        self.sources.all()
    }

    /// When a source last said that the machine exists: how old what is known about it is.
    pub fn confirmed_at(&self, id: MachineId) -> Option<Timestamp> {
        self.sources_of(id)
            .iter()
            .filter_map(|source| self.sources.last_read(source))
            .map(|last| last.at)
            .max()
    }

    pub fn exemptions(&self) -> impl Iterator<Item = (ExemptionId, &Granted)> {
        self.exemptions.iter().map(|(id, granted)| (*id, granted))
    }

    /// Where `changed_since` goes on from now.
    pub fn cursor(&self) -> u64 {
        self.changes.end()
    }

    /// Each machine that joined, changed, left or returned since the cursor was taken, once.
    ///
    /// A cursor that is too old for what is remembered gives every machine: looking too often is harmless.
    pub fn changed_since(&self, cursor: u64) -> impl Iterator<Item = MachineId> + '_ {
        let recent = self.changes.since(cursor);
        let all = if recent.is_some() { 0 } else { self.machines.len() };
        // Only the newest entry of a machine counts, so nobody has to remember which ones were seen.
        let newest = |(position, id): &(u64, MachineId)| {
            self.get(*id).is_some_and(|machine| machine.change == *position)
        };
        recent.into_iter().flatten().filter(newest).map(|(_, id)| id).chain((0u32..).take(all).map(MachineId))
    }

    /// Folds one event. Total: what no decision ever wrote is ignored, never a panic.
    pub fn evolve(&mut self, event: &FleetEvent, at: Timestamp) {
        match event {
            FleetEvent::MachinesJoined { machines } => {
                for facts in machines {
                    self.join(facts, at);
                }
            }
            FleetEvent::MachinesChanged { machines } | FleetEvent::MachinesReturned { machines } => {
                for known in machines {
                    self.learn(known.id, &known.facts, at);
                }
            }
            FleetEvent::MachinesLeft { machines } => {
                for id in machines {
                    self.leave(*id, at);
                }
            }
            FleetEvent::SourceRead { source, machines } => {
                self.sources.was_read(source, LastRead { at, machines: *machines });
                self.held.taken(source);
            }
            FleetEvent::SourceDropped { source } => {
                self.sources.drop(source);
                self.held.taken(source);
            }
            FleetEvent::SourcesShrank { sources } => {
                let told = self.to_be_told(event, at);
                self.held.shrank(sources, &told, at);
            }
            FleetEvent::SourceConfirmed { source, reason, lost: _ } => self.held.confirmed(source, reason),
            FleetEvent::ExemptionGranted { exemption, terms } => {
                self.next_exemption = self.next_exemption.max(exemption.0.saturating_add(1));
                self.exemptions.insert(*exemption, Granted { terms: terms.clone(), at });
            }
            FleetEvent::ExemptionEnded { exemption, reason: _ } => {
                self.exemptions.remove(exemption);
            }
        }
    }

    fn join(&mut self, facts: &MachineFacts, at: Timestamp) {
        if let Some(known) = self.find(facts.name.as_str()) {
            return self.learn(known, facts, at);
        }
        let Ok(number) = u32::try_from(self.machines.len()) else { return };
        let mut machine = self.machine_of(facts, at);
        machine.change = self.changes.push(MachineId(number), self.machines.len() + 1);
        let machines = &self.machines;
        self.by_name.insert(number, |entry| natural_cmp(&machines[entry as usize].name, facts.name.as_str()));
        self.by_address.insert(machine.addresses(), MachineId(number));
        self.machines.push(machine);
        self.present += 1;
    }

    fn learn(&mut self, id: MachineId, facts: &MachineFacts, at: Timestamp) {
        let Some(old) = self.machines.get(id.index()) else { return };
        let (seen_at, name) = (old.seen_at, old.name.clone());
        if old.is_present() {
            self.by_address.remove(old.addresses(), id);
        } else {
            self.present += 1;
        }
        let mut machine = self.machine_of(facts, at);
        machine.seen_at = seen_at;
        machine.name = name;
        machine.change = self.changes.push(id, self.machines.len());
        self.by_address.insert(machine.addresses(), id);
        self.machines[id.index()] = machine;
    }

    fn leave(&mut self, id: MachineId, at: Timestamp) {
        let count = self.machines.len();
        let Some(machine) = self.machines.get_mut(id.index()).filter(|machine| machine.is_present()) else {
            return;
        };
        machine.presence = Presence::Left;
        machine.changed_at = at;
        self.by_address.remove(machine.addresses(), id);
        self.present -= 1;
        machine.change = self.changes.push(id, count);
    }

    fn machine_of(&mut self, facts: &MachineFacts, at: Timestamp) -> Machine {
        let mut attrs: Vec<Attr> = Vec::with_capacity(facts.attrs.len());
        for (name, value, from) in facts.attrs_from() {
            let Some(id) = self.attrs.intern(name) else { continue };
            attrs.push(Attr { value: self.symbols.intern(value), id, from });
        }
        attrs.sort_unstable_by_key(|attr| attr.id);
        Machine {
            name: facts.name.as_str().into(),
            addresses: Addresses::new(&facts.addresses),
            attrs: attrs.into(),
            host_key: facts.host_key.as_deref().map(Into::into),
            seen_at: at,
            changed_at: at,
            change: 0,
            sources: self.sources.intern(&facts.sources),
            addresses_from: facts.addresses_from,
            host_key_from: facts.host_key_from,
            presence: Presence::Present,
        }
    }
}

impl AddressIndex {
    pub(super) fn insert(&mut self, addresses: &[IpAddr], id: MachineId) {
        for address in addresses {
            match address {
                IpAddr::V4(v4) => self.v4.insert((*v4, id)),
                IpAddr::V6(v6) => self.v6.insert((*v6, id)),
            };
        }
    }

    fn remove(&mut self, addresses: &[IpAddr], id: MachineId) {
        for address in addresses {
            match address {
                IpAddr::V4(v4) => self.v4.remove(&(*v4, id)),
                IpAddr::V6(v6) => self.v6.remove(&(*v6, id)),
            };
        }
    }

    fn find(&self, address: IpAddr) -> Vec<MachineId> {
        let (low, high) = (MachineId(0), MachineId(u32::MAX));
        match address {
            IpAddr::V4(v4) => self.v4.range((v4, low)..=(v4, high)).map(|(_, id)| *id).collect(),
            IpAddr::V6(v6) => self.v6.range((v6, low)..=(v6, high)).map(|(_, id)| *id).collect(),
        }
    }
}
