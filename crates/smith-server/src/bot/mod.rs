//! The bot: lines as people know them from chat, understood and carried out.
//!
//! One grammar for `smith chat`, for the endpoint that bots of chat programs use, and for tests: [`parse`] makes a [`Line`]
//! of a text, and a line prints as it is read back. [`Bot`] carries lines out by the verbs and answers as people are used to.

mod answer;
mod args;
mod clean;
mod cycle;
mod error;
mod exemption;
mod help;
mod key;
mod lex;
mod line;
mod parse;
mod print;
mod reply;
#[cfg(test)]
mod tests;
mod verb;

pub use answer::Bot;
pub use cycle::{CycleLine, Which};
pub use error::ParseError;
pub use exemption::ExemptionLine;
pub use line::{
    Audit, ChangeNumber, Channel, Completion, Desk, Line, Request, Ruling, Steering, TestPassed, Work,
};
pub use parse::{LINE_MAX, parse};
