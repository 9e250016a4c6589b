//! The SHA-256 of something that is not to be told, a token's secret, or that is kept elsewhere: a request as it came, a list of
//! packages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDigest {
    #[error("expected the {DIGITS} hexadecimal digits of a SHA-256, found {found} characters")]
    Length { found: usize },
    #[error("expected the lower-case hexadecimal digits of a SHA-256, found {found:?} among them")]
    Digit { found: char },
}

impl Digest {
    pub fn new(text: impl Into<String>) -> Result<Self, BadDigest> {
        let text = text.into();
        let found = text.chars().count();
        if found != DIGITS {
            return Err(BadDigest::Length { found });
        }
        match text.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            Some(found) => Err(BadDigest::Digit { found }),
            None => Ok(Self(text)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Self, BadDigest> {
        Self::new(text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}
