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
use crate::row::{Head, NewRow, Seq};
use crate::snapshot::Snapshot;
use crate::store::{Reader, Store};
use crate::verify::{VerifyError, verify};

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
}

impl<S: Store> StoreLedger<S> {
    pub fn new(store: S) -> Self {
        Self { store, codec: Codec::default(), generation: Generation::default(), head: Head::GENESIS }
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
    let latest = reader.latest_snapshot(FORMAT)?;
    let from = latest.snapshot.and_then(|snapshot| {
        // A snapshot that does not decode is worth nothing and costs nothing: the journal has it all.
        from_snapshot(&snapshot.bytes).ok().map(|state| (state, snapshot.head))
    });
    let (state, start) = from.unwrap_or_else(|| (State::default(), Head::GENESIS));
    follow(reader, codec, state, start, |_, _| Ok(()))
}

/// The state by every row from the first, with the snapshots compared on the way. For whoever wants to know what happened
/// and not only how it stands: whoever can write a file can write a snapshot too.
pub fn refold(reader: &dyn Reader, codec: &Codec) -> Result<Opening, ReplayError> {
    let snapshots = reader.sealed_snapshots(FORMAT)?;
    follow(reader, codec, State::default(), Head::GENESIS, |row, state| {
        let here = snapshots.iter().filter(|sealed| sealed.head.seq == row);
        // One that does not open, or is of a chain of its own, is passed over by whoever reads snapshots.
        let opened = here.filter_map(|sealed| sealed.open().ok());
        let mut kept = opened.filter_map(|snapshot| from_snapshot(&snapshot.bytes).ok());
        if kept.all(|kept| kept == *state) { Ok(()) } else { Err(ReplayError::Snapshot { row }) }
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
        let (verified, folded) = thread::scope(|scope| {
            let verifying = scope.spawn(|| verify(&self.store, Head::GENESIS, &[]));
            let folded = fold(&self.store, &self.codec);
            match verifying.join() {
                Ok(verified) => (verified, folded),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        verified.map_err(ReplayError::from)?;
        let opening = folded?;
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
