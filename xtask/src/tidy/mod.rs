//! `cargo xtask tidy`: the rules of the house that no compiler checks, one file a rule.
//!
//! Rules read a [`tree::Tree`] of the repository's files and write findings into a [`report::Report`]. What Rust code
//! means is decided once, in `scan` (what is code, what is a comment or a literal) and `item` (where functions and
//! tests begin and end).

mod binaries;
mod command;
mod commands;
mod crates;
mod errors;
mod hosts;
mod item;
mod length;
mod links;
mod purity;
mod report;
mod scan;
mod shape;
mod tree;
mod words;

pub(crate) use command::run;
