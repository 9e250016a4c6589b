//! What can happen to a change and its tasks.

use serde::{Deserialize, Serialize};

use crate::change::train::TrainForm;
use crate::id::{ChangeId, RolloutId, TaskId, TrainId};
use crate::pipeline::ChangeRule;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeEvent {
    /// A change is to be raised at the desk.
    Drafted {
        change: ChangeId,
        subject: Subject,
        title: String,
        by: String,
        rule: ChangeRule,
        tasks: Vec<String>,
    },
    /// The desk took it under this number; its tasks have these numbers, in the order of the draft.
    Raised {
        change: ChangeId,
        number: String,
        tasks: Vec<String>,
    },
    /// The desk did not take it.
    Refused {
        change: ChangeId,
        reason: String,
    },
    Approved {
        change: ChangeId,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Rejected {
        change: ChangeId,
        by: String,
        reason: String,
    },
    /// An approval was taken back.
    Revoked {
        change: ChangeId,
        by: String,
        reason: String,
    },
    /// Work under the change begins.
    Begun {
        change: ChangeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    TaskMoved {
        task: TaskId,
        to: TaskMove,
    },
    Closed {
        change: ChangeId,
        how: Closing,
        evidence: Evidence,
    },
    Cancelled {
        change: ChangeId,
        reason: String,
    },
    TrainRaised {
        train: TrainId,
        form: Box<TrainForm>,
        by: String,
        /// The channel that is switched under it; `prod` where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// What a change is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Step { rollout: RolloutId, step: u16 },
    Train { train: TrainId, region: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskMove {
    Begin,
    /// Every machine of the bag was dealt with.
    Complete,
    /// Some machines of the bag failed, are lost or were left out.
    CompleteWithFailures,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    Successful,
    /// Done, with failures that the budget accepted.
    WithFailures,
    Unsuccessful,
}

/// What a change is closed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub summary: String,
    /// Where the tests that were made can be looked at.
    #[serde(default)]
    pub test_url: Option<String>,
    #[serde(default)]
    pub test_passed: Option<bool>,
}

impl ChangeEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            ChangeEvent::Drafted { .. } => "change.drafted",
            ChangeEvent::Raised { .. } => "change.raised",
            ChangeEvent::Refused { .. } => "change.refused",
            ChangeEvent::Approved { .. } => "change.approved",
            ChangeEvent::Rejected { .. } => "change.rejected",
            ChangeEvent::Revoked { .. } => "change.revoked",
            ChangeEvent::Begun { .. } => "change.begun",
            ChangeEvent::TaskMoved { .. } => "change.task-moved",
            ChangeEvent::Closed { .. } => "change.closed",
            ChangeEvent::Cancelled { .. } => "change.cancelled",
            ChangeEvent::TrainRaised { .. } => "change.train-raised",
        }
    }
}
