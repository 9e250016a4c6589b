//! Attributes that are read out of machine names: patterns, templates and a table of zones.
//!
//! `prod-dal10-carrier3-worker-1001` says most of what there is to know about a machine. The patterns are
//! configuration, tried in order; what a source says explicitly beats what a name says.

mod error;
mod pattern;
mod rules;
mod template;
#[cfg(test)]
mod tests;
mod zone;

pub use error::NamingError;
pub use pattern::{MAX_PATTERN, NamePattern};
pub use rules::Naming;
pub use template::Template;
pub use zone::Zones;
