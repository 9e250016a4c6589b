//! The journal as text: one JSON object a line, the body as the very bytes that were hashed.
//!
//! Export does not verify. A journal that was tampered with is written out as it is, and import finds the place.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::error::{BadRow, ReadError};
use crate::limits::check_body;
use crate::row::{Hash, Head, RowRef, Seq};
use crate::store::Reader;

/// One line. The order of the fields is the order on the line, and so part of the format.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    pub(crate) seq: Seq,
    pub(crate) at: i64,
    #[serde(borrow)]
    pub(crate) actor: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) stream: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) version: u16,
    #[serde(borrow)]
    pub(crate) body: &'a RawValue,
    pub(crate) hash: Hash,
}

#[derive(Debug, Error)]
pub enum ExportError {
    #[error("row {seq} cannot be written as a line")]
    BadBody { seq: Seq, source: BadRow },
    #[error("the journal could not be exported")]
    Read(#[from] ReadError),
    #[error("the export could not be written")]
    Write(#[source] io::Error),
}

/// Writes all rows after `after` and returns the head of the moment that was exported. Importing needs all rows.
pub fn export(reader: &dyn Reader, after: Seq, out: &mut dyn Write) -> Result<Head, ExportError> {
    let mut failure = None;
    let head = reader.read_from(after, &mut |row| match write_line(&row, out) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    out.flush().map_err(ExportError::Write)?;
    Ok(head)
}

fn write_line(row: &RowRef<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let content = &row.content;
    let body = check_body(content.body).map_err(|source| ExportError::BadBody { seq: row.seq, source })?;
    let line = Line {
        seq: row.seq,
        at: content.at,
        actor: Cow::Borrowed(content.actor),
        stream: Cow::Borrowed(content.stream),
        kind: Cow::Borrowed(content.kind),
        version: content.version,
        body,
        hash: row.hash,
    };
    serde_json::to_writer(&mut *out, &line).map_err(|error| ExportError::Write(error.into()))?;
    out.write_all(b"\n").map_err(ExportError::Write)
}
