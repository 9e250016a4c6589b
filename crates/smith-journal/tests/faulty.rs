//! The store that fails on demand fails as it was told, and only so.

use std::ops::ControlFlow;

use smith_journal::faulty::{AppendFault, Fault};
use smith_journal::{
    AppendError, BadSnapshot, FaultyStore, Generation, Head, LeaseError, MemoryStore, NewRow, ReadError,
    Reader as _, Seq, Snapshot, Store as _, WriteError,
};

fn rows(count: i64) -> Vec<NewRow> {
    let row = |at| NewRow {
        at,
        actor: "a".into(),
        stream: "s".into(),
        kind: "k".into(),
        version: 1,
        body: b"{}".to_vec(),
    };
    (0..count).map(row).collect()
}

fn store() -> (FaultyStore<MemoryStore>, Head) {
    let store = FaultyStore::new(MemoryStore::new());
    let head = store.append_if_head(Generation::NONE, Head::GENESIS, rows(3)).expect("no fault yet");
    (store, head)
}

#[test]
fn appends_fail_in_the_three_ways_an_append_can() {
    let (store, head) = store();
    let append = |head| store.append_if_head(Generation::NONE, head, rows(1));
    store.after(1, Fault::Append(AppendFault::Refuse));
    let head = append(head).expect("the fault is the next but one");
    assert!(matches!(append(head), Err(AppendError::NotWritten(_))));
    assert_eq!(store.head().expect("a head"), head);

    store.next(Fault::Append(AppendFault::LoseRows));
    assert!(matches!(append(head), Err(AppendError::Unknown(_))));
    assert_eq!(store.head().expect("a head"), head);
    assert!(matches!(append(head), Err(AppendError::NotWritten(_))), "closed until it is opened again");
    store.reopen();

    store.next(Fault::Append(AppendFault::LoseAnswer));
    assert!(matches!(append(head), Err(AppendError::Unknown(_))));
    assert_eq!(store.head().expect("a head"), head.after(&rows(1)));
    store.reopen();
    append(head.after(&rows(1))).expect("no fault is left");
}

#[test]
fn reads_fail_after_so_many_rows() {
    let (store, _) = store();
    let read = || {
        let mut seen = 0;
        let result = store.read_from(Seq::GENESIS, &mut |_| {
            seen += 1;
            ControlFlow::Continue(())
        });
        (seen, result)
    };
    store.next(Fault::Read { after_rows: 2 });
    assert!(matches!(read(), (2, Err(ReadError::Failed(_)))));
    assert!(matches!(read(), (3, Ok(_))));
    store.next(Fault::Read { after_rows: 0 });
    assert!(store.head().is_err());
    assert!(store.head().is_ok());
}

#[test]
fn the_newest_snapshot_is_corrupted_and_the_older_used() {
    let (store, head) = store();
    let older = Snapshot { head: Head::GENESIS, format: 1, bytes: vec![1; 100] };
    let newer = Snapshot { head, format: 1, bytes: vec![2; 100] };
    store.put_snapshot(&older).expect("a snapshot");
    store.put_snapshot(&newer).expect("a snapshot");
    store.next(Fault::CorruptSnapshot);
    let latest = store.latest_snapshot(1).expect("snapshots");
    assert_eq!(latest.snapshot, Some(older));
    assert!(matches!(latest.rejected[..], [ref one] if matches!(one.why, BadSnapshot::Seal { .. })));
    assert_eq!(store.latest_snapshot(1).expect("snapshots").snapshot, Some(newer));
}

#[test]
fn other_writes_fail_and_leave_nothing() {
    let (store, _) = store();
    store.next(Fault::Write);
    let error = store.acquire("one", 0, 10).expect_err("a fault");
    assert!(matches!(error, LeaseError::Write(WriteError::NotWritten(_))), "{error:?}");
    assert_eq!(store.lease().expect("a lease").owner, None);
    store.acquire("one", 0, 10).expect("no fault is left");
}
