//! What changes from one build to another, for people who decide whether machines get it.
//!
//! [`compare`] joins two package lists; [`mark`] adds which vulnerabilities that closes; the [`Diff`] is written as text for a
//! terminal, as JSON, and as Markdown for an epic.

mod advisory;
mod change;
mod compare;
mod marks;
mod render;
mod render_markdown;
#[cfg(test)]
mod tests;

pub use advisory::{AdvisoryError, Feed, FeedKind, mark};
pub use change::{Closed, Diff, Flag, Kind, Offer, OtherVersion, PackageChange, SourceChange, Totals};
pub use compare::{Filter, compare};
pub use marks::{distribution_of, security_suites};
pub use render::{Lines, Titles};

pub(crate) use render::size;
