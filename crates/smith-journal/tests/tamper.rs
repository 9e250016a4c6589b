//! A journal file that somebody changed behind smith's back: verification names the first bad row.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rusqlite::Connection;
use smith_journal::{
    Broken, Checkpoint, Generation, Head, NewRow, OpenError, Reader as _, Seq, SqliteReader, SqliteStore,
    Store as _, VerifyError, take_checkpoint, verify,
};
use tempfile::TempDir;

const ROWS: u64 = 12;

struct Journal {
    path: PathBuf,
    head: Head,
    _folder: TempDir,
}

fn journal() -> Journal {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).expect("a journal");
    let head = store.append_if_head(Generation::NONE, Head::GENESIS, rows("first")).expect("an append");
    Journal { path, head, _folder: folder }
}

fn rows(text: &str) -> Vec<NewRow> {
    let row = |number| NewRow {
        at: 1_000 + number,
        actor: "ann".into(),
        stream: format!("machine/{}", number % 3).into(),
        kind: "seen".into(),
        version: 1,
        body: format!(r#"{{"n":{number},"text":"{text}"}}"#).into_bytes(),
    };
    (1..=ROWS.cast_signed()).map(row).collect()
}

/// Somebody who can write the file can also drop what guards the table.
fn tamper(path: &Path, sql: &str) {
    let conn = Connection::open(path).expect("the file");
    conn.execute_batch("DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted")
        .expect("triggers");
    conn.execute_batch(sql).expect("a change");
}

fn broken(path: &Path, checkpoints: &[Checkpoint]) -> Option<Broken> {
    let reader = SqliteReader::open(path).expect("a journal");
    match verify(&reader, Head::GENESIS, checkpoints) {
        Ok(_) => None,
        Err(VerifyError::Broken(broken)) => Some(broken),
        Err(error @ VerifyError::Read(_)) => panic!("{error:?}"),
    }
}

fn after(sql: &str) -> Broken {
    let journal = journal();
    tamper(&journal.path, sql);
    broken(&journal.path, &[]).expect("a broken journal")
}

#[test]
fn the_table_refuses_to_be_changed() {
    let journal = journal();
    let conn = Connection::open(&journal.path).expect("the file");
    for sql in ["UPDATE events SET actor = 'eve' WHERE seq = 3", "DELETE FROM events WHERE seq = 3"] {
        let error = conn.execute_batch(sql).expect_err("append-only");
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[test]
fn a_changed_row_is_named() {
    let found = after("UPDATE events SET actor = 'eve' WHERE seq = 3");
    assert!(matches!(found, Broken::HashMismatch { seq: Seq(3), .. }), "{found}");
}

#[test]
fn dropped_rows_are_named_by_the_first() {
    let found = after("DELETE FROM events WHERE seq IN (5, 6, 9)");
    assert_eq!(found, Broken::Missing { seq: Seq(5), found: Seq(7) });
    let found = after("DELETE FROM events WHERE seq = 1");
    assert_eq!(found, Broken::Missing { seq: Seq(1), found: Seq(2) });
}

#[test]
fn swapped_rows_are_told_from_changed_ones() {
    for (low, high) in [(4, 5), (2, 9), (1, 12)] {
        let found = after(&format!(
            "UPDATE events SET seq = 1000 WHERE seq = {low}; UPDATE events SET seq = {low} WHERE seq = {high};
             UPDATE events SET seq = {high} WHERE seq = 1000"
        ));
        assert_eq!(found, Broken::Reordered { seq: Seq(low), belongs_at: Seq(high) });
    }
}

#[test]
fn a_cut_off_end_is_found_by_the_head_record_and_refuses_to_open() {
    let journal = journal();
    tamper(&journal.path, "DELETE FROM events WHERE seq > 8");
    let found = broken(&journal.path, &[]).expect("a broken journal");
    let Broken::Truncated { expected, found } = found else { panic!("{found}") };
    assert_eq!((expected, found.seq), (journal.head, Seq(8)));
    let error = SqliteStore::open(&journal.path).expect_err("a broken end");
    assert!(matches!(error, OpenError::Tail { source: Broken::Truncated { .. }, .. }), "{error:?}");
}

#[test]
fn a_cut_off_end_with_a_matching_head_record_is_found_by_a_checkpoint() {
    let journal = journal();
    let checkpoint = Checkpoint { head: journal.head, at: 1, root: None };
    tamper(
        &journal.path,
        "DELETE FROM events WHERE seq > 8;
         UPDATE head SET seq = 8, hash = (SELECT hash FROM events WHERE seq = 8)",
    );
    assert_eq!(broken(&journal.path, &[]), None);
    let found = broken(&journal.path, &[checkpoint]).expect("missing rows");
    assert!(matches!(found, Broken::Truncated { expected, .. } if expected == journal.head), "{found}");
}

#[test]
fn a_rewritten_history_is_found_by_the_first_checkpoint_that_disagrees() {
    let journal = journal();
    let reader = SqliteReader::open(&journal.path).expect("a journal");
    let at = |seq| {
        let hash = reader.hash_at(Seq(seq)).expect("a read").expect("a row");
        Checkpoint { head: Head { seq: Seq(seq), hash }, at: 1, root: None }
    };
    let checkpoints = [at(12), at(4), at(7)];
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("other.db");
    let store = SqliteStore::open(&path).expect("a journal");
    let mut rewritten = rows("first");
    rewritten[5].actor = "eve".into();
    store.append_if_head(Generation::NONE, Head::GENESIS, rewritten).expect("an append");
    assert_eq!(broken(&path, &[]), None);
    let found = broken(&path, &checkpoints).expect("another history");
    assert!(matches!(found, Broken::Checkpoint { checkpoint, .. } if checkpoint.seq == Seq(7)), "{found}");
}

#[test]
fn a_changed_head_record_is_found() {
    let found = after("UPDATE head SET hash = zeroblob(32)");
    assert!(matches!(found, Broken::HeadRecord { .. }), "{found}");
    let found = after("UPDATE head SET seq = 11");
    assert!(matches!(found, Broken::HeadRecord { .. }), "{found}");
    let found = after("DELETE FROM head");
    assert!(matches!(found, Broken::Unreadable { column: "the head record", .. }), "{found}");
}

#[test]
fn columns_of_another_type_are_unreadable() {
    for (change, column) in
        [("actor = CAST(x'ff' AS TEXT)", "actor"), ("hash = x'00'", "hash"), ("version = 70000", "version")]
    {
        let found = after(&format!("UPDATE events SET {change} WHERE seq = 6"));
        assert!(
            matches!(found, Broken::Unreadable { seq: Seq(6), column: at, .. } if at == column),
            "{found}"
        );
    }
    let found = after(
        "ALTER TABLE events RENAME TO old;
         CREATE TABLE events (seq INTEGER PRIMARY KEY, at, actor, stream, kind, version, body, hash);
         INSERT INTO events SELECT * FROM old;
         UPDATE events SET body = 'text' WHERE seq = 6; UPDATE events SET at = 'text' WHERE seq = 9",
    );
    assert!(matches!(found, Broken::Unreadable { seq: Seq(6), column: "body", .. }), "{found}");
}

#[test]
fn a_gap_before_an_unreadable_row_comes_first() {
    let found = after("DELETE FROM events WHERE seq = 5; UPDATE events SET hash = x'00' WHERE seq = 6");
    assert_eq!(found, Broken::Missing { seq: Seq(5), found: Seq(6) });
}

#[derive(Debug, Clone)]
enum Change {
    Flip { column: &'static str, byte: usize, bit: u8 },
    Drop,
    Swap { with: u64 },
    Truncate,
}

fn change() -> impl Strategy<Value = Change> {
    let column = prop::sample::select(vec!["at", "actor", "stream", "kind", "version", "body", "hash"]);
    prop_oneof![
        6 => (column, any::<usize>(), 0..8_u8)
            .prop_map(|(column, byte, bit)| Change::Flip { column, byte, bit }),
        1 => Just(Change::Drop),
        1 => (1..=ROWS).prop_map(|with| Change::Swap { with }),
        1 => Just(Change::Truncate),
    ]
}

/// Flips one bit of a column's stored value: of the number, or of any byte of the text or bytes.
fn flip(conn: &Connection, seq: u64, column: &str, byte: usize, bit: u8) {
    if matches!(column, "at" | "version") {
        let mask = 1_i64 << (byte % 2 * 8 + usize::from(bit));
        let sql = format!(
            "UPDATE events SET {column} = ({column} | {mask}) - ({column} & {mask}) WHERE seq = {seq}"
        );
        conn.execute(&sql, ()).expect("a flip");
        return;
    }
    let sql = format!("SELECT CAST({column} AS BLOB) FROM events WHERE seq = {seq}");
    let mut value: Vec<u8> = conn.query_row(&sql, (), |row| row.get(0)).expect("a value");
    let byte = byte % value.len();
    value[byte] ^= 1 << bit;
    let cast = if matches!(column, "body" | "hash") { "?1" } else { "CAST(?1 AS TEXT)" };
    conn.execute(&format!("UPDATE events SET {column} = {cast} WHERE seq = {seq}"), [value]).expect("a flip");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_change_is_found_at_its_first_row(seq in 1..=ROWS, change in change()) {
        let journal = journal();
        tamper(&journal.path, "");
        let conn = Connection::open(&journal.path).expect("the file");
        let first = match change {
            Change::Flip { column, byte, bit } => {
                flip(&conn, seq, column, byte, bit);
                Some(seq)
            }
            Change::Drop => {
                conn.execute("DELETE FROM events WHERE seq = ?1", [seq.cast_signed()]).expect("a drop");
                Some(seq)
            }
            Change::Swap { with } => {
                for (from, to) in [(seq, 1_000), (with, seq), (1_000, with)] {
                    let params = [to.cast_signed(), from.cast_signed()];
                    conn.execute("UPDATE events SET seq = ?1 WHERE seq = ?2", params).expect("a move");
                }
                (seq != with).then_some(seq.min(with))
            }
            Change::Truncate => {
                conn.execute("DELETE FROM events WHERE seq >= ?1", [seq.cast_signed()]).expect("a cut");
                Some(seq)
            }
        };
        drop(conn);
        let found = broken(&journal.path, &[]).map(|broken| broken.seq().0);
        prop_assert_eq!(found, first);
    }
}

#[test]
fn a_root_is_noted_and_compared() {
    let journal = journal();
    let reader = SqliteReader::open(&journal.path).expect("a journal");
    let noted = take_checkpoint(&reader, 7).expect("a checkpoint");
    assert_eq!((noted.head, noted.at), (journal.head, 7));
    assert_eq!(broken(&journal.path, &[noted]), None);
    let root = noted.root.expect("a root");
    let other = Checkpoint { root: Some(journal.head.hash), ..noted };
    let found = Broken::Root { seq: Seq(ROWS), expected: journal.head.hash, found: root };
    assert_eq!(broken(&journal.path, &[other]), Some(found));
    tamper(&journal.path, "DELETE FROM events WHERE seq = 3");
    assert!(take_checkpoint(&SqliteReader::open(&journal.path).expect("a journal"), 7).is_err());
}
