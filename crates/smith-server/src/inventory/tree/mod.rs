//! YAML and JSON as one kind of tree, in which every key and value knows its place.
//!
//! Scalars stay the text that was written: `1.10`, `no` and `007` are names of things, not numbers.

mod json;
mod node;
mod yaml;

pub(super) use json::read as read_json;
pub(super) use node::{Entry, Kind, Node};
pub(super) use yaml::read as read_yaml;
