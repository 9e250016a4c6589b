//! Inventory files: what people and other programs write down about machines, read into `SourceReading`s.
//!
//! Every format becomes the same thing, and everything that is wrong is said with its place in the file. The parsers
//! are pure; only `load` opens files. `docs/reference/inventory.md` is the reference of the formats.

mod ansible;
mod config;
mod csv;
mod format;
mod host_keys;
mod http_sd;
mod load;
mod own;
mod report;
mod seen;
#[cfg(test)]
mod tests;
mod tree;

pub use config::{InventoryConfig, SourceConfig, parse_config};
pub use format::{Format, Labels, MAX_BYTES, SourceText, parse};
pub use host_keys::HostKeys;
pub use load::{LoadError, load, load_config, read_host_keys};
