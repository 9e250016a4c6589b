//! Tickets as the journal knows them; the tracker outside holds copies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{BuildNumber, PipelineName, RolloutId, TicketId};
use crate::ticket::event::TicketEvent;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    /// The tracker's number.
    pub number: Option<String>,
    pub kind: TicketKind,
    pub title: String,
    pub parent: Option<TicketId>,
    pub state: TicketState,
    pub comments: Vec<(Timestamp, String)>,
    pub drafted_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketKind {
    /// `BUILD #725 : Tracking Patching for Worldwide Rollout`
    Epic {
        build: BuildNumber,
    },
    Step {
        rollout: RolloutId,
        step: u16,
        pipeline: PipelineName,
        build: BuildNumber,
    },
}

impl TicketKind {
    /// The epic of a build, with its title.
    pub(crate) fn epic(build: BuildNumber) -> (Self, String) {
        let title = format!("BUILD #{build} : Tracking Patching for Worldwide Rollout");
        (TicketKind::Epic { build }, title)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketState {
    Open,
    Closed { reason: String, replaced_by: Option<TicketId> },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tickets {
    tickets: Vec<Ticket>,
    epics: BTreeMap<BuildNumber, TicketId>,
}

impl Tickets {
    pub fn get(&self, id: TicketId) -> Option<&Ticket> {
        self.tickets.get(id.index())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Ticket> + '_ {
        self.tickets.iter()
    }

    pub fn next_id(&self) -> TicketId {
        TicketId(u32::try_from(self.tickets.len()).unwrap_or(u32::MAX))
    }

    pub fn epic(&self, build: BuildNumber) -> Option<TicketId> {
        self.epics.get(&build).copied()
    }

    /// The newest ticket for the same step of the same pipeline and build: a re-run closes it, or says in what was
    /// closed already which ticket takes its place.
    pub fn newest_for_step(&self, pipeline: &PipelineName, build: BuildNumber, step: u16) -> Option<&Ticket> {
        self.tickets.iter().rev().find(|ticket| {
            matches!(&ticket.kind, TicketKind::Step { pipeline: p, build: b, step: s, .. }
                if p == pipeline && *b == build && *s == step)
        })
    }

    pub(crate) fn evolve(&mut self, event: &TicketEvent, at: Timestamp) {
        if let TicketEvent::Drafted { ticket, kind, title, parent } = event {
            if let TicketKind::Epic { build } = kind {
                self.epics.insert(*build, *ticket);
            }
            self.tickets.push(Ticket {
                id: *ticket,
                number: None,
                kind: kind.clone(),
                title: title.clone(),
                parent: *parent,
                state: TicketState::Open,
                comments: Vec::new(),
                drafted_at: at,
            });
            return;
        }
        let Some(ticket) = self.tickets.get_mut(event.ticket().index()) else { return };
        match event {
            TicketEvent::Drafted { .. } => {}
            TicketEvent::Raised { number, .. } => ticket.number = Some(number.clone()),
            TicketEvent::Commented { text, .. } => ticket.comments.push((at, text.clone())),
            TicketEvent::Closed { reason, replaced_by, .. } => {
                ticket.state = TicketState::Closed { reason: reason.clone(), replaced_by: *replaced_by };
            }
        }
    }
}
