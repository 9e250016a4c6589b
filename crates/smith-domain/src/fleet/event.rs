//! What happens to a fleet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::MachineId;
use crate::time::Timestamp;

use super::facts::{MachineFacts, SourceName};
use super::selector::Selector;

/// Machines in one event. A thousand with their labels are half a megabyte of JSON, which a journal takes well.
pub const CHUNK: usize = 1000;

/// Lost machines that are remembered one by one: what a person may look through. A fleet that lost more lost a source.
pub const LOST_NAMED: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FleetEvent {
    /// Machines were seen for the first time. They get the next numbers, in this order.
    MachinesJoined {
        machines: Vec<MachineFacts>,
    },
    /// Other facts hold about machines that are present.
    MachinesChanged {
        machines: Vec<KnownMachine>,
    },
    /// No source holds these machines any more.
    MachinesLeft {
        machines: Vec<MachineId>,
    },
    /// Machines that had left are held by a source again, and keep their numbers.
    MachinesReturned {
        machines: Vec<KnownMachine>,
    },
    /// A source was read in full, at the time of the event.
    SourceRead {
        source: SourceName,
        machines: u32,
    },
    /// A source is not read any more; somebody confirmed that.
    SourceDropped {
        source: SourceName,
    },
    /// These sources lost more machines than they may, and no others: the fleet stays as it was. None: all are whole again.
    SourcesShrank {
        sources: Vec<ShrunkSource>,
    },
    /// Somebody says that the machines which a source lost are really gone.
    SourceConfirmed {
        source: SourceName,
        reason: String,
        /// Which machines that was said of; empty in old journals, where it was not asked.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        lost: String,
    },
    /// Machines need not be in any bag for a while.
    ExemptionGranted {
        exemption: ExemptionId,
        terms: Exemption,
    },
    ExemptionEnded {
        exemption: ExemptionId,
        reason: String,
    },
}

/// A source that lost more than it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrunkSource {
    pub source: SourceName,
    /// Machines at the last reading that was taken.
    pub was: u32,
    /// Machines now; `None` where the source was not read at all.
    pub is: Option<u32>,
    /// Machines that it held and does not hold now.
    pub lost: u32,
    /// The first of them in the order of their names, at most [`LOST_NAMED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineId>,
    /// Of the names of all of them; empty in old journals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

/// The facts that now hold about a machine that has a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownMachine {
    pub id: MachineId,
    pub facts: MachineFacts,
}

/// An exemption, numbered in the order in which they were granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExemptionId(pub u32);

/// Which machines need not be in a bag, why, who answers for it and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemption {
    pub select: Selector,
    pub reason: String,
    pub owner: String,
    pub until: Timestamp,
}

impl fmt::Display for ExemptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exemption-{}", self.0)
    }
}

impl FleetEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            FleetEvent::MachinesJoined { .. } => "fleet.machines-joined",
            FleetEvent::MachinesChanged { .. } => "fleet.machines-changed",
            FleetEvent::MachinesLeft { .. } => "fleet.machines-left",
            FleetEvent::MachinesReturned { .. } => "fleet.machines-returned",
            FleetEvent::SourceRead { .. } => "fleet.source-read",
            FleetEvent::SourceDropped { .. } => "fleet.source-dropped",
            FleetEvent::SourcesShrank { .. } => "fleet.sources-shrank",
            FleetEvent::SourceConfirmed { .. } => "fleet.source-confirmed",
            FleetEvent::ExemptionGranted { .. } => "fleet.exemption-granted",
            FleetEvent::ExemptionEnded { .. } => "fleet.exemption-ended",
        }
    }
}
