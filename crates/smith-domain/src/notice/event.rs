//! What is told, and what about.

use serde::{Deserialize, Serialize};

use crate::cycle::Link;
use crate::fleet::SourceName;
use crate::id::{ChangeId, CycleId, NoticeId, RolloutId};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    Posted {
        notice: NoticeId,
        about: About,
        /// One line, with the names and numbers in it.
        text: String,
    },
}

/// What a notice is about. Whoever chooses what to be told chooses by [`About::word`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// A change waits for people to approve it, for the first time or again.
    ChangeWaits {
        change: ChangeId,
    },
    /// Everything else that a step waits for has come; people must say yes.
    GateWaits {
        rollout: RolloutId,
        step: u16,
        gate: u16,
    },
    Halted {
        rollout: RolloutId,
        step: u16,
    },
    /// Every machine of a step that waits is held up by machines that failed or are lost.
    HeldUp {
        rollout: RolloutId,
        step: u16,
    },
    RolloutStarted {
        rollout: RolloutId,
    },
    RolloutEnded {
        rollout: RolloutId,
    },
    /// Everything else that a cycle's channel waits for has come; people must say yes.
    CycleGateWaits {
        cycle: CycleId,
        gate: u16,
    },
    LinkFailed {
        cycle: CycleId,
        link: Link,
    },
    CycleEnded {
        cycle: CycleId,
    },
    ScheduleMissed {
        schedule: String,
        due: Timestamp,
    },
    /// The clock of the controller is not where the time that has passed is, and nobody has accepted it.
    ClockDiffers,
    /// A source of the inventory lost more machines than it may: its readings are not taken.
    SourceShrank {
        source: SourceName,
    },
}

impl About {
    /// The kind of notice, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            About::ChangeWaits { .. } => "change-waits",
            About::GateWaits { .. } => "gate-waits",
            About::Halted { .. } => "halted",
            About::HeldUp { .. } => "held-up",
            About::RolloutStarted { .. } => "rollout-started",
            About::RolloutEnded { .. } => "rollout-ended",
            About::CycleGateWaits { .. } => "cycle-gate-waits",
            About::LinkFailed { .. } => "link-failed",
            About::CycleEnded { .. } => "cycle-ended",
            About::ScheduleMissed { .. } => "schedule-missed",
            About::ClockDiffers => "clock-differs",
            About::SourceShrank { .. } => "source-shrank",
        }
    }

    /// The rollout that it is about.
    pub fn rollout(&self) -> Option<RolloutId> {
        match self {
            About::ChangeWaits { .. }
            | About::CycleGateWaits { .. }
            | About::LinkFailed { .. }
            | About::CycleEnded { .. }
            | About::ScheduleMissed { .. }
            | About::ClockDiffers
            | About::SourceShrank { .. } => None,
            About::GateWaits { rollout, .. }
            | About::Halted { rollout, .. }
            | About::HeldUp { rollout, .. }
            | About::RolloutStarted { rollout }
            | About::RolloutEnded { rollout } => Some(*rollout),
        }
    }
}

impl NoticeEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            NoticeEvent::Posted { .. } => "notice.posted",
        }
    }
}
