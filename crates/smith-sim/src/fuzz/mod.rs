//! Random worlds around the real driver: a seed makes a fleet, pipelines, faults and people; checkers look on.
//!
//! In the first phase everything may go wrong. Then the faults stop, everything is repaired, and whatever was started
//! must come to its end, or wait for a person who has a name.

mod act;
mod checks;
mod hands;
mod invariants;
mod notices;
mod run;
mod scenario;
mod trace;
mod week;

pub use run::{Verdict, journal, run};
pub use scenario::Scenario;
pub(crate) use scenario::facts;
pub use trace::Trace;
