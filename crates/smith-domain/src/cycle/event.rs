//! What can happen to a cycle.

use serde::{Deserialize, Serialize};

use crate::cycle::model::{Link, WeekPlan};
use crate::id::{BuildNumber, CycleId, TrainId};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CycleEvent {
    Started {
        cycle: CycleId,
        plan: Box<WeekPlan>,
        by: String,
        /// When the schedule wanted it, if it was a schedule.
        due: Option<Timestamp>,
        /// The build that it is for, if that was made already.
        build: Option<BuildNumber>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    BuildMade {
        cycle: CycleId,
        build: BuildNumber,
    },
    LinkBegun {
        cycle: CycleId,
        link: Link,
    },
    LinkDone {
        cycle: CycleId,
        link: Link,
        note: String,
    },
    LinkFailed {
        cycle: CycleId,
        link: Link,
        reason: String,
    },
    LinkRerun {
        cycle: CycleId,
        link: Link,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    LinkSkipped {
        cycle: CycleId,
        link: Link,
        reason: String,
    },
    GateOpened {
        cycle: CycleId,
        gate: u16,
    },
    GateApproved {
        cycle: CycleId,
        gate: u16,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Its changes are those of this train.
    TrainRaised {
        cycle: CycleId,
        train: TrainId,
    },
    Ended {
        cycle: CycleId,
    },
    Stopped {
        cycle: CycleId,
        reason: String,
    },
    /// Nobody drove when the schedule wanted a cycle, and it is too late to start it now.
    Missed {
        schedule: String,
        due: Timestamp,
    },
}

impl CycleEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            CycleEvent::Started { .. } => "cycle.started",
            CycleEvent::BuildMade { .. } => "cycle.build-made",
            CycleEvent::LinkBegun { .. } => "cycle.link-begun",
            CycleEvent::LinkDone { .. } => "cycle.link-done",
            CycleEvent::LinkFailed { .. } => "cycle.link-failed",
            CycleEvent::LinkRerun { .. } => "cycle.link-rerun",
            CycleEvent::LinkSkipped { .. } => "cycle.link-skipped",
            CycleEvent::GateOpened { .. } => "cycle.gate-opened",
            CycleEvent::GateApproved { .. } => "cycle.gate-approved",
            CycleEvent::TrainRaised { .. } => "cycle.train-raised",
            CycleEvent::Ended { .. } => "cycle.ended",
            CycleEvent::Stopped { .. } => "cycle.stopped",
            CycleEvent::Missed { .. } => "schedule.missed",
        }
    }

    /// The cycle that it happened to; one that was missed is none.
    pub fn cycle(&self) -> Option<CycleId> {
        match self {
            CycleEvent::Missed { .. } => None,
            CycleEvent::Started { cycle, .. }
            | CycleEvent::BuildMade { cycle, .. }
            | CycleEvent::LinkBegun { cycle, .. }
            | CycleEvent::LinkDone { cycle, .. }
            | CycleEvent::LinkFailed { cycle, .. }
            | CycleEvent::LinkRerun { cycle, .. }
            | CycleEvent::LinkSkipped { cycle, .. }
            | CycleEvent::GateOpened { cycle, .. }
            | CycleEvent::GateApproved { cycle, .. }
            | CycleEvent::TrainRaised { cycle, .. }
            | CycleEvent::Ended { cycle }
            | CycleEvent::Stopped { cycle, .. } => Some(*cycle),
        }
    }
}
