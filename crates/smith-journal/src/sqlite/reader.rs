//! Reading a journal file, beside its writer or from another process.
//!
//! Each read runs in one transaction of its own, and so sees one moment. A visitor that takes long keeps the
//! write-ahead log from being reused, nothing worse.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _};

use super::open::{OpenError, open_to_read};
use crate::blob::{self, Packed};
use crate::error::{BlobError, Cause, ReadError};
use crate::lease::{Generation, Lease};
use crate::row::{Content, Hash, Head, RowRef, Seq};
use crate::snapshot::Sealed;
use crate::store::{Reader, Visitor};

/// Connections kept for the next reader; the driver, two pages and an export read at once.
const IDLE: usize = 4;

const SCAN: &str =
    "SELECT seq, at, actor, stream, kind, version, body, hash FROM events WHERE seq > ?1 ORDER BY seq";
const SCAN_STREAM: &str = "SELECT seq, at, actor, stream, kind, version, body, hash FROM events \
                           WHERE stream = ?2 AND seq > ?1 ORDER BY seq";

/// A journal file, opened for reading only; what `verify` and `export` work on while a server runs.
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteReader {
    /// Opens the file as it is; nothing is verified.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let conn = open_to_read(&path)?;
        Ok(Self { path, idle: Mutex::new(vec![conn]) })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open_to_read(&self.path).map_err(failed)?,
        };
        let tx = conn.unchecked_transaction().map_err(failed)?;
        let result = work(&tx);
        tx.finish().map_err(failed)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(conn);
        }
        result
    }

    pub(super) fn last_row(&self) -> Result<Option<Head>, ReadError> {
        self.with(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
                .map_err(failed)?;
            let mut rows = statement.query(()).map_err(failed)?;
            rows.next().map_err(failed)?.map(|row| head_of(row)).transpose()
        })
    }
}

impl Reader for SqliteReader {
    fn head(&self) -> Result<Head, ReadError> {
        self.with(read_head)
    }

    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        if seq == Seq::GENESIS {
            return Ok(Some(Hash::GENESIS));
        }
        self.with(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT seq, hash FROM events WHERE seq = ?1").map_err(failed)?;
            let mut rows = statement.query([signed(seq)]).map_err(failed)?;
            rows.next().map_err(failed)?.map(|row| head_of(row).map(|head| head.hash)).transpose()
        })
    }

    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.with(|conn| scan(conn, SCAN, [signed(after)], visit))
    }

    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.with(|conn| scan(conn, SCAN_STREAM, (signed(after), stream), visit))
    }

    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError> {
        self.with(|conn| {
            let sql = "SELECT seq, hash FROM snapshots WHERE format = ?1 ORDER BY seq DESC";
            let mut statement = conn.prepare_cached(sql).map_err(failed)?;
            let rows = statement.query_map([format], |row| {
                Ok(Head { seq: Seq(unsigned(row.get(0)?)), hash: Hash(row.get(1)?) })
            });
            rows.and_then(Iterator::collect).map_err(failed)
        })
    }

    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError> {
        self.with(|conn| {
            let sql = "SELECT hash, raw_len, packed, seal FROM snapshots WHERE format = ?1 AND seq = ?2";
            let mut statement = conn.prepare_cached(sql).map_err(failed)?;
            let found = statement.query_row((format, signed(seq)), |row| {
                Ok(Sealed {
                    head: Head { seq, hash: Hash(row.get(0)?) },
                    format,
                    raw_len: unsigned(row.get(1)?),
                    packed: row.get(2)?,
                    seal: Hash(row.get(3)?),
                })
            });
            found.optional().map_err(failed)
        })
    }

    fn lease(&self) -> Result<Lease, ReadError> {
        self.with(|conn| read_lease(conn).map_err(failed))
    }

    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError> {
        let packed = self.with(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT raw_len, packed FROM blobs WHERE hash = ?1").map_err(failed)?;
            let found = statement
                .query_row([&hash.0[..]], |row| {
                    Ok(Packed { hash, raw_len: unsigned(row.get(0)?), bytes: row.get(1)? })
                })
                .optional();
            found.map_err(failed)
        })?;
        packed.as_ref().map(blob::unpack).transpose()
    }
}

fn scan(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    visit: &mut Visitor<'_>,
) -> Result<Head, ReadError> {
    let head = read_head(conn)?;
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        if let ControlFlow::Break(()) = visit(decode(row)?) {
            break;
        }
    }
    Ok(head)
}

pub(super) fn read_head(conn: &Connection) -> Result<Head, ReadError> {
    let mut statement = conn.prepare_cached("SELECT seq, hash FROM head WHERE id = 1").map_err(failed)?;
    let mut rows = statement.query(()).map_err(failed)?;
    match rows.next().map_err(failed)? {
        Some(row) => head_of(row),
        None => Err(unreadable(Seq::GENESIS, "the head record", "there", "none")),
    }
}

pub(super) fn read_lease(conn: &Connection) -> rusqlite::Result<Lease> {
    let mut statement =
        conn.prepare_cached("SELECT generation, owner, until, note FROM lease WHERE id = 1")?;
    statement.query_row((), |row| {
        Ok(Lease {
            generation: Generation(unsigned(row.get(0)?)),
            owner: row.get(1)?,
            until: row.get(2)?,
            note: row.get(3)?,
        })
    })
}

fn head_of(row: &rusqlite::Row<'_>) -> Result<Head, ReadError> {
    let seq = Seq(unsigned(integer(row, 0, Seq::GENESIS, "seq")?));
    Ok(Head { seq, hash: hash(row, 1, seq)? })
}

fn decode<'r>(row: &'r rusqlite::Row<'_>) -> Result<RowRef<'r>, ReadError> {
    let seq = Seq(unsigned(integer(row, 0, Seq::GENESIS, "seq")?));
    let version = integer(row, 5, seq, "version")?;
    let content = Content {
        at: integer(row, 1, seq, "at")?,
        actor: text(row, 2, seq, "actor")?,
        stream: text(row, 3, seq, "stream")?,
        kind: text(row, 4, seq, "kind")?,
        version: u16::try_from(version)
            .map_err(|_| unreadable(seq, "version", "0 to 65535", version.to_string()))?,
        body: blob(row, 6, seq, "body")?,
    };
    Ok(RowRef { seq, content, hash: hash(row, 7, seq)? })
}

fn integer(row: &rusqlite::Row<'_>, at: usize, seq: Seq, column: &'static str) -> Result<i64, ReadError> {
    let value = row.get_ref(at).map_err(failed)?;
    value.as_i64().map_err(|_| unreadable(seq, column, "an integer", type_name(value)))
}

fn text<'r>(
    row: &'r rusqlite::Row<'_>,
    at: usize,
    seq: Seq,
    column: &'static str,
) -> Result<&'r str, ReadError> {
    let value = row.get_ref(at).map_err(failed)?;
    value.as_str().map_err(|_| unreadable(seq, column, "UTF-8 text", type_name(value)))
}

fn blob<'r>(
    row: &'r rusqlite::Row<'_>,
    at: usize,
    seq: Seq,
    column: &'static str,
) -> Result<&'r [u8], ReadError> {
    let value = row.get_ref(at).map_err(failed)?;
    value.as_blob().map_err(|_| unreadable(seq, column, "bytes", type_name(value)))
}

fn hash(row: &rusqlite::Row<'_>, at: usize, seq: Seq) -> Result<Hash, ReadError> {
    let bytes = blob(row, at, seq, "hash")?;
    let found = || format!("{} bytes", bytes.len());
    bytes.try_into().map(Hash).map_err(|_| unreadable(seq, "hash", "32 bytes", found()))
}

fn type_name(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) if std::str::from_utf8(bytes).is_err() => "text of other bytes".to_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => {
            value.data_type().to_string().to_lowercase()
        }
    }
}

fn unreadable(seq: Seq, column: &'static str, expected: &'static str, found: impl Into<String>) -> ReadError {
    ReadError::Unreadable { seq, column, expected, found: found.into() }
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ReadError {
    ReadError::Failed(Cause::new(error))
}

/// SQLite's integers are signed. A position beyond them is beyond any row, as the largest of them is.
pub(super) fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// What was stored was never negative; a negative number is damage, and reads as a position that no row has.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
