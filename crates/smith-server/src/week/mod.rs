//! The week's work: links of cycles are performed on the store, on its mirrors and on pipelines, and schedules start cycles.
//!
//! All of it runs beside the driver. What a link came to is answered to its errand; a store that is slow or dead holds up
//! nothing but the link.

mod build;
#[cfg(test)]
mod chain_tests;
mod channel;
#[cfg(test)]
mod channel_tests;
mod compare;
mod executor;
#[cfg(test)]
mod fixture;
mod job;
mod mirrors;
mod off;
mod place;
mod rollout;
mod schedule;
mod shop;
mod slots;
#[cfg(test)]
mod tests;
mod trail;
mod witness;

pub(crate) use executor::EVIDENCE;
pub use executor::Weeks;
pub use schedule::keep_schedules;
