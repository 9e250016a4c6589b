//! Group commit: many threads, one order, and an answer for each.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use smith_journal::{
    AppendError, Generation, Head, NewRow, Reader as _, Seq, SqliteStore, Store as _, verify,
};
use tempfile::TempDir;

const THREADS: usize = 12;
const EACH: usize = 40;

fn store() -> (SqliteStore, TempDir) {
    let folder = TempDir::new().expect("a folder");
    (SqliteStore::open(folder.path().join("journal.db")).expect("a journal"), folder)
}

fn row(thread: usize, number: usize) -> NewRow {
    NewRow {
        at: 0,
        actor: format!("thread {thread}").into(),
        stream: "s".into(),
        kind: "k".into(),
        version: 1,
        body: number.to_string().into_bytes(),
    }
}

/// Appends at whatever the head is, as often as another was faster.
fn append_in_the_end(store: &SqliteStore, rows: &[NewRow]) -> Head {
    let mut expected = store.head().expect("a head");
    loop {
        match store.append_if_head(Generation::NONE, expected, rows.to_vec()) {
            Ok(head) => return head,
            Err(AppendError::StaleHead { found, .. }) => expected = found,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn threads_get_their_own_answers_and_one_order_without_gaps() {
    let (store, _folder) = store();
    let store = Arc::new(store);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                let append = |number| append_in_the_end(&store, &[row(thread, number), row(thread, number)]);
                (0..EACH).map(|number| (append(number), thread, number)).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut answers = BTreeMap::new();
    for thread in threads {
        for (head, thread, number) in thread.join().expect("a thread") {
            assert_eq!(answers.insert(head.seq, (head, thread, number)), None, "one answer given twice");
        }
    }
    let verified = verify(&*store, Head::GENESIS, &[]).expect("a whole chain");
    assert_eq!(verified.rows, (2 * THREADS * EACH) as u64);
    let read = store.read_from(Seq::GENESIS, &mut |found| {
        let last_of_append = Seq(found.seq.0 + found.seq.0 % 2);
        let (head, thread, number) = answers[&last_of_append];
        let expected = row(thread, number);
        assert_eq!(found.content, expected.content());
        assert!(found.seq != last_of_append || found.head() == head);
        ControlFlow::Continue(())
    });
    read.expect("a readable journal");
}

#[test]
fn a_stale_append_is_refused_alone() {
    let (store, _folder) = store();
    let writer = store.writer();
    let first = Head::GENESIS.after(&[row(0, 0)]);
    let second = first.after(&[row(0, 2)]);
    // Queued without waiting, so that they may meet in one transaction; whether they do changes no answer.
    let pending = [
        writer.submit(Generation::NONE, Head::GENESIS, vec![row(0, 0)]),
        writer.submit(Generation::NONE, Head::GENESIS, vec![row(0, 1)]),
        writer.submit(Generation(9), first, vec![row(0, 1)]),
        writer.submit(Generation::NONE, first, vec![row(0, 2)]),
    ];
    let answers = pending.map(smith_journal::Pending::wait);
    assert!(matches!(answers[0], Ok(head) if head == first), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(AppendError::StaleHead { found, .. }) if found == first));
    assert!(matches!(answers[2], Err(AppendError::Fenced { expected: Generation(9), .. })));
    assert!(matches!(answers[3], Ok(head) if head == second), "{:?}", answers[3]);
    assert_eq!(store.head().expect("a head"), second);
}

#[test]
fn a_handle_that_outlives_the_store_is_told_so() {
    let (store, _folder) = store();
    let writer = store.writer();
    drop(store);
    let error = writer.append_if_head(Generation::NONE, Head::GENESIS, vec![row(0, 0)]).expect_err("closed");
    assert!(matches!(error, AppendError::NotWritten(_)), "{error:?}");
}
