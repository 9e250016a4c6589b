//! Tickets: the epic of a build's rollout and a child for each step, as records.

mod event;
mod state;

pub use event::TicketEvent;
pub use state::{Ticket, TicketKind, TicketState, Tickets};
