//! Where packages come from: what a person wrote about it, and what a machine's own apt sources say.

mod apt_sources;
mod recipe;
mod refresh;
mod refused;

pub use apt_sources::{BadSource, Machine, Unread};
pub use recipe::{
    Closure, Compressions, Extras, Filter, LocalFolder, Publish, Recipe, Rule, RuleKind, Snapshot, Staleness,
    Upstream, Wanted,
};
pub use refresh::{Believed, IndexText, Replay, Suite};
pub use refused::{Fault, Offer, Refused};
