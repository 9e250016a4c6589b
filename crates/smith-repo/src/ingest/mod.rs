//! Package files of one's own: read, checked, and described as an index describes them.

mod ar;
mod control;
mod deb;
mod error;
mod many;

pub use deb::{Destination, LocalDeb};
pub use error::DebError;
pub use many::{Ingested, Refused, find_debs, ingest};
