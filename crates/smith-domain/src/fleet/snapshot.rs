//! How a fleet is written into a snapshot: what cannot be computed again, and the order of names, which could be but
//! takes seconds for a million machines.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{AttrName, MachineId};

use super::attribute::AttrNames;
use super::change::ChangeLog;
use super::event::ExemptionId;
use super::held::HeldBack;
use super::machine::Machine;
use super::natural::natural_cmp;
use super::ordered::Ordered;
use super::source::Sources;
use super::state::{AddressIndex, Fleet, Granted};
use super::symbol::Symbols;

#[derive(Serialize, Deserialize)]
struct Snapshot<'a> {
    symbols: Cow<'a, Symbols>,
    attrs: Vec<AttrName>,
    machines: Cow<'a, [Machine]>,
    by_name: Vec<u32>,
    sources: Cow<'a, Sources>,
    held: Cow<'a, HeldBack>,
    exemptions: Cow<'a, BTreeMap<ExemptionId, Granted>>,
    next_exemption: u32,
    changes: Cow<'a, ChangeLog>,
}

impl Serialize for Fleet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let snapshot = Snapshot {
            symbols: Cow::Borrowed(&self.symbols),
            attrs: self.attrs.iter().cloned().collect(),
            machines: Cow::Borrowed(&self.machines),
            by_name: self.by_name.iter().collect(),
            sources: Cow::Borrowed(&self.sources),
            held: Cow::Borrowed(&self.held),
            exemptions: Cow::Borrowed(&self.exemptions),
            next_exemption: self.next_exemption,
            changes: Cow::Borrowed(&self.changes),
        };
        snapshot.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fleet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let snapshot = Snapshot::deserialize(deserializer)?;
        let machines = snapshot.machines.into_owned();
        check_order(&machines, &snapshot.by_name).map_err(D::Error::custom)?;
        let mut by_address = AddressIndex::default();
        for (id, machine) in
            (0u32..).map(MachineId).zip(&machines).filter(|(_, machine)| machine.is_present())
        {
            by_address.insert(machine.addresses(), id);
        }
        Ok(Fleet {
            symbols: snapshot.symbols.into_owned(),
            attrs: AttrNames::from_names(snapshot.attrs),
            present: machines.iter().filter(|machine| machine.is_present()).count(),
            by_name: Ordered::from_sorted(&snapshot.by_name),
            by_address,
            machines,
            sources: snapshot.sources.into_owned(),
            held: snapshot.held.into_owned(),
            exemptions: snapshot.exemptions.into_owned(),
            next_exemption: snapshot.next_exemption,
            changes: snapshot.changes.into_owned(),
        })
    }
}

/// Every machine once and in order: a wrong order would make names unfindable without any other sign.
fn check_order(machines: &[Machine], order: &[u32]) -> Result<(), &'static str> {
    if order.len() != machines.len() {
        return Err("the order of names has another length than the list of machines");
    }
    let name = |entry: u32| machines.get(entry as usize).map(Machine::name);
    for pair in order.windows(2) {
        let (Some(first), Some(second)) = (name(pair[0]), name(pair[1])) else {
            return Err("the order of names holds a number that no machine has");
        };
        if natural_cmp(first, second).is_ge() {
            return Err("the order of names is not their natural order");
        }
    }
    match order {
        [only] if name(*only).is_none() => Err("the order of names holds a number that no machine has"),
        _ => Ok(()),
    }
}
