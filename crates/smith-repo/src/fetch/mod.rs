//! Bytes from elsewhere: bounded, retried, resumed, and believed only by their hash.
//!
//! [`Fetcher`] owns a small runtime and offers blocking calls. [`Fetcher::get`] is for small things of a known limit;
//! [`Fetcher::objects`] brings many files into a store. Each connection has a thread of its own that also writes, so a
//! slow disk holds up its own download and nothing else.

mod bandwidth;
mod client;
mod download;
mod error;
mod limits;
mod objects;
mod progress;
mod queue;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use bandwidth::Bandwidth;
pub use client::{Answer, Fetcher, Validators};
pub use error::chain;
pub use error::{FetchError, ObjectError};
pub use limits::{Limits, Proxies};
pub use objects::Want;
pub use progress::{Progress, Silent, Size, Snapshot, Tally};
pub(crate) use source::{encoded, without_password};
