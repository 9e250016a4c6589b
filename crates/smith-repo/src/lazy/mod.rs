//! Builds whose package files stay at their upstreams until somebody asks for one.
//!
//! The indexes of such a build are as those of any other, so each file has its signed hash; the build also says at which
//! addresses its upstreams were. [`Left`] is a file with everything that is needed to bring it later; [`fetch`] brings all
//! that are not here, and [`Demand`] one at a time, when a client asks.

mod demand;
mod error;
mod fetch;
mod left;
#[cfg(test)]
mod tests;

pub use demand::{Brought, Demand};
pub use error::LazyError;
pub use fetch::{Fetched, fetch};
pub(crate) use left::{ELSEWHERE, addresses, filename, may_be_left};
pub use left::{Here, Left, here, left_at_upstream};
