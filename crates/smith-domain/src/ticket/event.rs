//! What can happen to a ticket.

use serde::{Deserialize, Serialize};

use crate::id::TicketId;
use crate::ticket::state::TicketKind;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketEvent {
    /// A ticket is to be raised in the tracker.
    Drafted {
        ticket: TicketId,
        kind: TicketKind,
        title: String,
        parent: Option<TicketId>,
    },
    /// The tracker took it under this number.
    Raised {
        ticket: TicketId,
        number: String,
    },
    Commented {
        ticket: TicketId,
        text: String,
    },
    /// It is closed; on a re-run the ticket that takes its place is named.
    Closed {
        ticket: TicketId,
        reason: String,
        replaced_by: Option<TicketId>,
    },
}

impl TicketEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            TicketEvent::Drafted { .. } => "ticket.drafted",
            TicketEvent::Raised { .. } => "ticket.raised",
            TicketEvent::Commented { .. } => "ticket.commented",
            TicketEvent::Closed { .. } => "ticket.closed",
        }
    }

    pub fn ticket(&self) -> TicketId {
        match self {
            TicketEvent::Drafted { ticket, .. }
            | TicketEvent::Raised { ticket, .. }
            | TicketEvent::Commented { ticket, .. }
            | TicketEvent::Closed { ticket, .. } => *ticket,
        }
    }
}
