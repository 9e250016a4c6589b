//! What all sources say at one moment, merged: the input of the comparison with what is known.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::id::MachineName;

use super::facts::{MachineFacts, SourceName};
use super::natural::natural_cmp;

/// Every machine once, in natural order, and how many machines each source held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    counts: BTreeMap<SourceName, u32>,
    machines: Vec<MachineFacts>,
    warnings: Vec<MergeWarning>,
}

/// Something in the sources that a person should look at; the reading can be used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeWarning {
    /// Machines with one address: a connection may reach the wrong one.
    AddressShared { address: IpAddr, machines: Vec<MachineName> },
    /// Two sources know different host keys; the stronger one is believed.
    HostKeysDiffer { machine: MachineName, believed: SourceName, other: SourceName },
    /// No pattern fits these names, so nothing could be read out of them.
    NoPattern { machines: Vec<MachineName> },
    /// The table of zones has no region for this zone.
    ZoneUnknown { zone: String, machines: Vec<MachineName> },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected each machine once in a reading, found {machine} twice")]
pub struct MachineTwice {
    pub machine: MachineName,
}

impl Reading {
    /// A reading that was not made by `merge`. Machines come in any order.
    pub fn new(
        counts: BTreeMap<SourceName, u32>,
        machines: Vec<MachineFacts>,
    ) -> Result<Reading, MachineTwice> {
        let reading = Self::of_distinct(counts, machines, Vec::new());
        match reading.machines.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(MachineTwice { machine: pair[0].name.clone() }),
            None => Ok(reading),
        }
    }

    pub(super) fn of_distinct(
        counts: BTreeMap<SourceName, u32>,
        mut machines: Vec<MachineFacts>,
        warnings: Vec<MergeWarning>,
    ) -> Reading {
        machines.sort_by(|a, b| natural_cmp(a.name.as_str(), b.name.as_str()));
        Reading { counts, machines, warnings }
    }

    /// How many machines each source held.
    pub fn counts(&self) -> &BTreeMap<SourceName, u32> {
        &self.counts
    }

    pub fn machines(&self) -> &[MachineFacts] {
        &self.machines
    }

    pub fn into_machines(self) -> Vec<MachineFacts> {
        self.machines
    }

    pub(super) fn into_parts(self) -> (BTreeMap<SourceName, u32>, Vec<MachineFacts>) {
        (self.counts, self.machines)
    }

    pub fn warnings(&self) -> &[MergeWarning] {
        &self.warnings
    }
}

/// Names shown in one line before the rest is counted.
const SHOWN: usize = 3;

pub(super) fn some_of<T: fmt::Display>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(T::to_string).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl fmt::Display for MergeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MergeWarning::AddressShared { address, machines } => {
                write!(f, "expected one machine at {address}, found {}", some_of(machines))
            }
            MergeWarning::HostKeysDiffer { machine, believed, other } => {
                write!(
                    f,
                    "expected one host key for {machine}, found two: {believed} is believed, not {other}"
                )
            }
            MergeWarning::NoPattern { machines } => {
                write!(f, "expected a pattern for every name, found none for {}", some_of(machines))
            }
            MergeWarning::ZoneUnknown { zone, machines } => {
                write!(f, "expected a region for zone {zone}, found none, needed for {}", some_of(machines))
            }
        }
    }
}
