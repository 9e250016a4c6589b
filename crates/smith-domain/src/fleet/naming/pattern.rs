//! Patterns of names, as people write them: `{environment}-{zone}-{cluster}-{role...}[-]{number}`.
//!
//! | written | stands for |
//! |---|---|
//! | `{zone}` | one word: letters, digits, `_` and `.`, no `-`; for `number`, digits |
//! | `{role...}` | one or more words with `-` between them |
//! | `{zone:dal*\|syd05}` | one of these, with `*` and `?` |
//! | `{rack:digits}`, `{rack:letters}` | digits or letters only |
//! | `[-]` | this text or nothing |
//! | anything else | itself |
//!
//! Where a name can be cut in two ways, the parts on the left are as short as possible.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use crate::id::AttrName;

use super::super::attribute::{NUMBER, RESERVED, unabbreviated};
use super::error::NamingError;

/// Bytes of one pattern: a pattern with all well-known attributes takes sixty.
pub const MAX_PATTERN: usize = 500;
/// Memory of one compiled pattern; patterns of full length take a tenth of it.
const MAX_COMPILED: usize = 1 << 20;

#[derive(Debug, Clone)]
pub struct NamePattern {
    text: String,
    regex: Regex,
    /// In the order of the groups of the expression.
    attrs: Vec<AttrName>,
}

impl NamePattern {
    pub fn parse(text: &str) -> Result<NamePattern, NamingError> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            let expected = format!("a pattern of 1 to {MAX_PATTERN} bytes");
            return Err(NamingError::at(text, 0, &expected, format!("{} bytes", text.len()), None));
        }
        let mut builder = Builder { text, at: 0, regex: String::from(r"\A"), attrs: Vec::new() };
        while let Some(c) = text[builder.at..].chars().next() {
            match c {
                '{' => builder.attribute()?,
                '[' => builder.optional()?,
                _ if is_name_char(c) => {
                    builder.regex.push_str(&regex::escape(&c.to_string()));
                    builder.at += c.len_utf8();
                }
                _ => return Err(builder.unexpected("a character of a machine name, `{` or `[`", None)),
            }
        }
        if builder.attrs.is_empty() {
            let hint = "an attribute stands in braces: {zone}";
            return Err(NamingError::at(text, 0, "at least one attribute", format!("{text:?}"), Some(hint)));
        }
        builder.regex.push_str(r"\z");
        match RegexBuilder::new(&builder.regex).size_limit(MAX_COMPILED).build() {
            Ok(regex) => Ok(NamePattern { text: text.to_owned(), regex, attrs: builder.attrs }),
            Err(_) => Err(NamingError::at(text, 0, "a simpler pattern", format!("{text:?}"), None)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts of a name that the pattern fits.
    pub(super) fn read<'a>(&'a self, name: &'a str) -> Option<Vec<(&'a AttrName, &'a str)>> {
        let captures = self.regex.captures(name)?;
        let groups = captures.iter().skip(1);
        Some(
            self.attrs.iter().zip(groups).filter_map(|(attr, group)| Some((attr, group?.as_str()))).collect(),
        )
    }
}

struct Builder<'a> {
    text: &'a str,
    at: usize,
    regex: String,
    attrs: Vec<AttrName>,
}

impl Builder<'_> {
    /// `{name}`, `{name...}`, `{name:constraint}` or `{name...:constraint}`.
    fn attribute(&mut self) -> Result<(), NamingError> {
        let start = self.at + 1;
        let Some(length) = self.text[start..].find('}') else {
            self.at = self.text.len();
            return Err(self.unexpected("`}`", None));
        };
        let inner = &self.text[start..start + length];
        let (head, constraint) = match inner.split_once(':') {
            Some((head, constraint)) => (head, Some(constraint)),
            None => (inner, None),
        };
        let (word, many) = match head.strip_suffix("...") {
            Some(word) => (word, true),
            None => (head, false),
        };
        let attr = attribute_name(self.text, start, word)?;
        if self.attrs.contains(&attr) {
            let found = format!("{word:?} once more");
            return Err(NamingError::at(self.text, start, "each attribute once", found, None));
        }
        let one = match constraint {
            Some(constraint) => self.constraint(start + head.len() + 1, constraint)?,
            None if attr.as_str() == NUMBER => DIGITS.to_owned(),
            None => WORD.to_owned(),
        };
        // A regular expression cannot fail to be written into a text.
        let _ = if many { write!(self.regex, "({one}(?:-{one})*?)") } else { write!(self.regex, "({one})") };
        self.attrs.push(attr);
        self.at = start + length + 1;
        Ok(())
    }

    fn constraint(&self, start: usize, text: &str) -> Result<String, NamingError> {
        match text {
            "digits" => return Ok(DIGITS.to_owned()),
            "letters" => return Ok("[A-Za-z]+?".to_owned()),
            _ => {}
        }
        let mut regex = String::from("(?:");
        let mut at = start;
        for (nth, word) in text.split('|').enumerate() {
            if word.is_empty() {
                let hint = "write `digits`, `letters` or words: {environment:prod|stage|dev}";
                return Err(NamingError::at(self.text, at, "a word", "nothing".into(), Some(hint)));
            }
            regex.push_str(if nth > 0 { "|" } else { "" });
            for (offset, c) in word.char_indices() {
                match c {
                    '*' => regex.push_str("[A-Za-z0-9_.]*?"),
                    '?' => regex.push_str("[A-Za-z0-9_.]"),
                    _ if is_name_char(c) => regex.push_str(&regex::escape(&c.to_string())),
                    _ => {
                        let expected = "a character of a machine name, `*`, `?` or `|`";
                        return Err(NamingError::at(
                            self.text,
                            at + offset,
                            expected,
                            format!("{c:?}"),
                            None,
                        ));
                    }
                }
            }
            at += word.len() + 1;
        }
        regex.push(')');
        Ok(regex)
    }

    /// `[-]`: this text or nothing.
    fn optional(&mut self) -> Result<(), NamingError> {
        let start = self.at + 1;
        let length = self.text[start..].find(|c| !is_name_char(c)).unwrap_or(self.text.len() - start);
        let inner = &self.text[start..start + length];
        self.at = start + length;
        if inner.is_empty() {
            return Err(
                self.unexpected("the text that may be missing", Some("write [-] for an optional dash"))
            );
        }
        if !self.text[self.at..].starts_with(']') {
            return Err(
                self.unexpected("`]`", Some("an attribute cannot be optional; write a second pattern"))
            );
        }
        self.at += 1;
        let _ = write!(self.regex, "(?:{})?", regex::escape(inner));
        Ok(())
    }

    fn unexpected(&self, expected: &str, hint: Option<&str>) -> NamingError {
        let found = self.text[self.at..].chars().next().map_or("the end".to_owned(), |c| format!("{c:?}"));
        NamingError::at(self.text, self.at, expected, found, hint)
    }
}

const WORD: &str = "[A-Za-z0-9_.]+?";
const DIGITS: &str = "[0-9]+";

/// Checks the name of an attribute that stands at `start` of `text`.
pub(super) fn attribute_name(text: &str, start: usize, word: &str) -> Result<AttrName, NamingError> {
    let name = unabbreviated(word);
    if RESERVED.contains(&name) {
        let hint = "this word means the machine itself";
        return Err(NamingError::at(
            text,
            start,
            "the name of an attribute",
            format!("{word:?}"),
            Some(hint),
        ));
    }
    AttrName::new(name)
        .map_err(|bad| NamingError::at(text, start, "the name of an attribute", bad.to_string(), None))
}

pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
