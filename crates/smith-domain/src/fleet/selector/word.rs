//! The words of a selector: names, globs with ranges, regular expressions and quoted text.

use std::net::IpAddr;

use regex::{Regex, RegexBuilder};

use crate::id::MachineName;

use super::error::SelectorError;
use super::expr::NameTerm;
use super::glob::{Glob, Part};
use super::parse::{MAX_EXPANSION, MAX_REGEX, MAX_REGEXES, Parser};
use super::range::{MAX_DIGITS, Range, RangeSet};

/// Memory of one compiled regular expression: `\d{3}` with all the digits of Unicode needs about 10 KB.
const MAX_COMPILED: usize = 1 << 20;

/// Compiles an expression that must match a whole text.
pub(super) fn whole_regex(text: &str) -> Result<Regex, regex::Error> {
    let build = |text: &str| {
        RegexBuilder::new(text).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).nest_limit(32).build()
    };
    // Alone first: `a)(b` must not become valid by what is put around it.
    build(text)?;
    build(&format!(r"\A(?:{text})\z"))
}

impl<'a> Parser<'a> {
    pub(super) fn quoted_name(&mut self) -> Result<NameTerm, SelectorError> {
        let start = self.at;
        let text = self.quoted()?;
        match MachineName::new(text.as_str()) {
            Ok(_) => Ok(NameTerm::Exact(text)),
            Err(bad) => Err(self.error_at(start, "a machine name".into(), bad.to_string(), None)),
        }
    }

    pub(super) fn name(&mut self) -> Result<NameTerm, SelectorError> {
        let start = self.at;
        let word = self.word(|c| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"'))?;
        if let Ok(address) = word.parse::<IpAddr>() {
            return Ok(NameTerm::Address(address));
        }
        let glob = self.glob(start, word)?;
        for part in glob.parts() {
            let Part::Text(text) = part else { continue };
            let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) else {
                continue;
            };
            let column = start + word.find(bad).unwrap_or(0);
            let hint = name_hint(bad);
            return Err(self.error_at(
                column,
                "a character of a machine name".into(),
                format!("{bad:?}"),
                hint,
            ));
        }
        match glob.as_text().map(MachineName::new) {
            Some(Ok(name)) => Ok(NameTerm::Exact(name.into())),
            Some(Err(bad)) => Err(self.error_at(start, "a machine name".into(), bad.to_string(), None)),
            None => {
                self.names = self.names.saturating_add(glob.count().unwrap_or(0));
                if self.names > MAX_EXPANSION {
                    let expected = format!("ranges that stand for at most {MAX_EXPANSION} names");
                    return Err(self.error_at(start, expected, format!("{} names", self.names), None));
                }
                Ok(NameTerm::Glob(glob))
            }
        }
    }

    /// The rest of a word, up to a character that ends it outside of brackets.
    pub(super) fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<&'a str, SelectorError> {
        let start = self.at;
        let mut bracket = None;
        for (offset, c) in self.text[start..].char_indices() {
            match c {
                '[' if bracket.is_none() => bracket = Some(start + offset),
                ']' => bracket = None,
                ',' if bracket.is_some() => {}
                _ if ends(c) => {
                    self.at = start + offset;
                    return self.closed(bracket, start);
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        self.closed(bracket, start)
    }

    fn closed(&self, bracket: Option<usize>, start: usize) -> Result<&'a str, SelectorError> {
        match bracket {
            None => Ok(&self.text[start..self.at]),
            Some(_) => Err(self.error_at(self.at, "`]`".into(), self.found_at(self.at), None)),
        }
    }

    /// `word` stands at `start` of the text.
    pub(super) fn glob(&self, start: usize, word: &str) -> Result<Glob, SelectorError> {
        let mut glob = Glob::default();
        let mut rest = word;
        while let Some(c) = rest.chars().next() {
            let here = start + word.len() - rest.len();
            rest = &rest[c.len_utf8()..];
            match c {
                '*' => glob.push_many(),
                '?' => glob.push_one(),
                '[' => {
                    let end = rest.find(']').unwrap_or(rest.len());
                    glob.push_number(self.range_set(here + 1, &rest[..end])?);
                    rest = rest.get(end + 1..).unwrap_or("");
                }
                ']' => {
                    return Err(self.error_at(here, "`[` before it".into(), "`]`".into(), None));
                }
                other => glob.push_char(other),
            }
        }
        Ok(glob)
    }

    fn range_set(&self, start: usize, text: &str) -> Result<RangeSet, SelectorError> {
        let mut ranges = Vec::new();
        let mut at = start;
        for item in text.split(',') {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let bad = |found: &str, hint: &str| {
                self.error_at(at, "a number or a range such as 1-9".into(), found.into(), Some(hint.into()))
            };
            let (Some(low), Some(high)) = (digits(first), digits(last)) else {
                let hint = "brackets hold numbers: [1-3], [01-03], [1001-1010,2001]";
                return Err(bad(&format!("{item:?}"), hint));
            };
            let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 1 };
            if last.len() > 1 && last.starts_with('0') && last.len() != first.len() {
                return Err(bad(&format!("{item:?}"), "write both ends with the same number of digits"));
            }
            if low > high {
                return Err(bad(
                    &format!("{item:?}"),
                    &format!("the smaller number comes first: {last}-{first}"),
                ));
            }
            ranges.push(Range { first: low, last: high, width });
            at += item.len() + 1;
        }
        Ok(RangeSet(ranges))
    }

    pub(super) fn regex(&mut self) -> Result<String, SelectorError> {
        let start = self.at;
        let mut regex = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        let end = loop {
            match chars.next() {
                Some((offset, '/')) => break start + 1 + offset,
                Some((_, '\\')) => match chars.next() {
                    Some((_, '/')) => regex.push('/'),
                    Some((_, other)) => regex.extend(['\\', other]),
                    None => return Err(self.error_at(self.text.len(), "`/`".into(), "the end".into(), None)),
                },
                Some((_, other)) => regex.push(other),
                None => {
                    let hint = "a regular expression stands between slashes: /prod-.*/".to_owned();
                    return Err(self.error_at(
                        self.text.len(),
                        "`/` at the end of the regular expression".into(),
                        "the end".into(),
                        Some(hint),
                    ));
                }
            }
        };
        self.regexes += 1;
        let expected = "a regular expression";
        if regex.is_empty() || regex.len() > MAX_REGEX {
            let found = format!("{} bytes", regex.len());
            return Err(self.error_at(start, format!("{expected} of 1 to {MAX_REGEX} bytes"), found, None));
        }
        if self.regexes > MAX_REGEXES {
            let expected = format!("at most {MAX_REGEXES} regular expressions");
            return Err(self.error_at(start, expected, "one more".into(), None));
        }
        if let Err(error) = whole_regex(&regex) {
            // The library draws pictures over several lines; its last line says what is wrong.
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            return Err(self.error_at(start, expected.into(), format!("/{regex}/"), Some(reason)));
        }
        self.at = end + 1;
        Ok(regex)
    }

    pub(super) fn quoted(&mut self) -> Result<String, SelectorError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + 1 + offset + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((at, other)) => {
                        let expected = "`\\\"` or `\\\\`".to_owned();
                        return Err(self.error_at(start + 1 + at, expected, format!("{other:?}"), None));
                    }
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.error_at(self.text.len(), "`\"` at the end of the text".into(), "the end".into(), None))
    }
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn name_hint(bad: char) -> Option<String> {
    match bad {
        '^' | '$' | '+' | '|' | '\\' | '{' | '}' => {
            Some("a regular expression stands between slashes: /prod-.*/".into())
        }
        '=' | '!' | '<' | '>' => Some("an attribute is written without spaces: role=worker".into()),
        ':' => Some("a port does not belong to a name; an address has a whole word to itself".into()),
        ';' => Some("names are separated by spaces or commas".into()),
        _ => None,
    }
}
