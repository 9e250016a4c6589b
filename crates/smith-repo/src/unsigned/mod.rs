//! Builds whose keys are on another machine.
//!
//! Such a build is made whole below `unsigned/`, where no client and no mirror sees it. [`export`] writes what is to be
//! signed; [`take`] reads the signatures that come back, [`sign`] makes them where keys are at hand; both verify every one
//! against the store's own keyring, and only then the build appears among the others, at once. Killed anywhere, the same
//! again leads to the same.

mod error;
mod export;
mod publish;
mod take;

pub use error::{Flaw, UnsignedError};
pub use export::{Exported, export};
pub use publish::{Published, sign, take};
