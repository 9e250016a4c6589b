//! Machines: what they are, how they are selected, where the facts come from and what is missing.
//!
//! Sources say what exists, `merge` makes one reading of them, `decide` turns the difference to what is known into
//! events, and `Fleet` is the fold of those events. Selectors, look-ups and the gap check only read.

pub mod attribute;
mod change;
mod decide;
mod event;
mod facts;
mod gap;
mod held;
mod lookup;
mod machine;
mod merge;
mod naming;
mod natural;
mod nearest;
mod observe;
mod ordered;
mod reach;
mod reading;
mod selector;
mod snapshot;
mod source;
mod state;
mod symbol;
#[cfg(test)]
mod tests;
pub mod text;

pub use attribute::{AttrId, WellKnown};
pub use decide::{FleetCommand, FleetRejection, MAX_EXEMPTIONS, MAX_MACHINES, MAX_TEXT};
pub use event::{CHUNK, Exemption, ExemptionId, FleetEvent, KnownMachine, LOST_NAMED, ShrunkSource};
pub use facts::{
    MAX_ADDRESSES, MAX_HOST_KEY, MAX_MACHINE_ATTRS, MAX_SOURCES, MAX_VALUE, MachineFacts, SourceName,
};
pub use gap::{Coverage, ExemptAndCovered, GapReport, gaps};
pub use held::Held;
pub use lookup::{CrossRegion, LookupRejection, Missing, RegionShare, WhyMissing};
pub use machine::{Machine, Presence};
pub use merge::{MergeError, SeenMachine, SourceReading, merge};
pub use naming::{MAX_PATTERN, NamePattern, Naming, NamingError, Template, Zones};
pub use natural::natural_cmp;
pub use observe::{ObservePolicy, READ_NOTED_EVERY, Shrunk};
pub use reach::Reach;
pub use reading::{MachineTwice, MergeWarning, Reading};
pub use selector::{
    MAX_DEPTH, MAX_EXPANSION, MAX_LENGTH, MAX_REGEX, MAX_REGEXES, Matcher, Selector, SelectorError,
};
pub use source::LastRead;
pub use state::{Fleet, Granted};
pub use symbol::{Symbol, Symbols};
