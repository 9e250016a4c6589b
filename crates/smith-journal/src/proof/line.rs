//! The first line of an export, and the lines that are packed behind it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_BODY_BYTES;
use crate::row::{Hash, Head, Seq};

/// What the file begins with; the SHA-256 of all that comes behind its first line follows, as hexadecimal digits.
pub(super) const MAGIC: &str = "smith audit export 1 sha256 ";

/// The first line: [`MAGIC`], 64 digits, a line break.
pub(super) const FIRST_LINE: usize = MAGIC.len() + 64 + 1;

/// The longest body or attachment as a string within a line, with every character of it escaped, and room for its names.
pub(super) const MAX_LINE_BYTES: u64 = 4 * MAX_BODY_BYTES as u64;

/// What may be attached to a row. The longest package list of a machine is an eighth of it.
pub const MAX_ATTACHED_BYTES: usize = MAX_BODY_BYTES;

/// One line: an object with one field, which says what it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line<'a> {
    Export(About),
    #[serde(borrow)]
    Row(RowLine<'a>),
    Omitted(Omitted),
    Checkpoint(Marked),
    #[serde(borrow)]
    Attached(Attached<'a>),
    End(End),
}

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The hash of the journal's first row: no two journals share it.
    pub journal: Hash,
    /// When it was made, by the clock of the computer that made it.
    pub made: String,
    pub program: String,
    pub scope: Scope,
    /// What was asked for, by the names of the command line's options.
    pub filter: BTreeMap<String, String>,
}

/// Which rows are there in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Those that the filter chooses. That it chose all it should cannot be seen.
    Chosen,
    /// All of them: whoever reads it can choose again.
    Everything,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowLine<'a> {
    pub(super) seq: Seq,
    pub(super) at: i64,
    #[serde(borrow)]
    pub(super) actor: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) stream: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) version: u16,
    /// The body as a string: whoever parses the line has the very bytes that were hashed.
    #[serde(borrow)]
    pub(super) body: Cow<'a, str>,
    pub(super) hash: Hash,
    pub(super) chosen: bool,
}

/// Rows that are not told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Omitted {
    /// A power of two; they begin at a multiple of it.
    pub(super) rows: u64,
    /// The node of the tree over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<Hash>,
    /// Of a single row, where what follows needs it: its hash in the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<Hash>,
}

/// The journal as it was when it ended with this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marked {
    pub seq: Seq,
    pub hash: Hash,
    pub root: Hash,
}

impl Marked {
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// What the row before it names by its SHA-256.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attached<'a> {
    pub(super) sha256: Hash,
    /// Nothing where the journal's computer did not have it any more.
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) chosen: u64,
    /// Rows that are told and were not chosen.
    pub(super) others: u64,
    pub(super) omitted: u64,
    pub(super) attached: u64,
    pub(super) seq: Seq,
    pub(super) hash: Hash,
    pub(super) root: Hash,
}
