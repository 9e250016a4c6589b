//! apt repositories frozen into numbered builds.
//!
//! [`store`] is where everything lies; [`name`] and [`hash`] are what things are called; [`manifest`] is what a build is.

pub mod hash;
pub mod manifest;
pub mod name;
pub mod select;
pub mod store;
pub mod upstream;
