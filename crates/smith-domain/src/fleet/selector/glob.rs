//! Patterns of names and values: `*`, `?` and ranges, matched without a regular expression.

use std::fmt;

use super::range::{MAX_DIGITS, RangeSet};

/// A pattern that must match a whole text. In normal form: no two texts and no two stars stand side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::fleet) struct Glob {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `?`: one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// `[1-3]`: one of these numbers.
    Number(RangeSet),
}

impl Glob {
    pub(super) fn push_char(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push(c),
            Some(Part::One | Part::Many | Part::Number(_)) | None => self.parts.push(Part::Text(c.into())),
        }
    }

    pub(super) fn push_one(&mut self) {
        self.parts.push(Part::One);
    }

    pub(super) fn push_many(&mut self) {
        if self.parts.last() != Some(&Part::Many) {
            self.parts.push(Part::Many);
        }
    }

    pub(super) fn push_number(&mut self, set: RangeSet) {
        self.parts.push(Part::Number(set));
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text itself, where there is nothing but text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// How many texts it stands for, where they can be listed: ranges, but no `*` or `?`.
    pub(in crate::fleet) fn count(&self) -> Option<u64> {
        self.parts.iter().try_fold(1u64, |product, part| match part {
            Part::Text(_) => Some(product),
            Part::Number(set) => Some(product.saturating_mul(set.count())),
            Part::One | Part::Many => None,
        })
    }

    /// The texts it stands for, in order. Only for patterns whose `count` is known and small.
    pub(in crate::fleet) fn expand(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        for part in &self.parts {
            match part {
                Part::Text(more) => texts.iter_mut().for_each(|text| text.push_str(more)),
                Part::Number(set) => {
                    let with_each =
                        |text: &String| set.texts().map(|n| format!("{text}{n}")).collect::<Vec<_>>();
                    texts = texts.iter().flat_map(with_each).collect();
                }
                Part::One | Part::Many => return Vec::new(),
            }
        }
        texts
    }

    pub(in crate::fleet) fn matches(&self, text: &str) -> bool {
        let (rest, parts) = match self.parts.split_first() {
            Some((Part::Text(first), parts)) => match text.strip_prefix(first.as_str()) {
                Some(rest) => (rest, parts),
                None => return false,
            },
            Some((Part::One | Part::Many | Part::Number(_), _)) | None => (text, self.parts.as_slice()),
        };
        match parts {
            [] => rest.is_empty(),
            [Part::Many] => true,
            _ => reach(parts, rest),
        }
    }
}

/// Follows all ways through the pattern at once, so that no pattern takes more than parts times bytes.
fn reach(parts: &[Part], text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut here = vec![false; bytes.len() + 1];
    here[0] = true;
    for part in parts {
        let mut next = vec![false; bytes.len() + 1];
        for at in (0..=bytes.len()).filter(|at| here[*at]) {
            match part {
                Part::Text(expected) => {
                    if bytes[at..].starts_with(expected.as_bytes()) {
                        next[at + expected.len()] = true;
                    }
                }
                Part::One => {
                    if let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
                        next[at + c.len_utf8()] = true;
                    }
                }
                Part::Many => {
                    next[at..].fill(true);
                    break;
                }
                Part::Number(set) => {
                    let digits =
                        bytes[at..].iter().take(MAX_DIGITS).take_while(|b| b.is_ascii_digit()).count();
                    for length in (1..=digits).filter(|length| set.contains(&bytes[at..at + length])) {
                        next[at + length] = true;
                    }
                }
            }
        }
        here = next;
    }
    here[bytes.len()]
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::One => f.write_str("?"),
            Part::Many => f.write_str("*"),
            Part::Number(set) => write!(f, "{set}"),
        })
    }
}
