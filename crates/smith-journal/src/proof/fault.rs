//! What can be wrong with an export, and what can keep one from being written.

use std::io;

use thiserror::Error;

use crate::error::{Cause, ReadError};
use crate::row::{Hash, Seq};
use crate::verify::Broken;

/// The first thing that is wrong with an export, and where.
#[derive(Debug, Clone, Error)]
#[error("{} is bad", place(*.line))]
pub struct ExportFault {
    /// Counted from the first line of the packed text; 0 is the file around it.
    pub line: u64,
    #[source]
    pub fault: Fault,
}

fn place(line: u64) -> String {
    if line == 0 { "the export".to_owned() } else { format!("line {line} of the export") }
}

#[derive(Debug, Clone, Error)]
pub enum Fault {
    #[error("the file could not be read")]
    Io(#[source] Cause),
    #[error("expected the first line of an export, found {found:?}")]
    NotAnExport { found: String },
    #[error("the file was changed after it was written: expected SHA-256 {expected}, found {found}")]
    Changed { expected: Hash, found: Hash },
    #[error("expected packed text, found at byte {byte} of the file that it is damaged: {found}")]
    Damaged { byte: u64, found: String },
    #[error("expected the end of the file at byte {byte}, found more")]
    Trailing { byte: u64 },
    #[error("expected at most {limit} bytes in the line, found more")]
    TooLong { limit: u64 },
    #[error("expected {expected}, found the end")]
    Torn { expected: &'static str },
    #[error("expected a line of an export, found {found}")]
    NotALine { found: String },
    #[error("expected {expected}, found {found}")]
    WrongLine { expected: &'static str, found: &'static str },
    #[error("expected row {expected}, found row {found}")]
    WrongSeq { expected: Seq, found: Seq },
    /// The row was changed, or it stood behind another one.
    #[error("row {seq} is not as it was written: expected hash {expected}, found {found}")]
    WrongHash { seq: Seq, expected: Hash, found: Hash },
    #[error("expected the journal whose first row has hash {expected}, found {found}")]
    WrongJournal { expected: Hash, found: Hash },
    #[error(
        "expected omitted rows whose number is a power of two and divides the {before} rows before them, found {found}"
    )]
    Misplaced { before: u64, found: u64 },
    #[error("expected for {rows} omitted rows {expected}, found otherwise")]
    WrongOmission { rows: u64, expected: &'static str },
    #[error("expected no omitted row where everything is told, found {rows}")]
    NotEverything { rows: u64 },
    #[error("expected a row that was chosen where only such are told, found row {seq}")]
    NotChosen { seq: Seq },
    #[error("the rows up to {seq} are not those of the journal: expected root {expected}, found {found}")]
    WrongRoot { seq: Seq, expected: Hash, found: Hash },
    #[error("expected at the end {what} {expected}, found {found}")]
    WrongEnd { what: &'static str, expected: u64, found: u64 },
    #[error("what is attached was changed: expected SHA-256 {expected}, found {found}")]
    WrongAttached { expected: Hash, found: Hash },
    #[error(
        "expected that a row is attached to what it names, found {sha256} behind one that does not name it"
    )]
    NotNamed { sha256: Hash },
}

impl Fault {
    pub(super) fn at(self, line: u64) -> ExportFault {
        ExportFault { line, fault: self }
    }
}

/// Why no export could be written.
#[derive(Debug, Error)]
pub enum ProofError {
    #[error("expected at least one row, found an empty journal")]
    Empty,
    #[error("the journal is broken")]
    Broken(#[from] Broken),
    #[error("the journal could not be read")]
    Read(#[from] ReadError),
    #[error("the body of row {seq} is no text")]
    NotText { seq: Seq },
    #[error("expected a row {seq} for a checkpoint, found that the journal ends with row {last}")]
    NoSuchRow { seq: Seq, last: Seq },
    #[error("expected at most {limit} bytes to attach, found {found}")]
    TooMuch { limit: usize, found: usize },
    #[error("the export could not be written")]
    Write(#[source] io::Error),
}

/// A checkpoint that an export does not agree with: the history was written anew or cut off, or this is another journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OtherHistory {
    #[error("row {seq} is not what the checkpoint was taken of: expected {what} {expected}, found {found}")]
    Row { seq: Seq, what: &'static str, expected: Hash, found: Hash },
    /// Whoever keeps the checkpoint knows that there was more.
    #[error("expected row {seq}, of which a checkpoint was taken, found that the export ends with row {end}")]
    Ends { end: Seq, seq: Seq },
}
