//! A store that fails when it is told to; the simulator scripts it.
//!
//! After a lost answer it behaves as a real store does: it refuses every write until it is opened again.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{AppendError, BlobError, Cause, LeaseError, ReadError, SnapshotError, WriteError};
use crate::import::LoadError;
use crate::lease::{Generation, Lease};
use crate::row::{Hash, Head, NewRow, Seq};
use crate::snapshot::Sealed;
use crate::store::{Reader, RowSource, Store, Visitor};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is written, and the caller is told so.
    Refuse,
    /// The rows are written, and the caller is not told.
    LoseAnswer,
    /// The rows are not written, and the caller is not told.
    LoseRows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Append(AppendFault),
    /// A write other than an append fails and leaves nothing behind.
    Write,
    /// A read fails; a read of rows after so many of them were shown.
    Read {
        after_rows: u64,
    },
    /// The newest snapshot is read with one byte changed.
    CorruptSnapshot,
}

/// A store around another one, with a script of what is to fail.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    appends: VecDeque<(u64, AppendFault)>,
    writes: VecDeque<(u64, ())>,
    reads: VecDeque<(u64, u64)>,
    snapshots: VecDeque<(u64, ())>,
    writes_state: WriteState,
    snapshot_gate: Option<Arc<Mutex<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum WriteState {
    #[default]
    Open,
    Lost,
}

impl<S> FaultyStore<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, script: Mutex::default() }
    }

    pub fn inner(&self) -> &S {
        &self.inner
    }

    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Lets the next call of the fault's sort fail; faults of one sort queue up.
    pub fn next(&self, fault: Fault) {
        self.after(0, fault);
    }

    /// Lets so many calls of the fault's sort succeed first, counted from when the fault before it was used up.
    pub fn after(&self, calls: u64, fault: Fault) {
        let mut script = self.script();
        match fault {
            Fault::Append(fault) => script.appends.push_back((calls, fault)),
            Fault::Write => script.writes.push_back((calls, ())),
            Fault::Read { after_rows } => script.reads.push_back((calls, after_rows)),
            Fault::CorruptSnapshot => script.snapshots.push_back((calls, ())),
        }
    }

    /// Lets snapshots be put only while nobody holds this, as on a disk that hangs.
    pub fn put_snapshots_through(&self, gate: Arc<Mutex<()>>) {
        self.script().snapshot_gate = Some(gate);
    }

    /// What opening again does to a real store: after a lost answer, writes are taken again.
    pub fn reopen(&self) {
        self.script().writes_state = WriteState::Open;
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_write(&self) -> Result<(), WriteError> {
        let mut script = self.script();
        script.check_open()?;
        match take(&mut script.writes) {
            Some(()) => Err(WriteError::NotWritten(Cause::new("scripted fault: the write failed"))),
            None => Ok(()),
        }
    }

    fn check_read(&self) -> Result<(), ReadError> {
        match take(&mut self.script().reads) {
            Some(_) => Err(read_fault()),
            None => Ok(()),
        }
    }

    fn visit_until_fault(
        &self,
        visit: &mut Visitor<'_>,
        read: impl FnOnce(&mut Visitor<'_>) -> Result<Head, ReadError>,
    ) -> Result<Head, ReadError> {
        let Some(mut left) = take(&mut self.script().reads) else {
            return read(visit);
        };
        let mut stopped = ControlFlow::Continue(());
        let head = read(&mut |row| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            stopped = visit(row);
            stopped
        })?;
        // A visitor that had seen enough before the fault never meets it.
        if stopped.is_break() { Ok(head) } else { Err(read_fault()) }
    }
}

impl Script {
    fn check_open(&self) -> Result<(), WriteError> {
        match self.writes_state {
            WriteState::Open => Ok(()),
            WriteState::Lost => Err(WriteError::NotWritten(Cause::new(
                "an answer was lost: the store has to be opened again",
            ))),
        }
    }
}

fn take<T: Copy>(faults: &mut VecDeque<(u64, T)>) -> Option<T> {
    let (calls, fault) = faults.front_mut()?;
    if *calls > 0 {
        *calls -= 1;
        return None;
    }
    let fault = *fault;
    faults.pop_front();
    Some(fault)
}

fn read_fault() -> ReadError {
    ReadError::Failed(Cause::new("scripted fault: the read failed"))
}

impl<S: Reader> Reader for FaultyStore<S> {
    fn head(&self) -> Result<Head, ReadError> {
        self.check_read()?;
        self.inner.head()
    }

    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        self.check_read()?;
        self.inner.hash_at(seq)
    }

    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.visit_until_fault(visit, |visit| self.inner.read_from(after, visit))
    }

    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.visit_until_fault(visit, |visit| self.inner.read_stream(stream, after, visit))
    }

    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError> {
        self.check_read()?;
        self.inner.snapshots(format)
    }

    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError> {
        self.check_read()?;
        let mut stored = self.inner.sealed_snapshot(format, seq)?;
        if take(&mut self.script().snapshots).is_some()
            && let Some(byte) = stored.as_mut().and_then(|stored| stored.packed.last_mut())
        {
            *byte ^= 1;
        }
        Ok(stored)
    }

    fn lease(&self) -> Result<Lease, ReadError> {
        self.check_read()?;
        self.inner.lease()
    }

    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError> {
        self.check_read()?;
        self.inner.get_blob(hash)
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError> {
        let fault = {
            let mut script = self.script();
            script.check_open()?;
            take(&mut script.appends)
        };
        let lost = || {
            self.script().writes_state = WriteState::Lost;
            AppendError::Unknown(Cause::new("scripted fault: the answer was lost"))
        };
        match fault {
            None => self.inner.append_if_head(generation, expected, rows),
            Some(AppendFault::Refuse) => {
                Err(AppendError::NotWritten(Cause::new("scripted fault: the append failed")))
            }
            Some(AppendFault::LoseRows) => Err(lost()),
            Some(AppendFault::LoseAnswer) => {
                // A refusal is told even now: only the answer to a commit can be lost.
                self.inner.append_if_head(generation, expected, rows)?;
                Err(lost())
            }
        }
    }

    fn put_all_sealed(&self, sealed: Vec<Sealed>) -> Result<(), SnapshotError> {
        let gate = self.script().snapshot_gate.clone();
        if let Some(gate) = gate {
            drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.check_write()?;
        self.inner.put_all_sealed(sealed)
    }

    fn acquire(&self, owner: &str, now_ms: i64, ttl_ms: i64) -> Result<Lease, LeaseError> {
        self.check_write()?;
        self.inner.acquire(owner, now_ms, ttl_ms)
    }

    fn renew(
        &self,
        generation: Generation,
        now_ms: i64,
        ttl_ms: i64,
        note: &[u8],
    ) -> Result<Lease, LeaseError> {
        self.check_write()?;
        self.inner.renew(generation, now_ms, ttl_ms, note)
    }

    fn is_ours_alone(&self) -> bool {
        self.inner.is_ours_alone()
    }

    fn release(&self, generation: Generation) -> Result<(), LeaseError> {
        self.check_write()?;
        self.inner.release(generation)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobError> {
        self.check_write()?;
        self.inner.put_blob(bytes)
    }

    fn load(&self, rows: RowSource) -> Result<Head, LoadError> {
        self.check_write()?;
        self.inner.load(rows)
    }
}
