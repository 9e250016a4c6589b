//! What every store must do, as one suite that each implementation runs in its tests. A failed expectation panics.

mod append;
mod aside;
mod read;

use std::ops::ControlFlow;

use crate::lease::Generation;
use crate::row::{Head, NewRow, Row, Seq};
use crate::store::{Reader, Store};

/// A store under test, and whatever it lives in.
pub trait Subject {
    fn store(&self) -> &dyn Store;

    /// Closes the store and opens it again.
    fn reopen(self: Box<Self>) -> Reopened;
}

pub enum Reopened {
    Persistent(Box<dyn Subject>),
    /// There is nothing to open again.
    Volatile,
}

impl std::fmt::Debug for Reopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Persistent(_) => "Persistent",
            Self::Volatile => "Volatile",
        })
    }
}

/// Runs every case on an empty store of its own.
pub fn run(make: &dyn Fn() -> Box<dyn Subject>) {
    let cases: &[fn(&dyn Store)] = &[
        append::empty_store_is_at_genesis,
        append::rows_come_back_as_they_were_written,
        append::a_predicted_head_is_the_real_one,
        append::stale_heads_write_nothing,
        append::an_empty_append_checks_and_writes_nothing,
        append::rows_that_cannot_be_stored_are_refused_whole,
        append::old_generations_are_fenced,
        append::load_fills_an_empty_store_or_nothing,
        read::reading_starts_after_and_stops_when_told,
        read::streams_show_their_own_rows_in_order,
        read::a_visitor_may_call_the_store,
        read::verify_accepts_it,
        read::export_and_import_give_the_same_bytes,
        aside::leases_change_hands,
        aside::lease_notes_are_handed_on,
        aside::snapshots_are_kept_by_format_and_age,
        aside::snapshots_of_another_history_are_refused,
        aside::blobs_are_kept_by_content,
    ];
    for case in cases {
        case(make().store());
    }
    everything_survives_reopening(make());
}

fn everything_survives_reopening(subject: Box<dyn Subject>) {
    let store = subject.store();
    let head = fill(store, Generation::NONE, 5);
    let lease = store.acquire("one", 1_000, 500).expect("a free lease");
    let lease = store.renew(lease.generation, 1_100, 500, b"note").expect("an own lease");
    let snapshot = crate::Snapshot { head, format: 3, bytes: b"state".to_vec() };
    store.put_snapshot(&snapshot).expect("a snapshot on the chain");
    let blob = store.put_blob(b"packages").expect("a blob");
    let rows = all(store);
    let Reopened::Persistent(subject) = subject.reopen() else { return };
    let store = subject.store();
    assert_eq!(store.head().expect("a head"), head);
    assert_eq!(all(store), rows);
    assert_eq!(store.lease().expect("a lease"), lease);
    assert_eq!(store.latest_snapshot(3).expect("snapshots").snapshot, Some(snapshot));
    assert_eq!(store.get_blob(blob).expect("a blob"), Some(b"packages".to_vec()));
    let next = store.append_if_head(lease.generation, head, rows_of(1)).expect("the chain goes on");
    assert_eq!(next.seq, Seq(6));
}

fn rows_of(count: u64) -> Vec<NewRow> {
    (0..count).map(row).collect()
}

fn row(number: u64) -> NewRow {
    NewRow {
        at: 1_700_000_000_000 + number.cast_signed(),
        actor: "zoë".into(),
        stream: format!("machine/{}", number % 3).into(),
        kind: "machine.seen".into(),
        version: 1,
        body: format!(r#"{{"n": {number}, "text": "zwölf \"\n\""}}"#).into_bytes(),
    }
}

fn fill(store: &dyn Store, generation: Generation, count: u64) -> Head {
    let head = store.head().expect("a head");
    store.append_if_head(generation, head, rows_of(count)).expect("an append at the head")
}

fn all(store: &(impl Reader + ?Sized)) -> Vec<Row> {
    let mut rows = Vec::new();
    let read = store.read_from(Seq::GENESIS, &mut |row| {
        rows.push(row.to_row());
        ControlFlow::Continue(())
    });
    read.expect("a readable journal");
    rows
}
