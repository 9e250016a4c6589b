//! Events, numbers and times in words, as the audit, the bot and the demo show them.

mod access;
mod change;
mod cycle;
mod event;
mod fleet;
mod number;
mod rollout;

pub use event::{build_of, change_of, errand_words, is_about_machine, of, rollout_of};
pub use number::{count, counted, day, moment, numbered, ratio, times};
