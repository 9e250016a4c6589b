//! Appending: all or nothing, at the head, under the lease.

use super::{all, fill, row, rows_of};
use crate::error::{AppendError, BadRow};
use crate::import::{BadLine, LineFault, LoadError};
use crate::lease::Generation;
use crate::limits::{MAX_APPEND_ROWS, MAX_BODY_BYTES, MAX_NAME_BYTES};
use crate::row::{Hash, Head, NewRow, Seq};
use crate::store::Store;

pub(super) fn empty_store_is_at_genesis(store: &dyn Store) {
    assert_eq!(store.head().expect("a head"), Head { seq: Seq(0), hash: Hash([0; 32]) });
    assert_eq!(store.hash_at(Seq(0)).expect("a hash"), Some(Hash([0; 32])));
    assert_eq!(store.hash_at(Seq(1)).expect("no failure"), None);
    assert!(all(store).is_empty());
}

pub(super) fn rows_come_back_as_they_were_written(store: &dyn Store) {
    let extreme = NewRow { at: i64::MIN, actor: "".into(), version: u16::MAX, ..row(7) };
    let written = vec![row(0), row(1), extreme];
    let head = store.append_if_head(Generation::NONE, Head::GENESIS, written.clone()).expect("an append");
    let read = all(store);
    let seqs: Vec<u64> = read.iter().map(|row| row.seq.0).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(read.last().map(|row| row.as_ref().head()), Some(head));
    assert_eq!(store.hash_at(Seq(2)).expect("a hash"), Some(read[1].hash));
    assert_eq!(read.into_iter().map(|row| row.row).collect::<Vec<_>>(), written);
}

pub(super) fn a_predicted_head_is_the_real_one(store: &dyn Store) {
    let predicted = Head::GENESIS.after(&rows_of(4));
    assert_eq!(fill(store, Generation::NONE, 4), predicted);
    assert_eq!(store.head().expect("a head"), predicted);
}

pub(super) fn stale_heads_write_nothing(store: &dyn Store) {
    let head = fill(store, Generation::NONE, 2);
    let same_seq = Head { hash: Hash([1; 32]), ..head };
    for expected in [Head::GENESIS, same_seq, Head { seq: Seq(3), ..head }] {
        let error = store.append_if_head(Generation::NONE, expected, rows_of(1)).expect_err("a stale head");
        let AppendError::StaleHead { expected: told, found } = error else { panic!("{error:?}") };
        assert_eq!((told, found), (expected, head));
    }
    assert_eq!(all(store).len(), 2);
}

pub(super) fn an_empty_append_checks_and_writes_nothing(store: &dyn Store) {
    let head = fill(store, Generation::NONE, 1);
    assert_eq!(store.append_if_head(Generation::NONE, head, vec![]).expect("nothing to do"), head);
    let stale = store.append_if_head(Generation::NONE, Head::GENESIS, vec![]);
    assert!(matches!(stale, Err(AppendError::StaleHead { .. })));
}

pub(super) fn rows_that_cannot_be_stored_are_refused_whole(store: &dyn Store) {
    let long_name = NewRow { actor: "a".repeat(MAX_NAME_BYTES + 1).into(), ..row(1) };
    let long_body = NewRow { body: vec![b'1'; MAX_BODY_BYTES + 1], ..row(1) };
    let no_json = NewRow { body: b"{".to_vec(), ..row(1) };
    for bad in [long_name, long_body, no_json] {
        let error =
            store.append_if_head(Generation::NONE, Head::GENESIS, vec![row(0), bad]).expect_err("a bad row");
        assert!(matches!(error, AppendError::BadRow { index: 1, .. }), "{error:?}");
    }
    let many = vec![row(0); MAX_APPEND_ROWS + 1];
    let error = store.append_if_head(Generation::NONE, Head::GENESIS, many).expect_err("too many");
    assert!(matches!(error, AppendError::TooManyRows { .. }), "{error:?}");
    assert_eq!(store.head().expect("a head"), Head::GENESIS);
}

pub(super) fn old_generations_are_fenced(store: &dyn Store) {
    let refused = |generation| {
        let head = store.head().expect("a head");
        let error = store.append_if_head(generation, head, rows_of(1)).expect_err("a fence");
        let AppendError::Fenced { expected, found } = error else { panic!("{error:?}") };
        assert_eq!((expected, found), (generation, store.lease().expect("a lease")));
    };
    fill(store, Generation::NONE, 1);
    refused(Generation(1));
    let first = store.acquire("one", 0, 10).expect("a free lease").generation;
    refused(Generation::NONE);
    fill(store, first, 1);
    let second = store.acquire("two", 10, 10).expect("a lease that ran out").generation;
    refused(first);
    fill(store, second, 1);
    store.release(second).expect("an own lease");
    refused(second);
    refused(Generation::NONE);
    assert_eq!(all(store).len(), 3);
}

pub(super) fn load_fills_an_empty_store_or_nothing(store: &dyn Store) {
    let fault = LineFault::NotARow { found: "a test".to_owned() };
    let bad = BadLine { line: 3, fault };
    let source = rows_of(2).into_iter().map(Ok).chain([Err(bad)]);
    let error = store.load(Box::new(source)).expect_err("a bad line");
    assert!(matches!(error, LoadError::Line(BadLine { line: 3, .. })), "{error:?}");
    assert!(all(store).is_empty());
    let unfit = vec![Ok(row(0)), Ok(NewRow { body: b" 1".to_vec(), ..row(1) })];
    let error = store.load(Box::new(unfit.into_iter())).expect_err("a row no store takes");
    let LoadError::Line(BadLine { line: 2, fault: LineFault::BadRow(BadRow::NotOneLine { at: 0 }) }) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(store.head().expect("a head"), Head::GENESIS);
    let head = store.load(Box::new(rows_of(5).into_iter().map(Ok))).expect("an empty store");
    assert_eq!((head, store.head().expect("a head")), (Head::GENESIS.after(&rows_of(5)), head));
    let error = store.load(Box::new(std::iter::empty())).expect_err("a store with rows");
    assert!(matches!(error, LoadError::NotEmpty { found } if found == head));
}
