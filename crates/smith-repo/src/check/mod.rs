//! Whether a build installs on machines as they are, before any of them is touched: apt itself simulates the upgrade.
//!
//! [`read_profiles`] collapses what machines have installed to what differs between them, [`Check::run`] asks apt about each,
//! and the [`Report`] says what would happen and whether that is good.

mod apt;
mod error;
mod like;
mod profile;
mod report;
mod run;
mod simulated;

pub use error::CheckError;
pub use like::like;
pub use profile::{Profile, read_profiles};
pub use report::{Exit, Outcome, Policy, Report, Upgrade, Verdict};
pub use run::Check;
