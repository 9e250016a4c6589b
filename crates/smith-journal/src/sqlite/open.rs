//! Opening a journal file: the lock, the kind of file, the schema, the settings, and a look at the last rows.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use super::lock::{Locking, WriteLock, try_lock};
use super::reader::SqliteReader;
use super::schema::{self, FileKind};
use crate::checkpoint::sync_folder;
use crate::error::ReadError;
use crate::row::{Head, Seq};
use crate::store::Reader;
use crate::verify::{Broken, Walk};

/// A lone append writes 3 or 4 pages to the write-ahead log, so that a checkpoint, with its further syncs, comes after
/// about a thousand of them; 4,000 pages are 16 MiB, which a start after a crash reads in well under a second.
const CHECKPOINT_PAGES: u32 = 4_000;

/// What a large import grew the write-ahead log to is given back down to this.
const WAL_BYTES_KEPT: u32 = 64 << 20;

/// No other process writes, but an operator's shell may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(5);

/// Enough to find that the file and its log do not belong together, at no cost.
const TAIL_ROWS: u64 = 64;

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("expected to be the only writer of {}, found that another process has it open", path.display())]
    Locked { path: PathBuf },
    #[error("expected a journal in {}, found no file", path.display())]
    NoSuchFile { path: PathBuf },
    #[error("expected a journal in {}, found an empty file", path.display())]
    NotYetMade { path: PathBuf },
    #[error("expected a journal in {}, found an SQLite file of something else (application id {application_id:#x})", path.display())]
    NotAJournal { path: PathBuf, application_id: i32 },
    #[error("{} was written by a newer smith: expected schema {expected} at most, found {found}", path.display())]
    NewerSchema { path: PathBuf, expected: u32, found: u32 },
    #[error("{} has to be opened for writing once: expected schema {expected}, found {found}", path.display())]
    OlderSchema { path: PathBuf, expected: u32, found: u32 },
    #[error("the end of the journal {} is broken", path.display())]
    Tail { path: PathBuf, source: Broken },
    #[error("the end of the journal {} could not be read", path.display())]
    Read { path: PathBuf, source: ReadError },
    #[error("the file {} could not be reached", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the journal {} could not be opened", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// A connection that may write, and the lock that says so.
#[derive(Debug)]
pub(super) struct WriteAccess {
    pub(super) conn: Connection,
    pub(super) lock: WriteLock,
    /// The real path: two names of one file must lead to one lock.
    pub(super) path: PathBuf,
}

pub(super) fn open_to_write(path: &Path) -> Result<WriteAccess, OpenError> {
    let path = &real_path(path)?;
    let io_failed = |source| OpenError::Io { path: path.clone(), source };
    let failed = |source| OpenError::Sqlite { path: path.clone(), source };
    let Locking::Locked(lock) = try_lock(path).map_err(io_failed)? else {
        return Err(OpenError::Locked { path: path.clone() });
    };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(BUSY).map_err(failed)?;
    // Before the first setting, which would already write into a file that is not ours.
    let kind = schema::inspect(&conn).map_err(failed)?;
    let version = journal_version(path, kind)?.unwrap_or(0);
    configure(&conn).map_err(failed)?;
    schema::migrate(&mut conn, version).map_err(failed)?;
    if version == 0 {
        sync_folder(path).map_err(io_failed)?;
    }
    Ok(WriteAccess { conn, lock, path: path.clone() })
}

/// Opens for reading only; a server may be writing meanwhile. Nothing is verified, so that a broken journal can be
/// looked at.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    if !path.exists() {
        return Err(OpenError::NoSuchFile { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |name: &Path, flags: OpenFlags| {
        let conn = Connection::open_with_flags(name, flags)?;
        conn.busy_timeout(BUSY)?;
        let kind = schema::inspect(&conn)?;
        Ok((conn, kind))
    };
    let opened = open(path, flags).or_else(|error| match unchanging(path, &error) {
        Some(uri) => open(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI),
        None => Err(error),
    });
    let (conn, kind) = opened.map_err(failed)?;
    let expected = schema::current();
    let found =
        journal_version(path, kind)?.ok_or_else(|| OpenError::NotYetMade { path: path.to_owned() })?;
    if found < expected {
        return Err(OpenError::OlderSchema { path: path.to_owned(), expected, found });
    }
    Ok(conn)
}

/// A journal on a medium, or in a folder, that cannot be written: readers make a file beside it otherwise. It is read as one
/// that nobody changes, unless a log beside it says that somebody did.
fn unchanging(path: &Path, error: &rusqlite::Error) -> Option<String> {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    let code = error.sqlite_error_code();
    let log = std::fs::metadata(format!("{}-wal", path.display())).map_or(0, |log| log.len());
    if log > 0 || !matches!(code, Some(CannotOpen | ReadOnly)) {
        return None;
    }
    let mut uri = "file:".to_owned();
    for char in path.to_str()?.chars() {
        match char {
            '%' | '?' | '#' => uri.push_str(&format!("%{:02x}", u32::from(char))),
            char => uri.push(char),
        }
    }
    Some(uri + "?immutable=1")
}

/// The schema of a journal that this program can handle; `None` for an empty file.
fn journal_version(path: &Path, kind: FileKind) -> Result<Option<u32>, OpenError> {
    let path = path.to_owned();
    let expected = schema::current();
    match kind {
        FileKind::Empty => Ok(None),
        FileKind::Foreign { application_id } => Err(OpenError::NotAJournal { path, application_id }),
        FileKind::Journal { version } if version > expected => {
            Err(OpenError::NewerSchema { path, expected, found: version })
        }
        FileKind::Journal { version } => Ok(Some(version)),
    }
}

fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    if path.exists() {
        return path.canonicalize().map_err(failed);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// With `synchronous=FULL` a commit in WAL mode syncs the log once, and that is the only sync of an append.
fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))
}

/// Recomputes the last rows and compares them with the head record.
pub(super) fn check_tail(reader: &SqliteReader, path: &Path) -> Result<Head, OpenError> {
    let unread = |source| OpenError::Read { path: path.to_owned(), source };
    let broken = |source| OpenError::Tail { path: path.to_owned(), source };
    let head = reader.head().map_err(unread)?;
    let seq = Seq(head.seq.0.saturating_sub(TAIL_ROWS));
    let Some(hash) = reader.hash_at(seq).map_err(unread)? else {
        return Err(broken(Broken::Truncated { expected: head, found: last_row(reader).map_err(unread)? }));
    };
    let mut walk = Walk::new(Head { seq, hash }, &[]).map_err(broken)?;
    let mut fault = Ok(());
    let recorded = reader
        .read_from(seq, &mut |row| {
            fault = walk.step(&row);
            if fault.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(unread)?;
    fault.and_then(|()| walk.finish(recorded)).map_err(broken)?;
    Ok(head)
}

fn last_row(reader: &SqliteReader) -> Result<Head, ReadError> {
    reader.last_row().map(|last| last.unwrap_or(Head::GENESIS))
}
