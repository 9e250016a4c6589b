//! Why somebody did something, in their own words.

use crate::plain;

/// A reason is a sentence or a paragraph. What is longer belongs into a ticket.
pub const REASON_MAX: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReason {
    #[error("a reason is missing, expected a sentence that says why")]
    Missing,
    #[error("the reason has {found} bytes, expected at most {REASON_MAX}")]
    TooLong { found: usize },
    #[error("the reason has the character {}, expected none but letters, blanks and ends of lines", plain::name(*.found))]
    Hidden { found: char },
}

/// A reason that must be there.
pub(crate) fn check(reason: &str) -> Result<(), BadReason> {
    match reason {
        _ if reason.trim().is_empty() => Err(BadReason::Missing),
        _ if reason.len() > REASON_MAX => Err(BadReason::TooLong { found: reason.len() }),
        _ => plain::hidden_in_lines(reason).map_or(Ok(()), |found| Err(BadReason::Hidden { found })),
    }
}

/// A reason that may be left out, and says something where it is not.
pub(crate) fn check_given(reason: Option<&str>) -> Result<(), BadReason> {
    reason.map_or(Ok(()), check)
}
