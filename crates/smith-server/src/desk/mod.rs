//! The built-in change desk and tracker, and whom notices go to: nothing outside is needed to keep changes and tickets.

mod builtin;
mod errands;
mod notice;
#[cfg(test)]
mod tests;
mod told;

pub use builtin::{BuiltIn, answer};
pub use errands::Errands;
pub use notice::{Brought, Message, Notifier};
