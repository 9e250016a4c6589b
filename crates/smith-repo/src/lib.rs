//! apt repositories frozen into numbered builds.
//!
//! [`store`] is where everything lies; [`name`] and [`hash`] are what things are called; [`manifest`] is what a build is.
//! [`deb822`], [`version`] and [`release`] read what upstreams say of packages.

pub mod deb822;
pub mod hash;
pub mod index;
pub mod ingest;
pub mod manifest;
pub mod name;
#[cfg(test)]
mod oracle;
pub mod pgp;
pub mod release;
pub mod store;
pub mod version;
