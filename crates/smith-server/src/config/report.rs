//! Everything that is wrong in one file, collected.

use crate::problem::{Problem, Problems};

/// A place in a file: line and column, both counted from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) const START: Place = Place { line: 1, column: 1 };

    /// So many characters further on the same line.
    pub(super) fn plus(self, characters: u32) -> Place {
        Place { column: self.column.saturating_add(characters), ..self }
    }
}

/// More problems than a person reads; one wrong indentation can cause a hundred.
const MOST_SHOWN: usize = 100;

#[derive(Debug)]
pub(super) struct Report {
    file: String,
    /// Characters in each line.
    lines: Vec<u32>,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &str, bytes: &[u8]) -> Self {
        let length = |line: &str| u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
        let lines = String::from_utf8_lossy(bytes).lines().map(length).collect();
        Self { file: file.to_owned(), lines, problems: Vec::new() }
    }

    /// The place, or the last one before it that the file has.
    fn inside(&self, place: Place) -> Place {
        let Some(last) = self.lines.len().checked_sub(1) else { return Place::START };
        let line = usize::try_from(place.line.saturating_sub(1)).unwrap_or(last).min(last);
        let column = place.column.clamp(1, self.lines[line].saturating_add(1));
        Place { line: u32::try_from(line + 1).unwrap_or(u32::MAX), column }
    }

    pub(super) fn add(
        &mut self,
        place: Place,
        code: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> &mut Problem {
        let place = self.inside(place);
        self.problems.push(Problem {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            code,
            expected: expected.into(),
            found: found.into(),
            hint: None,
        });
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        // What stands behind an alias is read once for each use and would be complained about as often.
        self.problems.sort();
        self.problems.dedup();
        self.problems.truncate(MOST_SHOWN);
        self.problems
    }

    /// The value if nothing is wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.is_clean() => Ok(value),
            Some(_) | None => {
                if self.is_clean() {
                    // Every reader that gives nothing has said why; should one not, the file is still refused.
                    self.add(Place::START, "S0201", "a file that can be read", "one that cannot");
                }
                Err(Problems(self.into_problems()))
            }
        }
    }
}

impl Problem {
    /// Adds what to write instead.
    pub(crate) fn with_hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Adds `did you mean` if there is something to suggest.
    pub(crate) fn suggest(&mut self, word: Option<&str>) {
        if let Some(word) = word {
            self.hint = Some(format!("did you mean `{word}`?"));
        }
    }
}

/// The text as it is shown in a complaint: in backquotes, on one line, not endless.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if one_line.trim().is_empty() {
        return "empty text".to_owned();
    }
    match one_line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &one_line[..end]),
        None => format!("`{one_line}`"),
    }
}
