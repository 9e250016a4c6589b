//! The tables, and the steps that lead from any older file to them.
//!
//! The number of steps that a file has gone through is its `user_version`; each step is one transaction.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// "smth": tells a journal from any other SQLite file.
const APPLICATION_ID: i32 = 0x736d_7468;

/// Steps are added at the end and never changed.
///
/// The index names only `stream`, because SQLite ends every index entry with the rowid, and that is `seq`: what one
/// stream holds is a range read in order, at 8 bytes less for each row than with the column named twice.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE events (
        seq     INTEGER PRIMARY KEY CHECK (seq > 0),
        at      INTEGER NOT NULL,
        actor   TEXT NOT NULL,
        stream  TEXT NOT NULL,
        kind    TEXT NOT NULL,
        version INTEGER NOT NULL,
        body    BLOB NOT NULL,
        hash    BLOB NOT NULL
    ) STRICT;
    CREATE INDEX events_by_stream ON events (stream);
    CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TABLE head (
        id   INTEGER PRIMARY KEY CHECK (id = 1),
        seq  INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    INSERT INTO head VALUES (1, 0, zeroblob(32));
    CREATE TABLE lease (
        id         INTEGER PRIMARY KEY CHECK (id = 1),
        generation INTEGER NOT NULL,
        owner      TEXT,
        until      INTEGER NOT NULL,
        note       BLOB NOT NULL
    ) STRICT;
    INSERT INTO lease VALUES (1, 0, NULL, 0, x'');
    CREATE TABLE snapshots (
        format  INTEGER NOT NULL,
        seq     INTEGER NOT NULL,
        hash    BLOB NOT NULL,
        raw_len INTEGER NOT NULL,
        packed  BLOB NOT NULL,
        seal    BLOB NOT NULL,
        PRIMARY KEY (format, seq)
    ) STRICT;
    CREATE TABLE blobs (
        hash    BLOB PRIMARY KEY,
        raw_len INTEGER NOT NULL,
        packed  BLOB NOT NULL
    ) STRICT;
"];

/// What a file is, before anything in it is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Empty,
    Journal { version: u32 },
    Foreign { application_id: i32 },
}

/// The version that this program writes.
pub(super) fn current() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

pub(super) fn inspect(conn: &Connection) -> rusqlite::Result<FileKind> {
    let application_id: i32 = conn.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    if application_id == APPLICATION_ID {
        let version = conn.query_row("PRAGMA user_version", (), |row| row.get(0))?;
        return Ok(FileKind::Journal { version });
    }
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if application_id == 0 && tables == 0 {
        Ok(FileKind::Empty)
    } else {
        Ok(FileKind::Foreign { application_id })
    }
}

/// Brings a file from `version` to the current one.
pub(super) fn migrate(conn: &mut Connection, version: u32) -> rusqlite::Result<()> {
    for (number, step) in (1_u32..).zip(MIGRATIONS).filter(|(number, _)| *number > version) {
        let tx = Transaction::new(conn, TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}
