//! apt repositories frozen into numbered builds.
//!
//! [`store`] is where everything lies; [`name`] and [`hash`] are what things are called; [`manifest`] is what a build is.
//! [`upstream`] says where packages come from, [`deb822`], [`version`] and [`release`] read what is said of them, [`pgp`]
//! whether that is believed, [`select`] which of them a build has, [`ingest`] adds our own, and [`index`] writes what apt
//! reads; [`create`] makes a build of it all, [`unsigned`] has it signed by keys on another machine, [`provenance`] says
//! where it comes from, [`diff`] says what changes between
//! two, and [`check`] what machines would make of it. [`fetch`] brings bytes from
//! elsewhere, [`lazy`] only when somebody asks for them; [`mirror`] keeps stores alike; [`channel`] is how clients get
//! from one build to the next, and [`retention`] what becomes of old ones. [`fsck`] looks at a whole store, and [`code`]
//! has the codes of errors that have a page.

pub mod channel;
pub mod check;
pub mod code;
pub mod create;
pub mod deb822;
pub mod diff;
pub mod fetch;
#[cfg(test)]
pub(crate) mod fixture;
pub mod fsck;
pub mod hash;
pub mod index;
pub mod ingest;
pub mod lazy;
pub mod manifest;
pub mod mirror;
pub mod name;
#[cfg(test)]
mod oracle;
pub mod pgp;
pub mod provenance;
pub mod release;
pub mod retention;
pub mod select;
pub mod store;
pub mod unsigned;
pub mod upstream;
pub mod version;
mod words;
