//! Making a build: the world's packages of this moment, frozen, signed, numbered.
//!
//! [`Create::run`] fetches what is new, chooses, brings the package files, writes the indexes and lets the build appear
//! whole. Run again after it was killed anywhere, it goes on with what it had brought.

mod describe;
mod error;
mod finish;
mod gather;
mod indexes;
mod packages;
mod run;
mod sources;

pub use error::CreateError;
pub use packages::packages_of;
pub use run::{Bring, Create, Created, IfUnchanged, Manner, Signing};
