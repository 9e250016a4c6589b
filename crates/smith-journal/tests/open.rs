//! Opening a file: what is refused, in which words, and what may be open at the same time.

use std::path::Path;

use rusqlite::Connection;
use smith_journal::{
    BadSnapshot, BlobError, Generation, Head, NewRow, OpenError, Reader as _, Snapshot, SqliteReader,
    SqliteStore, Store as _, verify,
};
use tempfile::TempDir;

fn row() -> NewRow {
    NewRow {
        at: 0,
        actor: "a".into(),
        stream: "s".into(),
        kind: "k".into(),
        version: 1,
        body: b"{}".to_vec(),
    }
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).expect("the file").execute_batch(sql).expect("a change");
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).expect("a journal");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    for name in [&path, &link] {
        let error = SqliteStore::open(name).expect_err("a second writer");
        assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    }
    let reader = SqliteReader::open(&path).expect("a reader");
    let head = store.append_if_head(Generation::NONE, Head::GENESIS, vec![row()]).expect("an append");
    assert_eq!(verify(&reader, Head::GENESIS, &[]).expect("a whole chain").head, head);
    drop(store);
    SqliteStore::open(&path).expect("a free journal");
}

#[test]
fn a_file_of_a_newer_smith_is_refused_and_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    drop(SqliteStore::open(&path).expect("a journal"));
    change(&path, "PRAGMA user_version = 99");
    let text =
        format!("{} was written by a newer smith: expected schema 1 at most, found 99", path.display());
    assert_eq!(SqliteStore::open(&path).expect_err("newer").to_string(), text);
    assert_eq!(SqliteReader::open(&path).expect_err("newer").to_string(), text);
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("other.db");
    change(&path, "CREATE TABLE t (x); PRAGMA application_id = 77");
    let before = std::fs::read(&path).expect("the file");
    let error = SqliteStore::open(&path).expect_err("not ours");
    assert!(matches!(error, OpenError::NotAJournal { application_id: 77, .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).expect("the file"), before);
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be looked at as one").expect("a file");
    assert!(matches!(SqliteStore::open(&text), Err(OpenError::Sqlite { .. })));
    let none = folder.path().join("none.db");
    assert!(matches!(SqliteReader::open(&none), Err(OpenError::NoSuchFile { .. })));
    assert!(!none.exists());
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").expect("a file");
    assert!(matches!(SqliteReader::open(&empty), Err(OpenError::NotYetMade { .. })));
}

#[test]
fn damaged_snapshots_are_reported_and_passed_over() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).expect("a journal");
    let first = store.append_if_head(Generation::NONE, Head::GENESIS, vec![row()]).expect("an append");
    let second = store.append_if_head(Generation::NONE, first, vec![row()]).expect("an append");
    let older = Snapshot { head: first, format: 1, bytes: vec![1; 1_000] };
    let newer = Snapshot { head: second, format: 1, bytes: vec![2; 1_000] };
    store.put_snapshot(&older).expect("a snapshot");
    store.put_snapshot(&newer).expect("a snapshot");
    change(&path, "UPDATE snapshots SET packed = CAST(packed || x'00' AS BLOB) WHERE seq = 2");
    let latest = store.latest_snapshot(1).expect("snapshots");
    assert_eq!(latest.snapshot, Some(older));
    assert_eq!(latest.rejected.len(), 1);
    assert_eq!(latest.rejected[0].head, second);
    assert!(matches!(latest.rejected[0].why, BadSnapshot::Seal { .. }));
    change(&path, "UPDATE snapshots SET hash = zeroblob(32) WHERE seq = 1");
    let latest = store.latest_snapshot(1).expect("snapshots");
    assert_eq!(latest.snapshot, None);
    assert!(matches!(latest.rejected[1].why, BadSnapshot::NotOnChain { .. }));
}

#[test]
fn damaged_blobs_are_never_handed_out() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).expect("a journal");
    let one = store.put_blob(b"one").expect("a blob");
    let two = store.put_blob(b"two").expect("a blob");
    change(
        &path,
        "CREATE TEMP TABLE kept AS SELECT packed FROM blobs ORDER BY rowid LIMIT 1;
         UPDATE blobs SET packed = (SELECT packed FROM kept) WHERE rowid = 2;
         UPDATE blobs SET raw_len = 1 << 40 WHERE rowid = 1",
    );
    for hash in [one, two] {
        let error = store.get_blob(hash).expect_err("a damaged blob");
        assert!(matches!(error, BlobError::Corrupt { hash: found, .. } if found == hash), "{error:?}");
    }
}
