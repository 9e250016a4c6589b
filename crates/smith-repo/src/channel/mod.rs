//! Channels: names that move from build to build, at once and back.
//!
//! A channel is a link to a [`View`] of its build. It has the dates that make every client take it, and the indexes
//! that clients in the middle of an update hold from before.

#[cfg(test)]
mod damage_tests;
mod dating;
mod error;
mod follow;
mod history;
mod inspect;
mod lasting;
mod remove;
mod standing;
mod switch;
#[cfg(test)]
mod tests;
mod view;

pub use dating::How;
pub use error::ChannelError;
pub use follow::{Followed, follow};
pub use history::{Move, Way, history};
pub use inspect::{Elsewhere, Trouble, can_mend, inspect, mend};
pub use lasting::{Ends, Left, ends};
pub use remove::{Removed, remove};
pub use standing::{Standing, standing};
pub use switch::{
    Moved, Order, Switched, back_after, check, current, get, lost_suites, names, previous, refresh, rollback,
    set, set_after,
};
pub use view::{SuiteView, View};

pub(crate) use dating::{Dated, Dating, When, suite_of};
pub(crate) use follow::RELEASE_MAX;
