//! Everything that is wrong in one file, collected in the order in which it was found.

use crate::problem::{Problem, Problems};

/// A place in a file: line and column, both counted from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Problems kept for one file. A generator that is wrong is wrong in every line, and nobody reads more than a page.
const MOST_KEPT: usize = 100;

#[derive(Debug)]
pub(super) struct Report<'f> {
    file: &'f str,
    problems: Vec<Problem>,
}

impl Place {
    pub(super) const START: Place = Place { line: 1, column: 1 };

    /// So many characters further on the same line.
    pub(super) fn plus(self, characters: usize) -> Place {
        Place { column: self.column.saturating_add(small(characters)), ..self }
    }
}

pub(super) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl<'f> Report<'f> {
    pub(super) fn new(file: &'f str) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        place: Place,
        code: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.push(place, code, expected.into(), found.into(), None);
    }

    pub(super) fn hint(
        &mut self,
        place: Place,
        code: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(place, code, expected.into(), found.into(), Some(hint.into()));
    }

    fn push(
        &mut self,
        place: Place,
        code: &'static str,
        expected: String,
        found: String,
        hint: Option<String>,
    ) {
        if self.problems.len() < MOST_KEPT {
            let (file, Place { line, column }) = (self.file.to_owned(), place);
            self.problems.push(Problem { file, line, column, code, expected, found, hint });
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The value, if nothing is wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            Some(_) | None => {
                if self.problems.is_empty() {
                    // Every reader that gives nothing has said why; should one not, the file is refused all the same.
                    self.add(Place::START, "S0141", "a file that can be read", "one that cannot");
                }
                self.problems.sort();
                self.problems.dedup();
                Err(Problems(self.problems))
            }
        }
    }
}

/// Text as it is shown in a complaint: between backquotes, on one line, not endless.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let one_line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.chars().nth(LONGEST) {
        _ if one_line.trim().is_empty() => "nothing".to_owned(),
        Some(_) => format!("`{one_line}…`"),
        None => format!("`{one_line}`"),
    }
}
