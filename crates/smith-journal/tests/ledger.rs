//! The journal as a driver sees it, over every store: what was appended is what is opened, with and without snapshots.

mod fixture;

use std::path::Path;

use rusqlite::Connection;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, FORMAT};
use smith_journal::{
    AppendError, Entry, Head, Ledger as _, LedgerError, MemoryStore, NewRow, ReplayError, Seq, Snapshot,
    SqliteStore, Store, StoreLedger, VerifyError, fold,
};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_132_800_000);

fn entries(events: &[fixture::Recorded]) -> Vec<Entry> {
    let entry = |recorded: &fixture::Recorded| Entry {
        at: recorded.at,
        actor: "ann".into(),
        event: recorded.event.clone(),
    };
    events.iter().map(entry).collect()
}

fn empty<S: Store>(store: S) -> StoreLedger<S> {
    let mut ledger = StoreLedger::new(store);
    ledger.take("driver-1", NOW).expect("the lease");
    assert_eq!(ledger.open().expect("an empty journal").head, Head::GENESIS);
    ledger
}

/// Appends what a driver would, and answers with the state that it had kept beside the journal.
fn append<S: Store>(ledger: &mut StoreLedger<S>, state: &mut State, events: &[fixture::Recorded]) {
    for chunk in events.chunks(7) {
        ledger.append(state, entries(chunk)).expect("an append");
        chunk.iter().for_each(|recorded| state.evolve(&recorded.event, recorded.at));
    }
}

fn what_was_appended_is_what_is_opened<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    let events = fixture::journal();
    append(&mut ledger, &mut state, &events);
    let mut again = StoreLedger::new(ledger.into_store());
    let opening = again.open().expect("the journal");
    assert_eq!(opening.state, state);
    assert_eq!((opening.head, opening.head.seq), (again.head(), Seq(events.len() as u64)));
    assert_eq!(opening.replayed, events.len() as u64);
}

fn a_snapshot_and_the_tail_are_the_full_fold<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    let events = fixture::journal();
    for (number, chunk) in (1..).zip(events.chunks(56)) {
        append(&mut ledger, &mut state, chunk);
        let held = 56 * number;
        if held < events.len() {
            ledger.snapshot(&state).expect("a snapshot");
            let opening = ledger.open().expect("the journal");
            assert_eq!((opening.replayed, &opening.state), (0, &state), "after {held} events");
        }
    }
    let opening = ledger.open().expect("the journal");
    assert_eq!(opening.state, state);
    assert_eq!(opening.replayed, (events.len() % 56) as u64);
}

fn a_snapshot_that_does_not_decode_is_passed_over<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    append(&mut ledger, &mut state, &fixture::journal());
    let bytes = b"of another program".to_vec();
    let garbage = Snapshot { head: ledger.head(), format: FORMAT, bytes };
    ledger.store().put_snapshot(&garbage).expect("a sealed snapshot");
    let opening = ledger.open().expect("the journal");
    assert_eq!(opening.state, state);
    assert_eq!(opening.replayed, fixture::journal().len() as u64);
}

fn a_snapshot_of_another_format_is_not_looked_at<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    append(&mut ledger, &mut state, &fixture::journal());
    let bytes = smith_journal::codec::to_snapshot(&State::default()).expect("bytes");
    let foreign = Snapshot { head: ledger.head(), format: FORMAT + 1, bytes };
    ledger.store().put_snapshot(&foreign).expect("a sealed snapshot");
    assert_eq!(ledger.open().expect("the journal").state, state);
}

fn an_append_against_a_head_that_moved_on_writes_nothing<S: Store>(store: S) {
    let mut ledger = empty(store);
    let events = fixture::journal();
    let state = State::default();
    let row = NewRow {
        at: 1,
        actor: "eve".into(),
        stream: "s".into(),
        kind: "driver.began".into(),
        version: 1,
        body: br#"{"began":{"tenure":9,"owner":"eve"}}"#.to_vec(),
    };
    let generation = ledger.store().lease().expect("the lease").generation;
    let head = ledger.store().append_if_head(generation, Head::GENESIS, vec![row]).expect("a row");
    let error = ledger.append(&state, entries(&events[..3])).expect_err("a stale head");
    assert!(matches!(error, LedgerError::Append(AppendError::StaleHead { .. })), "{error:?}");
    assert_eq!(ledger.store().head().expect("the head"), head);
}

fn a_driver_whose_lease_was_taken_writes_nothing<S: Store>(store: S) {
    let mut ledger = empty(store);
    let later = Timestamp(NOW.0 + 31_000);
    ledger.store().acquire("driver-2", later.0, 30_000).expect("the lease of a dead driver");
    let error = ledger.append(&State::default(), entries(&fixture::journal()[..3])).expect_err("fenced");
    assert!(matches!(error, LedgerError::Append(AppendError::Fenced { .. })), "{error:?}");
    let error = ledger.renew(later, b"").expect_err("fenced");
    assert!(matches!(error, LedgerError::Lease(_)), "{error:?}");
    assert_eq!(ledger.store().head().expect("the head"), Head::GENESIS);
}

fn a_row_that_nobody_can_read_fails_the_opening_with_its_number<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    append(&mut ledger, &mut state, &fixture::journal()[..10]);
    let row = NewRow {
        at: 1,
        actor: "ann".into(),
        stream: "s".into(),
        kind: "rollout.teleported".into(),
        version: 1,
        body: b"{}".to_vec(),
    };
    let generation = ledger.store().lease().expect("the lease").generation;
    ledger.store().append_if_head(generation, ledger.head(), vec![row]).expect("a row");
    let error = ledger.open().expect_err("an unknown kind");
    assert!(matches!(&error, LedgerError::Replay(ReplayError::Decode(_))), "{error:?}");
    let LedgerError::Replay(ReplayError::Decode(error)) = error else { return };
    assert_eq!(error.to_string(), "row 11 cannot be brought to the current shape");
}

fn rows_stand_in_the_streams_of_what_they_are_about<S: Store>(store: S) {
    let mut ledger = empty(store);
    let mut state = State::default();
    append(&mut ledger, &mut state, &fixture::journal());
    let count = |stream: &str| {
        let mut rows = 0;
        let visit = &mut |_: smith_journal::RowRef<'_>| {
            rows += 1;
            std::ops::ControlFlow::Continue(())
        };
        ledger.store().read_stream(stream, Seq::GENESIS, visit).expect("a stream");
        rows
    };
    for stream in
        ["fleet", "builds", "rollout 1", "rollout 2", "machine w1", "change 0", "ticket 0", "errands"]
    {
        assert!(count(stream) > 0, "{stream}");
    }
    assert_eq!(count("machine nobody"), 0);
}

/// Each check over a store in memory and over one in a file.
macro_rules! over_every_store {
    ($($check:ident),* $(,)?) => {
        mod in_memory {
            $(#[test]
            fn $check() {
                super::$check(super::MemoryStore::new());
            })*
        }

        mod in_a_file {
            $(#[test]
            fn $check() {
                let folder = super::TempDir::new().expect("a folder");
                super::$check(super::SqliteStore::open(folder.path().join("journal.db")).expect("a journal"));
            })*
        }
    };
}

over_every_store!(
    what_was_appended_is_what_is_opened,
    a_snapshot_and_the_tail_are_the_full_fold,
    a_snapshot_that_does_not_decode_is_passed_over,
    a_snapshot_of_another_format_is_not_looked_at,
    an_append_against_a_head_that_moved_on_writes_nothing,
    a_driver_whose_lease_was_taken_writes_nothing,
    a_row_that_nobody_can_read_fails_the_opening_with_its_number,
    rows_stand_in_the_streams_of_what_they_are_about,
);

/// A file with the fixture in it and a snapshot of the whole, closed.
fn in_file(folder: &Path) -> State {
    let mut ledger = empty(SqliteStore::open(folder.join("journal.db")).expect("a journal"));
    let mut state = State::default();
    append(&mut ledger, &mut state, &fixture::journal());
    ledger.snapshot(&state).expect("a snapshot");
    state
}

fn change(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("journal.db")).expect("the file");
    connection.execute_batch("DROP TRIGGER events_are_never_changed").expect("a trigger");
    assert_eq!(connection.execute(sql, []).expect("a change"), 1, "{sql}");
}

#[test]
fn a_snapshot_whose_bytes_were_changed_is_passed_over() {
    let folder = TempDir::new().expect("a folder");
    let state = in_file(folder.path());
    change(folder.path(), "UPDATE snapshots SET packed = zeroblob(length(packed))");
    let mut ledger =
        StoreLedger::new(SqliteStore::open(folder.path().join("journal.db")).expect("a journal"));
    let opening = ledger.open().expect("the journal has it all");
    assert_eq!((opening.state, opening.replayed), (state, fixture::journal().len() as u64));
}

#[test]
fn a_row_that_was_flipped_before_the_snapshot_fails_the_opening() {
    let folder = TempDir::new().expect("a folder");
    in_file(folder.path());
    change(folder.path(), "UPDATE events SET actor = 'eve' WHERE seq = 3");
    let store = SqliteStore::open(folder.path().join("journal.db")).expect("a journal");
    // The snapshot alone would do; a journal that does not hold what was written is not opened all the same.
    assert!(fold(&store, &Codec::default()).is_ok());
    let error = StoreLedger::new(store).open().expect_err("a changed row");
    let LedgerError::Replay(ReplayError::Verify(VerifyError::Broken(broken))) = &error else {
        panic!("{error:?}");
    };
    assert!(broken.to_string().contains('3'), "{broken}");
}
