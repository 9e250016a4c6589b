//! Rehearsals: the real driver and the real rules on a simulated fleet, as fast as the processor allows.
//!
//! [`run`] takes pipelines and a fleet and answers with a [`Report`]: when what happens, which limits bind, what the
//! critical path is, and how far the result is from a bound that no schedule can beat.

mod bound;
mod engine;
mod fleet;
mod live;
mod notebook;
mod people;
mod report;
mod whatif;

pub(crate) use people::wanted;

pub use engine::{People, Plan, RehearseError, run, run_many};
pub use fleet::{Shape, generate};
pub use live::{Live, Said};
pub use notebook::Keep;
pub use report::{Binding, Leg, Moment, Outcome, Report, StepReport};
pub use whatif::{Change, ChangeError};
