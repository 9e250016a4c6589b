//! A line that is not understood: what was expected, what was found, and where.

use std::fmt;

use crate::verbs::{Denied, Kind};

/// The first thing that is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub expected: String,
    pub found: String,
    /// What to write instead, where that can be said.
    pub hint: Option<String>,
    /// The part of the line in which it is.
    pub excerpt: String,
    /// Characters of the excerpt before the place.
    pub column: usize,
}

/// Characters of a line that are shown on either side of a mistake: together they fit a chat window.
const SIDE: usize = 50;

/// Characters of what was found that are repeated.
const FOUND: usize = 60;

impl ParseError {
    /// A mistake at a byte of the text.
    pub(super) fn at(text: &str, at: usize, expected: impl Into<String>, found: &str) -> Self {
        let (excerpt, column) = excerpt(text, at);
        Self { expected: expected.into(), found: shown(found), hint: None, excerpt, column }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

fn shown(found: &str) -> String {
    let found = found.trim();
    match found.char_indices().nth(FOUND) {
        _ if found.is_empty() => "nothing".to_owned(),
        Some((end, _)) => format!("`{}…`", &found[..end]),
        None => format!("`{found}`"),
    }
}

fn excerpt(text: &str, at: usize) -> (String, usize) {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, after) = text.split_at(at);
    let before = before.rsplit('\n').next().unwrap_or(before);
    let after = after.split('\n').next().unwrap_or(after);
    let cut = before.chars().count().saturating_sub(SIDE);
    let left: String = before.chars().skip(cut).collect();
    let right: String = after.chars().take(SIDE).collect();
    let (head, tail) = (if cut > 0 { "…" } else { "" }, if right.len() < after.len() { "…" } else { "" });
    let column = head.chars().count() + left.chars().count();
    (format!("{head}{left}{right}{tail}"), column)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if self.excerpt.is_empty() {
            return Ok(());
        }
        write!(f, "\n  {}\n  {}^", self.excerpt, " ".repeat(self.column))
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for Denied {
    fn from(error: ParseError) -> Self {
        Denied::new(Kind::Invalid, "S0419", error.to_string()).maybe_hint(error.hint)
    }
}
