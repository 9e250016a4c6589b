//! The `Release` of a suite: which indexes it has, with their hashes, and how long it may be believed.
//!
//! [`Release`] reads what an upstream says; [`NewRelease`] writes ours, always the same bytes for the same content.

mod date;
mod error;
mod parse;
mod write;

pub use date::{parse_date, write_date};
pub use error::ReleaseError;
pub use parse::{FileSum, Release};
pub use write::{NewRelease, WrittenFile};
