//! The name of an operation, which becomes the name of a folder and of a unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Letters, digits and hyphens: nothing that a path, a unit's name or a shell could take for something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Names of systemd units end at 255 bytes and ours have a few words around them.
const MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    pub found: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected the name of an operation of 1 to {MAX} small letters, digits and hyphens, beginning with a letter or digit, found {:?}",
            self.found
        )
    }
}

impl std::error::Error for NameError {}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = text.len() <= MAX && text.bytes().all(fits) && !matches!(text.as_bytes(), [] | [b'-', ..]);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError { found: text.chars().take(MAX + 1).collect() })
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for bad in ["", "-a", "..", "a/b", "a.b", "A", "a b", "a\n", "ä", &"a".repeat(101)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for good in ["a", "r12-m3-s4", "0", &"a".repeat(100)] {
            assert_eq!(good.parse::<Name>().map(String::from), Ok(good.to_owned()));
        }
    }
}
