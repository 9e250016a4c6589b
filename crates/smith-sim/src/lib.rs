//! A simulated fleet around the real driver and the real rules.
//!
//! [`world`] has machines, a change desk and people's tracker with faults of every kind; [`rehearse`] runs whole
//! rollouts in it for people who want to know how theirs will go. [`fuzz`] looks for seeds that break an invariant, and
//! [`kill`] drives from a process that is really killed.

pub mod clock;
pub mod fuzz;
pub mod kill;
pub mod model;
pub mod rehearse;
pub mod rng;
pub mod world;
