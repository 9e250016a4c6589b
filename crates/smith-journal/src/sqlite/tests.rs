//! What can only be brought about from inside: groups of a known make-up, a full disk, a commit that fails.

use std::sync::mpsc::{Sender, channel};

use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use super::schema;
use super::writer::{Pending, Step, Writer};
use crate::error::{AppendError, WriteError};
use crate::lease::Generation;
use crate::row::{Head, NewRow};
use crate::store::{Reader as _, Store as _};

fn store() -> (SqliteStore, TempDir) {
    let folder = TempDir::new().expect("a folder");
    (SqliteStore::open(folder.path().join("journal.db")).expect("a journal"), folder)
}

fn row(text: &str) -> NewRow {
    NewRow {
        at: 0,
        actor: "a".into(),
        stream: "s".into(),
        kind: "k".into(),
        version: 1,
        body: format!("{text:?}").into_bytes(),
    }
}

/// Keeps the writing thread busy until the sender is dropped: what is queued meanwhile becomes one group.
fn hold(writer: &Writer) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (started, start) = channel();
    let writer = writer.clone();
    std::thread::spawn(move || {
        let held = writer.call(move |_| {
            started.send(()).expect("a test that waits");
            let _ = released.recv();
            Ok(Step::Wrote(()))
        });
        held.expect("a group of its own");
    });
    start.recv().expect("a start");
    release
}

fn sql(writer: &Writer, sql: &'static str) -> Result<(), WriteError> {
    writer.call(move |group| group.conn.execute_batch(sql).map(Step::Wrote))
}

fn submit(writer: &Writer, expected: Head, text: &str) -> Pending {
    writer.submit(Generation::NONE, expected, vec![row(text)])
}

#[test]
fn a_stale_append_in_a_group_spoils_no_other() {
    let (store, _folder) = store();
    let writer = store.writer();
    let release = hold(&writer);
    let first = Head::GENESIS.after(&[row("1")]);
    let pending = [
        submit(&writer, Head::GENESIS, "1"),
        submit(&writer, Head::GENESIS, "stale"),
        submit(&writer, first, "2"),
    ];
    drop(release);
    let [one, stale, two] = pending.map(Pending::wait);
    assert_eq!(one.expect("an append"), first);
    assert!(matches!(stale, Err(AppendError::StaleHead { found, .. }) if found == first), "{stale:?}");
    assert_eq!(two.expect("an append"), store.head().expect("a head"));
}

#[test]
fn a_full_disk_fails_the_whole_group_and_leaves_nothing() {
    let (store, _folder) = store();
    let writer = store.writer();
    let head = submit(&writer, Head::GENESIS, "before").wait().expect("room");
    sql(&writer, "PRAGMA max_page_count = 1").expect("a limit");
    let release = hold(&writer);
    let next = head.after(&[row("small")]);
    let large = "x".repeat(100_000);
    let pending =
        [submit(&writer, head, "small"), submit(&writer, head, "stale"), submit(&writer, next, &large)];
    drop(release);
    for answer in pending.map(Pending::wait) {
        assert!(matches!(answer, Err(AppendError::NotWritten(_))), "{answer:?}");
    }
    assert_eq!(store.head().expect("a head"), head);
    sql(&writer, "PRAGMA max_page_count = 1000000").expect("a limit");
    let after = store.append_if_head(Generation::NONE, head, vec![row(&large)]).expect("room again");
    assert_eq!(store.head().expect("a head"), after);
}

#[test]
fn a_commit_of_unknown_end_closes_the_store_for_writing() {
    let (store, folder) = store();
    let writer = store.writer();
    let head = submit(&writer, Head::GENESIS, "before").wait().expect("an append");
    let release = hold(&writer);
    let written = submit(&writer, head, "1");
    let stale = submit(&writer, Head::GENESIS, "stale");
    // Stands for a failing sync: it makes COMMIT itself fail.
    let failing = writer.enqueue(1, |group| {
        let unpaired = "CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (parent REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO child VALUES (7)";
        group.conn.execute_batch(unpaired).map(Step::Wrote)
    });
    drop(release);
    let (failed, written, stale) = (failing.wait(), written.wait(), stale.wait());
    assert!(matches!(failed, Err(WriteError::Unknown(_))), "{failed:?}");
    assert!(matches!(written, Err(AppendError::Unknown(_))), "{written:?}");
    assert!(matches!(stale, Err(AppendError::NotWritten(_))), "{stale:?}");
    let later = store.append_if_head(Generation::NONE, head, vec![row("later")]);
    assert!(matches!(later, Err(AppendError::NotWritten(_))), "{later:?}");
    drop((store, writer));
    let store = SqliteStore::open(folder.path().join("journal.db")).expect("a journal");
    let found = store.head().expect("a head");
    store.append_if_head(Generation::NONE, found, vec![row("again")]).expect("an open journal");
}

#[test]
fn reading_a_stream_sorts_nothing() {
    let mut conn = Connection::open_in_memory().expect("a database");
    schema::migrate(&mut conn, 0).expect("the schema");
    let sql = "EXPLAIN QUERY PLAN SELECT body FROM events WHERE stream = 's' AND seq > 3 ORDER BY seq";
    let plan: Vec<String> = conn
        .prepare(sql)
        .and_then(|mut plan| plan.query_map((), |row| row.get(3))?.collect())
        .expect("a plan");
    assert_eq!(plan, ["SEARCH events USING INDEX events_by_stream (stream=? AND rowid>?)"]);
}

#[test]
fn the_writing_connection_syncs_each_commit_once() {
    let (store, _folder) = store();
    let settings = store.writer().call(|group| {
        let pragma = |name| group.conn.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        let number = |name| group.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(Step::Wrote((pragma("journal_mode")?, number("synchronous")?, number("wal_autocheckpoint")?)))
    });
    // 2 is FULL; a checkpoint, which syncs more, is made once in about a thousand lone appends.
    assert_eq!(settings.expect("the settings"), ("wal".to_owned(), 2, 4_000));
}
