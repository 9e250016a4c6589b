//! What can happen to an errand.

use serde::{Deserialize, Serialize};

use crate::change::TaskMove;
use crate::cycle::Link;
use crate::id::{BuildNumber, ChangeId, CycleId, NoticeId, RolloutId, TaskId, TicketId};

/// An errand, numbered in the order in which errands came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrandId(pub u32);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrandEvent {
    /// Written before the outside service is asked.
    Asked {
        errand: ErrandId,
        attempt: u32,
    },
    Reported {
        errand: ErrandId,
        outcome: ErrandOutcome,
    },
}

/// What is to be done outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrandKind {
    RaiseChange(ChangeId),
    BeginChange(ChangeId),
    MoveTask(TaskId, TaskMove),
    CloseChange(ChangeId),
    RaiseTicket(TicketId),
    /// The comment with this place in the ticket's list.
    CommentTicket(TicketId, u32),
    CloseTicket(TicketId),
    /// A person is called because a step cannot go on by itself.
    Call(RolloutId, u16),
    /// Whoever wants to know is told.
    Notify(NoticeId),
    /// A link of a cycle: a build to be made or sent, a channel to be switched, a rollout to be started.
    Link(CycleId, Link),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrandOutcome {
    /// A change or ticket was raised under this number; a change's tasks have these.
    Raised {
        number: String,
        tasks: Vec<String>,
    },
    Done,
    /// Done, with something to say about it.
    Told {
        note: String,
    },
    /// The build was made under this number, and is known as verified.
    Built {
        build: BuildNumber,
        note: String,
    },
    /// The service will not do it, however often it is asked.
    Refused {
        reason: String,
    },
    /// It did not work this time, or no answer came.
    Failed {
        reason: String,
    },
}

impl ErrandEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            ErrandEvent::Asked { .. } => "errand.asked",
            ErrandEvent::Reported { .. } => "errand.reported",
        }
    }
}
