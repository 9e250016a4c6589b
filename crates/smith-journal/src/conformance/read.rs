//! Reading: in order, from where it was asked, of one moment; and what is built on reading alone.

use std::io::Cursor;
use std::ops::ControlFlow;

use super::{all, fill, rows_of};
use crate::checkpoint::Checkpoint;
use crate::export::export;
use crate::import::{LineFault, LoadError, import};
use crate::lease::Generation;
use crate::memory::MemoryStore;
use crate::row::{Hash, Head, Seq};
use crate::store::{Reader as _, Store};
use crate::verify::{Broken, VerifyError, verify};

pub(super) fn reading_starts_after_and_stops_when_told(store: &dyn Store) {
    let head = fill(store, Generation::NONE, 10);
    let seen = |after, at_most: usize| {
        let mut seen = Vec::new();
        let at = store.read_from(Seq(after), &mut |row| {
            seen.push(row.seq.0);
            if seen.len() == at_most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(at.expect("a readable journal"), head);
        seen
    };
    assert_eq!(seen(0, 3), [1, 2, 3]);
    assert_eq!(seen(7, 100), [8, 9, 10]);
    assert_eq!(seen(10, 100), [0_u64; 0]);
    assert_eq!(seen(u64::MAX, 100), [0_u64; 0]);
}

pub(super) fn streams_show_their_own_rows_in_order(store: &dyn Store) {
    fill(store, Generation::NONE, 9);
    let seen = |stream: &str, after| {
        let mut seen = Vec::new();
        let read = store.read_stream(stream, Seq(after), &mut |row| {
            assert_eq!(row.content.stream, stream);
            seen.push(row.seq.0);
            ControlFlow::Continue(())
        });
        read.expect("a readable journal");
        seen
    };
    assert_eq!(seen("machine/1", 0), [2, 5, 8]);
    assert_eq!(seen("machine/1", 2), [5, 8]);
    assert_eq!(seen("machine/1", 8), [0_u64; 0]);
    assert_eq!(seen("machine/", 0), [0_u64; 0]);
}

pub(super) fn a_visitor_may_call_the_store(store: &dyn Store) {
    let head = fill(store, Generation::NONE, 3);
    let mut next = head;
    let mut seen = 0;
    let read = store.read_from(Seq(0), &mut |row| {
        assert_eq!(store.hash_at(row.seq).expect("a hash"), Some(row.hash));
        next = store.append_if_head(Generation::NONE, next, rows_of(1)).expect("an append");
        seen += 1;
        ControlFlow::Continue(())
    });
    // It sees the moment at which it began, whatever was appended since.
    assert_eq!((read.expect("a readable journal"), seen), (head, 3));
    assert_eq!(store.head().expect("a head").seq, Seq(6));
}

pub(super) fn verify_accepts_it(store: &dyn Store) {
    let middle = fill(store, Generation::NONE, 4);
    let head = fill(store, Generation::NONE, 3);
    let checkpoints = [head, middle, Head::GENESIS].map(|head| Checkpoint { head, at: 5, root: None });
    let whole = verify(store, Head::GENESIS, &checkpoints).expect("a whole chain");
    assert_eq!((whole.rows, whole.head), (7, head));
    let rest = verify(store, middle, &checkpoints).expect("a whole chain");
    assert_eq!((rest.rows, rest.head), (3, head));
    let other = Head { hash: Hash([7; 32]), ..middle };
    for error in [
        verify(store, other, &[]).expect_err("another start"),
        verify(store, Head::GENESIS, &[Checkpoint { head: other, at: 5, root: None }])
            .expect_err("another history"),
    ] {
        let VerifyError::Broken(Broken::Checkpoint { checkpoint, found }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((checkpoint, found), (other, middle.hash));
    }
    let beyond = Head { seq: Seq(8), hash: Hash([7; 32]) };
    for error in [
        verify(store, beyond, &[]).expect_err("a start behind the end"),
        verify(store, Head::GENESIS, &[Checkpoint { head: beyond, at: 5, root: None }])
            .expect_err("missing rows"),
    ] {
        let VerifyError::Broken(Broken::Truncated { expected, found }) = error else { panic!("{error:?}") };
        assert_eq!((expected, found), (beyond, head));
    }
}

pub(super) fn export_and_import_give_the_same_bytes(store: &dyn Store) {
    let source = MemoryStore::new();
    let head = fill(&source, Generation::NONE, 6);
    let mut text = Vec::new();
    assert_eq!(export(&source, Seq(0), &mut text).expect("an export"), head);
    let mut torn = text.clone();
    torn.pop();
    let error = import(store, Cursor::new(torn)).expect_err("a torn line");
    assert!(matches!(error, LoadError::Line(bad) if bad.line == 6 && matches!(bad.fault, LineFault::Torn)));
    assert_eq!(store.head().expect("a head"), Head::GENESIS);
    assert_eq!(import(store, Cursor::new(text.clone())).expect("an import"), head);
    let mut again = Vec::new();
    export(store, Seq(0), &mut again).expect("an export");
    assert_eq!(again, text);
    assert_eq!(all(store), all(&source));
    assert_eq!(source.head().expect("a head"), store.head().expect("a head"));
}
