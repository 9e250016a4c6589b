//! Machines: what they are, how they are selected, where the facts come from and what is missing.

mod selector;

pub use selector::Selector;
