//! The limits of the journal, and the check that every row passes before it is queued.
//!
//! They guard against runaway callers, not against honest growth: each is far above what smith writes.

use serde_json::value::RawValue;

use crate::error::{AppendError, BadRow};
use crate::row::NewRow;

/// Actors, streams and kinds are names; the longest that smith makes is a machine's DNS name (253) and a prefix.
pub const MAX_NAME_BYTES: usize = 512;

/// The largest events list some 20,000 machine names of 60 bytes; four times that. Bulk belongs into blobs.
pub const MAX_BODY_BYTES: usize = 4 << 20;

/// A command touches each machine of the fleet at most a few times; the fleet is sized for 20,000 machines.
pub const MAX_APPEND_ROWS: usize = 100_000;

/// The state of 20,000 machines is about 40 MiB; six times that.
pub const MAX_SNAPSHOT_BYTES: usize = 256 << 20;

/// A machine's package list is below 1 MiB; a build's manifest below 20 MiB.
pub const MAX_BLOB_BYTES: usize = 64 << 20;

/// The note carries a clock anchor of some tens of bytes.
pub const MAX_NOTE_BYTES: usize = 4 << 10;

/// Checks all rows of an append; done by the caller's thread, so that the writer never waits for it.
pub(crate) fn check_rows(rows: &[NewRow]) -> Result<(), AppendError> {
    if rows.len() > MAX_APPEND_ROWS {
        return Err(AppendError::TooManyRows { limit: MAX_APPEND_ROWS, found: rows.len() });
    }
    for (index, row) in rows.iter().enumerate() {
        check_row(row).map_err(|source| AppendError::BadRow { index, source })?;
    }
    Ok(())
}

pub(crate) fn check_row(row: &NewRow) -> Result<(), BadRow> {
    check_length("actor", row.actor.len(), MAX_NAME_BYTES)?;
    check_length("stream", row.stream.len(), MAX_NAME_BYTES)?;
    check_length("kind", row.kind.len(), MAX_NAME_BYTES)?;
    check_length("body", row.body.len(), MAX_BODY_BYTES)?;
    check_body(&row.body).map(drop)
}

fn check_length(field: &'static str, found: usize, limit: usize) -> Result<(), BadRow> {
    if found > limit { Err(BadRow::TooLong { field, limit, found }) } else { Ok(()) }
}

/// An exported row is one line that holds the body's text as it is; a body that could not be taken out of such a line
/// again, byte for byte, must not get in.
pub(crate) fn check_body(body: &[u8]) -> Result<&RawValue, BadRow> {
    let value: &RawValue =
        serde_json::from_slice(body).map_err(|error| BadRow::NotJson { found: error.to_string() })?;
    if value.get().len() != body.len() {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let at = if body.first().is_some_and(blank) { 0 } else { value.get().len() };
        return Err(BadRow::NotOneLine { at });
    }
    match body.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        Some(at) => Err(BadRow::NotOneLine { at }),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_survive_a_line_are_taken_and_others_refused() {
        for good in ["{}", "null", r#"{"a": [1, 2.50]}"#, r#""zwölf\n""#] {
            assert_eq!(check_body(good.as_bytes()).map(RawValue::get), Ok(good));
        }
        for (bad, at) in [(" {}", 0), ("{} ", 2), ("{\n}", 1), ("[1,\r2]", 3)] {
            assert_eq!(check_body(bad.as_bytes()).map(RawValue::get), Err(BadRow::NotOneLine { at }));
        }
        for bad in [&b"{"[..], b"", b"{} {}", b"\"\xff\"", b"nan"] {
            assert!(matches!(check_body(bad), Err(BadRow::NotJson { .. })), "{bad:?}");
        }
    }
}
