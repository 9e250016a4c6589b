//! What the journal holds: rows, their positions and their hashes.
//!
//! A row's body is opaque here: canonical JSON on one line, which the caller wrote and alone understands.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The position of a row, counted from one; zero stands before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first row.
    pub const GENESIS: Self = Self(0);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A SHA-256 value; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash before the first row: 32 zero bytes.
    pub const GENESIS: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Text that is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected 64 lower-case hexadecimal digits, found {found:?}")]
pub struct BadHash {
    pub found: String,
}

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bad = || BadHash { found: text.chars().take(80).collect() };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| bad())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (nibble(pair[0]), nibble(pair[1]));
            *byte = high.zip(low).map(|(high, low)| high << 4 | low).ok_or_else(bad)?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl TryFrom<Cow<'_, str>> for Hash {
    type Error = BadHash;

    fn try_from(text: Cow<'_, str>) -> Result<Self, BadHash> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

/// The end of the chain: the last row's position and hash. Who knows a head knows all that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Head {
    pub seq: Seq,
    pub hash: Hash,
}

impl Head {
    /// The head of an empty journal.
    pub const GENESIS: Self = Self { seq: Seq::GENESIS, hash: Hash::GENESIS };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A row that is to be appended; the journal gives it its position and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    pub actor: Cow<'static, str>,
    pub stream: Cow<'static, str>,
    pub kind: Cow<'static, str>,
    pub version: u16,
    pub body: Vec<u8>,
}

impl NewRow {
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        Content {
            at: self.at,
            actor: &self.actor,
            stream: &self.stream,
            kind: &self.kind,
            version: self.version,
            body: &self.body,
        }
    }
}

/// What a row says, without where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    pub at: i64,
    pub actor: &'a str,
    pub stream: &'a str,
    pub kind: &'a str,
    pub version: u16,
    pub body: &'a [u8],
}

/// A row as it is read, borrowed from the store for the time of one visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef<'a> {
    pub seq: Seq,
    pub content: Content<'a>,
    pub hash: Hash,
}

impl RowRef<'_> {
    #[must_use]
    pub fn to_row(&self) -> Row {
        let content = self.content;
        Row {
            seq: self.seq,
            row: NewRow {
                at: content.at,
                actor: Cow::Owned(content.actor.to_owned()),
                stream: Cow::Owned(content.stream.to_owned()),
                kind: Cow::Owned(content.kind.to_owned()),
                version: content.version,
                body: content.body.to_vec(),
            },
            hash: self.hash,
        }
    }

    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// A row of the journal, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub seq: Seq,
    pub row: NewRow,
    pub hash: Hash,
}

impl Row {
    #[must_use]
    pub fn as_ref(&self) -> RowRef<'_> {
        RowRef { seq: self.seq, content: self.row.content(), hash: self.hash }
    }
}
