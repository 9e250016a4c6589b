//! The whole of a store looked at: what its builds say, and everything else that lies there.
//!
//! [`check`] tells damage, which somebody has to do something about, from leftovers of runs that were killed or failed,
//! which the next run takes up; [`mend`] does what is safe.

mod check;
mod error;
mod leftover;
mod mend;
mod names;
mod protection;
mod report;
#[cfg(test)]
mod tests;

pub use check::{Checked, check};
pub use error::FsckError;
pub use mend::{Age, Mended, mend};
pub use report::{Damage, Kind, Leftover, Report};
