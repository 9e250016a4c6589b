//! Selectors: the text with which people name machines. `docs/reference/selectors.md` is the reference.
//!
//! A selector is parsed once, where it comes in, and travels as its canonical text. To ask about machines it is
//! compiled against a fleet, which turns names and values into numbers.

mod attribute;
mod compile;
mod display;
mod error;
mod expr;
mod glob;
mod parse;
mod range;
#[cfg(test)]
mod tests;
mod word;

pub use compile::Matcher;
pub use error::SelectorError;
pub use expr::Selector;
pub use parse::{MAX_DEPTH, MAX_EXPANSION, MAX_LENGTH, MAX_REGEX, MAX_REGEXES};

pub(super) use expr::{AttrTerm, Expr, NameTerm, Test, Value};
