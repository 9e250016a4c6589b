//! Notices: what people and other programs are told without asking. Each is told once.
//!
//! A notice says that something has come about that somebody may want to know: a change waits for approval, a step has
//! halted, a rollout has ended. Whoever *must* act at once is called by an errand of its own; a notice is the message.
//! Events put into a queue what there is to tell, and the plan empties it, so nothing is searched for.

mod event;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod watch;

pub use event::{About, NoticeEvent};
pub use state::{Notice, NoticeState, Notices};

pub(crate) use text::plan;
pub(crate) use watch::{change_moved, rollout_moved};
