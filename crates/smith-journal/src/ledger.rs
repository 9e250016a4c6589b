//! The journal as a driver sees it: typed events in and out, one head, one tenure.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use smith_domain::event::Event;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use thiserror::Error;

use crate::codec::{Codec, DecodeError, EncodeError, FORMAT, from_snapshot, stream_of, to_snapshot};
use crate::error::{AppendError, LeaseError, ReadError, SnapshotError};
use crate::lease::{Generation, Lease};
use crate::progress::Progress;
use crate::row::{Head, NewRow, Seq};
use crate::snapshot::{MILESTONE_ROWS, MILESTONES, Sealed, Snapshot};
use crate::store::{Reader, Store};
use crate::verify::{VerifyError, verify_watched};

/// One event on its way into the journal.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Timestamp,
    pub actor: Arc<str>,
    pub event: Event,
}

/// The state that a journal folds to, and where it ends.
#[derive(Debug, Clone)]
pub struct Opening {
    pub state: State,
    pub head: Head,
    /// Events that were read, beyond what a snapshot held.
    pub replayed: u64,
}

#[derive(Debug, Clone, Error)]
pub enum ReplayError {
    #[error("the journal does not hold what was written")]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("row {row} cannot have happened after the rows before it")]
    Impossible { row: Seq },
    #[error("the snapshot at row {row} is not what the rows up to it lead to")]
    Snapshot { row: Seq },
}

#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("the state cannot be kept as a snapshot: {found}")]
    State { found: String },
}

/// What a driver needs of a journal.
pub trait Ledger {
    /// Takes the lease for this owner. The lease's note says when its last holder was alive.
    fn take(&mut self, owner: &str, now: Timestamp) -> Result<Lease, LedgerError>;

    /// Checks the whole chain and folds it. A journal that does not hold what was written is not opened.
    fn open(&mut self) -> Result<Opening, LedgerError>;

    /// Appends all entries or none. After any error nothing may be done until the journal was opened again.
    fn append(&mut self, state: &State, entries: Vec<Entry>) -> Result<(), LedgerError>;

    fn renew(&mut self, now: Timestamp, note: &[u8]) -> Result<(), LedgerError>;

    /// Keeps the state, so that the next start need not fold everything.
    fn snapshot(&mut self, state: &State) -> Result<(), LedgerError>;
}

/// How long a tenure lasts without being renewed. A driver renews it every few seconds; half a minute rides out a disk
/// that stalls, and a standby takes over before anybody is woken.
const TENURE_MS: i64 = 30_000;

/// A ledger over any store.
#[derive(Debug)]
pub struct StoreLedger<S> {
    store: S,
    codec: Codec,
    generation: Generation,
    head: Head,
    progress: Arc<Progress>,
}

impl<S: Store> StoreLedger<S> {
    pub fn new(store: S) -> Self {
        Self::watched(store, Arc::default())
    }

    /// The same, opened while somebody looks how far that has come.
    pub fn watched(store: S, progress: Arc<Progress>) -> Self {
        let (codec, generation) = (Codec::default(), Generation::default());
        Self { store, codec, generation, head: Head::GENESIS, progress }
    }

    pub fn store(&self) -> &S {
        &self.store
    }

    pub fn into_store(self) -> S {
        self.store
    }

    pub fn head(&self) -> Head {
        self.head
    }
}

/// Folds the rows of a journal, from a snapshot on where there is one that can be trusted.
pub fn fold(reader: &dyn Reader, codec: &Codec) -> Result<Opening, ReplayError> {
    let (state, start) = known_until(reader, Seq(u64::MAX))?;
    follow(reader, codec, state, start, |_, _| Ok(()))
}

/// The newest state that a snapshot has and that holds no row behind this one; that before the first row if there is none.
pub fn known_until(reader: &dyn Reader, last: Seq) -> Result<(State, Head), ReadError> {
    let mut last = last;
    while let Some(snapshot) = reader.snapshot_until(FORMAT, last)?.snapshot {
        // One that does not decode is worth nothing and costs nothing: the journal has it all.
        if let Ok(state) = from_snapshot(&snapshot.bytes) {
            return Ok((state, snapshot.head));
        }
        let Some(before) = snapshot.head.seq.0.checked_sub(1) else { break };
        last = Seq(before);
    }
    Ok((State::default(), Head::GENESIS))
}

/// How far milestones stand from each other in a journal that ends with this row, and at least so far.
fn spacing(last: Seq, least: u64) -> u64 {
    least.max(last.0.div_ceil(MILESTONES as u64))
}

/// Whether somewhere in a journal the way from one snapshot to the next is longer than those who keep them ever let it become.
fn lacks_milestones(reader: &dyn Reader, last: Seq, spacing: u64) -> Result<bool, ReadError> {
    let mut rows: Vec<u64> = reader.snapshots(FORMAT)?.iter().map(|head| head.seq.0).collect();
    rows.insert(0, last.0);
    rows.push(0);
    Ok(rows.windows(2).any(|two| two[0].saturating_sub(two[1]) > 3 * spacing))
}

/// Folds a journal that is being opened. Where milestones are missing it is folded from its first row and leaves them by the way:
/// after a change of the format, or once all snapshots were damaged, whoever looks at the middle later folds little again. What
/// is left counts only once all rows are verified, as the fold itself does.
fn fold_leaving(
    reader: &dyn Reader,
    codec: &Codec,
    progress: &Progress,
    least: u64,
) -> Result<(Opening, Vec<Sealed>), ReplayError> {
    let last = reader.head()?.seq;
    let spacing = spacing(last, least);
    let watched = |row: Seq| progress.folded(row);
    if !lacks_milestones(reader, last, spacing)? {
        let (state, start) = known_until(reader, Seq(u64::MAX))?;
        let opening = follow(reader, codec, state, start, |row, _| {
            watched(row);
            Ok(())
        })?;
        return Ok((opening, Vec::new()));
    }
    thread::scope(|scope| {
        // Sealing takes longer than making the bytes, and the fold goes on meanwhile.
        let (sender, receiver) = sync_channel::<(Seq, Vec<u8>)>(1);
        let sealing = scope.spawn(move || {
            receiver.into_iter().filter_map(|(seq, bytes)| sealed(reader, seq, bytes)).collect()
        });
        let folded = follow(reader, codec, State::default(), Head::GENESIS, |row, state| {
            watched(row);
            if row.0.is_multiple_of(spacing)
                && let Ok(bytes) = to_snapshot(state)
            {
                // It is taken unless the other thread panicked, which is told below.
                let _ = sender.send((row, bytes));
            }
            Ok(())
        });
        drop(sender);
        match sealing.join() {
            Ok(milestones) => Ok((folded?, milestones)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// A milestone is an aid: one that cannot be made is left out.
fn sealed(reader: &dyn Reader, seq: Seq, bytes: Vec<u8>) -> Option<Sealed> {
    let hash = reader.hash_at(seq).ok()??;
    Sealed::new(&Snapshot { head: Head { seq, hash }, format: FORMAT, bytes }).ok()
}

/// The state by every row from the first, with the snapshots compared on the way. For whoever wants to know what happened
/// and not only how it stands: whoever can write a file can write a snapshot too.
pub fn refold(reader: &dyn Reader, codec: &Codec) -> Result<Opening, ReplayError> {
    let snapshots = reader.snapshots(FORMAT)?;
    follow(reader, codec, State::default(), Head::GENESIS, |row, state| {
        if snapshots.iter().all(|head| head.seq != row) {
            return Ok(());
        }
        // One that does not open, or is of a chain of its own, is passed over by whoever reads snapshots.
        let opened = reader.sealed_snapshot(FORMAT, row)?.and_then(|sealed| sealed.open().ok());
        let kept = opened.and_then(|snapshot| from_snapshot(&snapshot.bytes).ok());
        if kept.is_none_or(|kept| kept == *state) { Ok(()) } else { Err(ReplayError::Snapshot { row }) }
    })
}

/// Folds the rows after `start` into a state. A row that names what there is not, in a journal that somebody else wrote,
/// is an error like any other: the rules are made for what they have decided themselves.
fn follow(
    reader: &dyn Reader,
    codec: &Codec,
    mut state: State,
    start: Head,
    mut check: impl FnMut(Seq, &State) -> Result<(), ReplayError>,
) -> Result<Opening, ReplayError> {
    let mut replayed = 0;
    let mut wrong = None;
    let folded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        decoded(reader, codec, start.seq, |at, event| {
            replayed += 1;
            state.evolve(&event, at);
            if wrong.is_none() {
                wrong = check(Seq(start.seq.0 + replayed), &state).err();
            }
        })
    }));
    let Ok(head) = folded else { return Err(ReplayError::Impossible { row: Seq(start.seq.0 + replayed) }) };
    match wrong {
        Some(wrong) => Err(wrong),
        None => Ok(Opening { state, head: head?, replayed }),
    }
}

/// Rows that are decoded before they are handed on together.
const BATCH: usize = 1024;

/// Batches that wait to be folded: enough to ride out a large event, little enough to stay in the cache.
const BATCHES_WAITING: usize = 4;

/// Reads and decodes on a second thread while the first one folds: each takes about as long as the other.
fn decoded(
    reader: &dyn Reader,
    codec: &Codec,
    after: Seq,
    mut each: impl FnMut(Timestamp, Event),
) -> Result<Head, ReplayError> {
    let (sender, receiver) = sync_channel::<Vec<(Timestamp, Event)>>(BATCHES_WAITING);
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            let mut broken = None;
            let head = reader.read_from(after, &mut |row| match codec.decode(row) {
                Ok(event) => {
                    batch.push((Timestamp(row.content.at), event));
                    if batch.len() < BATCH {
                        return ControlFlow::Continue(());
                    }
                    // Nobody listens any more only when the other thread panics, and then this one ends with it.
                    match sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    }
                }
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            })?;
            match (broken, sender.send(batch)) {
                (Some(error), _) => Err(ReplayError::from(error)),
                (None, _) => Ok(head),
            }
        });
        for batch in receiver {
            batch.into_iter().for_each(|(at, event)| each(at, event));
        }
        match reading.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl<S: Store> Ledger for StoreLedger<S> {
    fn take(&mut self, owner: &str, now: Timestamp) -> Result<Lease, LedgerError> {
        let lease = match self.store.acquire(owner, now.0, TENURE_MS) {
            // Whoever held it was killed: a restart need not wait for the rest of a tenure that nobody leads.
            Err(LeaseError::Held { found }) if self.store.is_ours_alone() => {
                self.store.release(found.generation)?;
                self.store.acquire(owner, now.0, TENURE_MS)?
            }
            answer => answer?,
        };
        self.generation = lease.generation;
        Ok(lease)
    }

    fn open(&mut self) -> Result<Opening, LedgerError> {
        // Both read every row and each takes about as long as the other. What was folded counts only once all is verified.
        let (store, progress) = (&self.store, &*self.progress);
        progress.begin(store.head().map_err(ReplayError::from)?.seq);
        let (verified, folded) = thread::scope(|scope| {
            let verifying = scope.spawn(move || verify_watched(store, progress));
            let folded = fold_leaving(store, &self.codec, progress, MILESTONE_ROWS);
            match verifying.join() {
                Ok(verified) => (verified, folded),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        verified.map_err(ReplayError::from)?;
        let (opening, milestones) = folded?;
        if !milestones.is_empty() {
            // Without them whoever looks at the middle of the journal waits longer, and nothing is wrong.
            let _ = self.store.put_all_sealed(milestones);
        }
        self.head = opening.head;
        Ok(opening)
    }

    fn append(&mut self, state: &State, entries: Vec<Entry>) -> Result<(), LedgerError> {
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let encoded = self.codec.encode(&entry.event)?;
            rows.push(NewRow {
                at: entry.at.0,
                actor: entry.actor.to_string().into(),
                stream: stream_of(state, &entry.event).into(),
                kind: encoded.kind.into(),
                version: encoded.version,
                body: encoded.body,
            });
        }
        self.head = self.store.append_if_head(self.generation, self.head, rows)?;
        Ok(())
    }

    fn renew(&mut self, now: Timestamp, note: &[u8]) -> Result<(), LedgerError> {
        self.store.renew(self.generation, now.0, TENURE_MS, note)?;
        Ok(())
    }

    fn snapshot(&mut self, state: &State) -> Result<(), LedgerError> {
        let bytes = to_snapshot(state).map_err(|error| LedgerError::State { found: error.to_string() })?;
        self.store.put_snapshot(&Snapshot { head: self.head, format: FORMAT, bytes })?;
        Ok(())
    }
}

/// Keeps nothing: for rehearsals of fleets whose journal would fill the memory that the state needs.
#[derive(Debug, Default)]
pub struct Memoryless {
    /// Events that were appended.
    pub appended: u64,
    /// The state that it opens with.
    pub start: State,
}

impl Ledger for Memoryless {
    fn take(&mut self, owner: &str, now: Timestamp) -> Result<Lease, LedgerError> {
        Ok(Lease {
            generation: Generation(1),
            owner: Some(owner.to_owned()),
            until: now.0.saturating_add(TENURE_MS),
            note: Vec::new(),
        })
    }

    fn open(&mut self) -> Result<Opening, LedgerError> {
        Ok(Opening { state: std::mem::take(&mut self.start), head: Head::GENESIS, replayed: 0 })
    }

    fn append(&mut self, _state: &State, entries: Vec<Entry>) -> Result<(), LedgerError> {
        self.appended += entries.len() as u64;
        Ok(())
    }

    fn renew(&mut self, _now: Timestamp, _note: &[u8]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn snapshot(&mut self, _state: &State) -> Result<(), LedgerError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use smith_domain::build::BuildEvent;
    use smith_domain::id::BuildNumber;

    use super::*;
    use crate::memory::MemoryStore;

    fn journal(rows: u32) -> StoreLedger<MemoryStore> {
        let mut ledger = StoreLedger::new(MemoryStore::new());
        ledger.take("one", Timestamp(0)).expect("the lease");
        let entry = |number: u32| Entry {
            at: Timestamp(i64::from(number)),
            actor: "ann".into(),
            event: BuildEvent::Verified { build: BuildNumber(number) }.into(),
        };
        ledger.append(&State::default(), (1..=rows).map(entry).collect()).expect("rows");
        ledger
    }

    #[test]
    fn a_fold_of_a_long_journal_leaves_milestones_with_the_states_of_their_rows() {
        let ledger = journal(100);
        let (store, codec) = (ledger.store(), Codec::default());
        let (opening, milestones) =
            fold_leaving(store, &codec, &Progress::default(), 10).expect("the journal");
        assert_eq!((opening.replayed, opening.state.builds.iter().count()), (100, 100));
        let rows: Vec<u64> = milestones.iter().map(|sealed| sealed.head.seq.0).collect();
        assert_eq!(rows, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        for milestone in &milestones {
            assert_eq!(store.hash_at(milestone.head.seq).expect("a row"), Some(milestone.head.hash));
            let state = from_snapshot(&milestone.open().expect("bytes").bytes).expect("a state");
            assert_eq!(state.builds.iter().count() as u64, milestone.head.seq.0);
            assert_eq!(state.at, Timestamp(state.builds.iter().count() as i64));
        }
    }

    #[test]
    fn a_journal_that_is_short_or_has_its_milestones_is_folded_from_the_newest() {
        let ledger = journal(100);
        let (store, codec, progress) = (ledger.store(), Codec::default(), Progress::default());
        let (opening, milestones) = fold_leaving(store, &codec, &progress, 50).expect("the journal");
        assert_eq!((opening.replayed, milestones.len()), (100, 0));
        let (_, milestones) = fold_leaving(store, &codec, &progress, 20).expect("the journal");
        store.put_all_sealed(milestones).expect("snapshots");
        let (opening, _) = fold_leaving(store, &codec, &progress, 50).expect("the journal");
        assert_eq!((opening.replayed, opening.state.builds.iter().count()), (0, 100));
    }
}
