//! Fills an empty store from exported lines, all or nothing; the chain is verified line by line on the way in.

use std::io::{self, BufRead, Read};

use thiserror::Error;

use crate::chain::Chain;
use crate::error::{BadRow, Cause, WriteError};
use crate::export::Line;
use crate::limits::{MAX_BODY_BYTES, check_row};
use crate::row::{Hash, Head, NewRow, Seq};
use crate::store::{RowSource, Store};

/// The longest body, and as much again for names whose every byte is written as a `\u` escape.
const MAX_LINE_BYTES: u64 = 2 * MAX_BODY_BYTES as u64;

#[derive(Debug, Clone, Error)]
pub enum LoadError {
    #[error("expected an empty journal, found head {found}")]
    NotEmpty { found: Head },
    #[error("nothing was imported")]
    Line(#[from] BadLine),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The first line that is not what it should be.
#[derive(Debug, Clone, Error)]
#[error("line {line} is bad")]
pub struct BadLine {
    pub line: u64,
    #[source]
    pub fault: LineFault,
}

#[derive(Debug, Clone, Error)]
pub enum LineFault {
    #[error("the input could not be read")]
    Io(#[source] Cause),
    #[error("expected at most {limit} bytes in the line, found more")]
    TooLong { limit: u64 },
    #[error("expected the line to end in a line break, found the end of the input")]
    Torn,
    #[error("expected a row of the journal, found {found}")]
    NotARow { found: String },
    #[error("expected row {expected}, found row {found}")]
    WrongSeq { expected: Seq, found: Seq },
    #[error("expected hash {expected}, found {found}")]
    WrongHash { expected: Hash, found: Hash },
    #[error("the row cannot be stored")]
    BadRow(#[source] BadRow),
}

/// Reads lines until the input ends. That lines are missing at its end cannot be seen from the lines alone: compare
/// the head with what the exporter printed, or with a checkpoint.
pub fn import(store: &dyn Store, input: impl BufRead + Send + 'static) -> Result<Head, LoadError> {
    store.load(Box::new(Lines { input, chain: Chain::default(), text: Vec::new() }))
}

struct Lines<R> {
    input: R,
    chain: Chain,
    text: Vec<u8>,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<NewRow, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        // Rows are dense from one, so the row that is due is also the number of the line.
        let line = self.chain.head().seq.0 + 1;
        match self.read_line() {
            Ok(More::End) => None,
            Ok(More::Line) => Some(self.parse().map_err(|fault| BadLine { line, fault })),
            Err(fault) => Some(Err(BadLine { line, fault })),
        }
    }
}

enum More {
    Line,
    End,
}

impl<R: BufRead> Lines<R> {
    fn read_line(&mut self) -> Result<More, LineFault> {
        self.text.clear();
        let failed = |error: io::Error| LineFault::Io(Cause::new(error));
        self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.text).map_err(failed)?;
        match self.text.last() {
            None => Ok(More::End),
            Some(b'\n') => Ok(More::Line),
            Some(_) if self.text.len() as u64 == MAX_LINE_BYTES => {
                Err(LineFault::TooLong { limit: MAX_LINE_BYTES })
            }
            Some(_) => Err(LineFault::Torn),
        }
    }

    fn parse(&mut self) -> Result<NewRow, LineFault> {
        let line: Line<'_> = serde_json::from_slice(&self.text)
            .map_err(|error| LineFault::NotARow { found: error.to_string() })?;
        let expected = self.chain.head().seq.next();
        if line.seq != expected {
            return Err(LineFault::WrongSeq { expected, found: line.seq });
        }
        let row = NewRow {
            at: line.at,
            actor: line.actor.into_owned().into(),
            stream: line.stream.into_owned().into(),
            kind: line.kind.into_owned().into(),
            version: line.version,
            body: line.body.get().as_bytes().to_vec(),
        };
        let computed = self.chain.push(&row.content());
        if computed.hash != line.hash {
            return Err(LineFault::WrongHash { expected: computed.hash, found: line.hash });
        }
        Ok(row)
    }
}

/// The rows of a load, each checked as an append would check it.
pub(crate) fn checked(rows: RowSource) -> impl Iterator<Item = Result<NewRow, BadLine>> {
    rows.zip(1..).map(|(row, line)| {
        let row = row?;
        check_row(&row).map_err(|bad| BadLine { line, fault: LineFault::BadRow(bad) })?;
        Ok(row)
    })
}
