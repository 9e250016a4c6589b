//! Names with `*` and `?`, as people write them on a command line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name in which `*` stands for any text and `?` for one character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at, mut read) = (0, 0);
        // Where to go on if what follows the last star does not fit: one byte further.
        let mut star: Option<(usize, usize)> = None;
        while read < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at + 1, read));
                    at += 1;
                }
                Some(byte) if *byte == b'?' || *byte == text[read] => {
                    at += 1;
                    read += 1;
                }
                Some(_) | None => {
                    let Some((after, from)) = star else { return false };
                    (at, read) = (after, from + 1);
                    star = Some((after, from + 1));
                }
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "abc"),
            ("linux-*", "linux-image"),
            ("*-dev", "a-b-dev"),
            ("a?c", "abc"),
            ("*a*b*", "xxaxbx"),
            ("**", ""),
        ] {
            assert!(Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "b"),
            ("a", ""),
            ("", "a"),
            ("linux-*", "linux"),
            ("*-dev", "dev"),
            ("a?c", "ac"),
            ("*a*b", "ba"),
        ] {
            assert!(!Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_the_square() {
        let pattern = Pattern::new(&("*a".repeat(200) + "b"));
        assert!(!pattern.matches(&"a".repeat(20_000)));
    }
}
