//! What lies beside the rows: the lease, snapshots, blobs.

use super::{fill, rows_of};
use crate::error::{BlobError, LeaseError, SnapshotError};
use crate::lease::{Generation, Lease};
use crate::limits::{MAX_BLOB_BYTES, MAX_NOTE_BYTES};
use crate::row::{Hash, Head, Seq};
use crate::snapshot::{Latest, Snapshot};
use crate::store::Store;

pub(super) fn leases_change_hands(store: &dyn Store) {
    assert_eq!(store.lease().expect("a lease"), Lease::default());
    let one = store.acquire("one", 1_000, 100).expect("a free lease");
    assert_eq!((one.generation, one.owner.as_deref(), one.until), (Generation(1), Some("one"), 1_100));
    let again = store.acquire("one", 1_050, 100).expect("an own lease");
    assert_eq!((again.generation, again.until), (Generation(1), 1_150));
    let held = store.acquire("two", 1_149, 100).expect_err("a held lease");
    assert!(matches!(held, LeaseError::Held { found } if found == again));
    let late = store.renew(Generation(1), 1_150, 50, b"").expect("nobody took it");
    assert_eq!(late.until, 1_200);
    let two = store.acquire("two", 1_200, 100).expect("a lease that ran out");
    assert_eq!(two.generation, Generation(2));
    let lost = store.renew(Generation(1), 1_201, 100, b"").expect_err("a lost lease");
    assert!(matches!(lost, LeaseError::Lost { expected: Generation(1), found } if found == two));
    assert!(matches!(store.release(Generation(1)), Err(LeaseError::Lost { .. })));
    store.release(Generation(2)).expect("an own lease");
    assert!(matches!(store.release(Generation(2)), Err(LeaseError::Lost { .. })));
    let two = store.acquire("two", 1_210, 100).expect("a released lease");
    assert_eq!(two.generation, Generation(3));
    let two = store.acquire("two", 1_310, 100).expect("a lease that ran out");
    assert_eq!(two.generation, Generation(4));
    assert_eq!(store.lease().expect("a lease"), two);
}

pub(super) fn lease_notes_are_handed_on(store: &dyn Store) {
    let one = store.acquire("one", 0, 100).expect("a free lease");
    let one = store.renew(one.generation, 10, 100, b"anchor").expect("an own lease");
    assert_eq!(one.note, b"anchor");
    store.release(one.generation).expect("an own lease");
    let two = store.acquire("two", 20, 100).expect("a released lease");
    assert_eq!(two.note, b"anchor");
    let long = vec![0; MAX_NOTE_BYTES + 1];
    let error = store.renew(two.generation, 30, 100, &long).expect_err("a long note");
    assert!(matches!(error, LeaseError::TooLong { field: "note", .. }));
    assert_eq!(store.lease().expect("a lease"), two);
}

pub(super) fn snapshots_are_kept_by_format_and_age(store: &dyn Store) {
    assert_eq!(store.latest_snapshot(1).expect("snapshots").snapshot, None);
    let put = |head, format, text: &str| {
        let snapshot = Snapshot { head, format, bytes: text.as_bytes().to_vec() };
        store.put_snapshot(&snapshot).expect("a snapshot on the chain");
        snapshot
    };
    put(Head::GENESIS, 1, "nothing yet");
    let other = put(fill(store, Generation::NONE, 1), 2, "other format");
    put(fill(store, Generation::NONE, 1), 1, "older");
    let newest = put(fill(store, Generation::NONE, 1), 1, &"newest ".repeat(1_000));
    let latest = store.latest_snapshot(1).expect("snapshots");
    assert_eq!((latest.snapshot, latest.rejected), (Some(newest), vec![]));
    let kept: Vec<_> = store.snapshots(1).expect("snapshots").iter().map(|head| head.seq.0).collect();
    assert_eq!(kept, [3, 2]);
    let older = store.snapshot_until(1, Seq(2)).expect("snapshots").snapshot.map(|one| one.head.seq);
    assert_eq!(older, Some(Seq(2)));
    assert_eq!(store.snapshot_until(1, Seq(1)).expect("snapshots"), Latest::default());
    assert_eq!(store.latest_snapshot(2).expect("snapshots").snapshot, Some(other));
    let replaced = put(store.head().expect("a head"), 1, "again");
    assert_eq!(store.latest_snapshot(1).expect("snapshots").snapshot, Some(replaced));
    assert_eq!(store.latest_snapshot(3).expect("snapshots").snapshot, None);
}

pub(super) fn snapshots_of_another_history_are_refused(store: &dyn Store) {
    let head = fill(store, Generation::NONE, 2);
    let beyond = head.after(&rows_of(1));
    for (head, there) in [(Head { hash: Hash([1; 32]), ..head }, Some(head.hash)), (beyond, None)] {
        let snapshot = Snapshot { head, format: 1, bytes: vec![] };
        let error = store.put_snapshot(&snapshot).expect_err("another history");
        let SnapshotError::NotOnChain { seq, expected, found } = error else { panic!("{error:?}") };
        assert_eq!((seq, expected, found), (head.seq, head.hash, there));
    }
    assert_eq!(store.snapshots(1).expect("snapshots"), []);
    assert_eq!(head.seq, Seq(2));
}

pub(super) fn blobs_are_kept_by_content(store: &dyn Store) {
    let hash = store.put_blob(b"abc").expect("a blob");
    // The first test vector of FIPS 180-2.
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hash.to_string(), known);
    assert_eq!(store.put_blob(b"abc").expect("a known blob"), hash);
    assert_eq!(store.get_blob(hash).expect("a blob"), Some(b"abc".to_vec()));
    assert_eq!(store.get_blob(Hash::GENESIS).expect("no failure"), None);
    let nothing = store.put_blob(b"").expect("an empty blob");
    assert_eq!(store.get_blob(nothing).expect("a blob"), Some(vec![]));
    let list = b"linux-image 6.1.0-18 amd64\n".repeat(20_000);
    let hash = store.put_blob(&list).expect("a blob");
    assert_eq!(store.get_blob(hash).expect("a blob"), Some(list));
    let error = store.put_blob(&vec![0; MAX_BLOB_BYTES + 1]).expect_err("a large blob");
    assert!(matches!(error, BlobError::TooLarge { .. }));
}
