//! How one event changes the state. Total: an event that was accepted once is never refused.

use crate::change::{ChangeEvent, Subject};
use crate::cycle;
use crate::errand::{ErrandEvent, ErrandKind};
use crate::event::{DriverEvent, Event};
use crate::fleet::FleetEvent;
use crate::id::ChangeId;
use crate::notice::{self, About, NoticeEvent};
use crate::rollout;
use crate::rollout::{Call, RolloutEvent};
use crate::state::State;
use crate::ticket::TicketEvent;
use crate::time::Timestamp;

impl State {
    /// Follows one event that happened at this steady time.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.at = self.at.max(at);
        match event {
            Event::Fleet(event) => self.fleet_event(event, at),
            Event::Build(event) => self.builds.evolve(event, at),
            Event::Rollout(event) => {
                rollout::evolve(self, event, at);
                if let RolloutEvent::Called { rollout, step, why: Call::Halted | Call::HeldUp { .. } } = event
                {
                    self.errands.add(ErrandKind::Call(*rollout, *step), at);
                }
                notice::rollout_moved(self, event);
            }
            Event::Change(event) => self.change_event(event, at),
            Event::Ticket(event) => self.ticket_event(event, at),
            Event::Errand(event) => self.errand_event(event, at),
            Event::Access(event) => self.access.evolve(event, at),
            Event::Notice(event) => {
                self.notices.evolve(event, at);
                let NoticeEvent::Posted { notice, .. } = event;
                self.errands.add(ErrandKind::Notify(*notice), at);
            }
            Event::Cycle(event) => cycle::evolve(self, event, at),
            Event::Driver(event) => self.driver_event(event),
        }
    }

    fn fleet_event(&mut self, event: &FleetEvent, at: Timestamp) {
        let cursor = self.fleet.cursor();
        for source in self.fleet.to_be_told(event, at) {
            self.notices.want(About::SourceShrank { source });
        }
        self.fleet.evolve(event, at);
        let touched: Vec<_> = self.fleet.changed_since(cursor).collect();
        if !touched.is_empty() {
            rollout::fleet_changed(self, &touched, at);
        }
    }

    fn driver_event(&mut self, event: &DriverEvent) {
        match event {
            DriverEvent::Began { tenure, .. } => self.tenure = *tenure,
            DriverEvent::ClockJumped { wall, steady } => self.clock_jumped(*wall, *steady),
            DriverEvent::ClockAccepted { wall, steady, .. } => {
                self.clock_accepted(*wall, *steady);
                cycle::clock_accepted(self, *wall);
                rollout::clock_accepted(self);
            }
        }
    }

    fn change_event(&mut self, event: &ChangeEvent, at: Timestamp) {
        self.changes.evolve(event, at);
        let errand = match event {
            ChangeEvent::Drafted { change, .. } => Some(ErrandKind::RaiseChange(*change)),
            ChangeEvent::Begun { change, .. } => Some(ErrandKind::BeginChange(*change)),
            ChangeEvent::TaskMoved { task, to } => Some(ErrandKind::MoveTask(*task, *to)),
            ChangeEvent::Closed { change, .. } | ChangeEvent::Cancelled { change, .. } => {
                Some(ErrandKind::CloseChange(*change))
            }
            ChangeEvent::Raised { .. }
            | ChangeEvent::Refused { .. }
            | ChangeEvent::Approved { .. }
            | ChangeEvent::Rejected { .. }
            | ChangeEvent::Revoked { .. }
            | ChangeEvent::TrainRaised { .. } => None,
        };
        if let Some(errand) = errand {
            self.errands.add(errand, at);
        }
        if let Some(change) = changed(event) {
            notice::change_moved(self, event, change);
        }
        if let Some(change) = changed(event)
            && let Some(change) = self.changes.get(change)
            && let Subject::Step { rollout, step } = change.subject
        {
            rollout::change_moved(self, rollout, step, event);
        }
    }

    fn errand_event(&mut self, event: &ErrandEvent, at: Timestamp) {
        if let ErrandEvent::Reported { errand, outcome } = event {
            match self.errands.get(*errand).map(|errand| errand.kind) {
                Some(ErrandKind::Notify(notice)) => self.notices.answered(notice, outcome, at),
                Some(ErrandKind::Link(id, link)) => cycle::answered(self, id, link, outcome),
                Some(
                    ErrandKind::RaiseChange(_)
                    | ErrandKind::BeginChange(_)
                    | ErrandKind::MoveTask(..)
                    | ErrandKind::CloseChange(_)
                    | ErrandKind::RaiseTicket(_)
                    | ErrandKind::CommentTicket(..)
                    | ErrandKind::CloseTicket(_)
                    | ErrandKind::Call(..),
                )
                | None => {}
            }
        }
        self.errands.evolve(event, at);
    }

    fn ticket_event(&mut self, event: &TicketEvent, at: Timestamp) {
        self.tickets.evolve(event, at);
        match event {
            TicketEvent::Drafted { ticket, kind, .. } => {
                rollout::ticket_drafted(self, *ticket, kind);
                self.errands.add(ErrandKind::RaiseTicket(*ticket), at);
            }
            TicketEvent::Commented { ticket, .. } => {
                let comments = self.tickets.get(*ticket).map_or(0, |ticket| ticket.comments.len());
                let last = u32::try_from(comments.saturating_sub(1)).unwrap_or(u32::MAX);
                self.errands.add(ErrandKind::CommentTicket(*ticket, last), at);
            }
            TicketEvent::Closed { ticket, .. } => {
                self.errands.add(ErrandKind::CloseTicket(*ticket), at);
            }
            TicketEvent::Raised { .. } => {}
        }
    }
}

/// The change that an event is about.
fn changed(event: &ChangeEvent) -> Option<ChangeId> {
    match event {
        ChangeEvent::Drafted { change, .. }
        | ChangeEvent::Raised { change, .. }
        | ChangeEvent::Refused { change, .. }
        | ChangeEvent::Approved { change, .. }
        | ChangeEvent::Rejected { change, .. }
        | ChangeEvent::Revoked { change, .. }
        | ChangeEvent::Begun { change, .. }
        | ChangeEvent::Closed { change, .. }
        | ChangeEvent::Cancelled { change, .. } => Some(*change),
        ChangeEvent::TaskMoved { .. } | ChangeEvent::TrainRaised { .. } => None,
    }
}
