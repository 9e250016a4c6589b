//! Which packages a build has: filters, what they draw in, and what people decided.

mod basic;
mod choose;
mod closure;
mod needed;
mod pattern;
mod relation;

pub use choose::{Candidate, Choice, Refusal, Selection, choose};
pub use pattern::Pattern;

pub(crate) use basic::basic;
