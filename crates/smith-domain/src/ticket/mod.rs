//! Tickets: the epic of a build's rollout and a child for each step, as records.

mod checklist;
mod event;
mod state;

pub use checklist::{Item, checklist};
pub use event::TicketEvent;
pub use state::{Ticket, TicketKind, TicketState, Tickets};
