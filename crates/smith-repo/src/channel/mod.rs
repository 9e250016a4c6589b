//! Channels: names that move from build to build, at once and back.
//!
//! A channel is a link to a [`View`] of its build. It has the dates that make every client take it, and the indexes
//! that clients in the middle of an update hold from before.

mod dating;
mod error;
mod follow;
mod history;
mod inspect;
mod switch;
#[cfg(test)]
mod tests;
mod view;

pub use dating::How;
pub use error::ChannelError;
pub use follow::{Followed, follow};
pub use history::{Move, history};
pub use inspect::{Trouble, inspect, mend};
pub use switch::{
    Moved, Order, Switched, check, current, get, lost_suites, names, previous, refresh, rollback, set,
    set_after,
};
pub use view::{SuiteView, View};

pub(crate) use dating::{Dated, Dating, When, suite_of};
