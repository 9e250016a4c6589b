//! apt repositories frozen into numbered builds.
//!
//! [`store`] is where everything lies; [`name`] and [`hash`] are what things are called; [`manifest`] is what a build is.
//! [`fetch`] brings bytes from elsewhere; [`mirror`] keeps stores alike; [`channel`] is how clients
//! get from one build to the next.

pub mod channel;
pub mod fetch;
#[cfg(test)]
pub(crate) mod fixture;
pub mod hash;
pub mod manifest;
pub mod mirror;
pub mod name;
pub mod select;
pub mod store;
pub mod upstream;
