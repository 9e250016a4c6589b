//! Likely causes of what ails a machine, and what to do about them, from its facts and the pieces of its report.
//!
//! What is so now ([`present`]) comes first, then what the newest failures say ([`history`]), then what the machine's other logs
//! tell ([`signs`]). What is known to be over is told as such, last.

mod history;
mod likely;
mod present;
mod signs;
#[cfg(test)]
mod tests;

pub use likely::{Likely, diagnose};
