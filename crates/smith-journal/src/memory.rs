//! A store that lives and dies with the process: for tests and for the simulator.
//!
//! It keeps every promise of a [`Store`] but the disk, so that what works on it works on the real one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::blob::{self, Packed};
use crate::chain::Chain;
use crate::error::{AppendError, BlobError, LeaseError, ReadError, SnapshotError};
use crate::import::{LoadError, checked};
use crate::lease::{Fence, Generation, Lease};
use crate::limits::check_rows;
use crate::row::{Hash, Head, NewRow, Row, Seq};
use crate::snapshot::{Sealed, surplus, surplus_of_another};
use crate::store::{Reader, RowSource, Store, Visitor};

/// Rows are shown in portions of this size, so that a visitor may call the store without a deadlock.
const PORTION: usize = 256;

#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: Vec<Arc<Row>>,
    /// The indices into `rows` of each stream.
    streams: BTreeMap<String, Vec<usize>>,
    chain: Chain,
    lease: Lease,
    snapshots: BTreeMap<(u32, Seq), Sealed>,
    blobs: BTreeMap<Hash, Packed>,
}

impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // Every change of `Inner` is made by code that cannot panic half way, so a poisoned lock still guards a whole state.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, row: NewRow) {
        let head = self.chain.push(&row.content());
        self.streams.entry(row.stream.clone().into_owned()).or_default().push(self.rows.len());
        self.rows.push(Arc::new(Row { seq: head.seq, row, hash: head.hash }));
    }

    /// Leaves the snapshots that are to stay, now that one of this format was put.
    fn thin(&mut self, format: u32) {
        let mut rows: BTreeMap<u32, Vec<Seq>> = BTreeMap::new();
        for (format, seq) in self.snapshots.keys() {
            rows.entry(*format).or_default().push(*seq);
        }
        for (of, mut rows) in rows {
            if of != format {
                surplus_of_another(&rows).iter().for_each(|seq| drop(self.snapshots.remove(&(of, *seq))));
                continue;
            }
            while let Some(gone) = surplus(&rows) {
                rows.retain(|seq| *seq != gone);
                self.snapshots.remove(&(of, gone));
            }
        }
    }

    fn hash_at(&self, seq: Seq) -> Option<Hash> {
        if seq == Seq::GENESIS {
            return Some(Hash::GENESIS);
        }
        let index = usize::try_from(seq.0 - 1).ok()?;
        self.rows.get(index).map(|row| row.hash)
    }
}

fn index_after(seq: Seq) -> usize {
    usize::try_from(seq.0).unwrap_or(usize::MAX)
}

impl Reader for MemoryStore {
    fn head(&self) -> Result<Head, ReadError> {
        Ok(self.read().chain.head())
    }

    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        Ok(self.read().hash_at(seq))
    }

    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        let head = self.head()?;
        let end = index_after(head.seq);
        let mut next = index_after(after);
        while next < end {
            let until = end.min(next + PORTION);
            let portion = self.read().rows[next..until].to_vec();
            if show(&portion, visit).is_break() {
                break;
            }
            next = until;
        }
        Ok(head)
    }

    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        let (head, rows) = {
            let inner = self.read();
            let indices = inner.streams.get(stream).map_or(&[][..], Vec::as_slice);
            let first = indices.partition_point(|index| *index < index_after(after));
            let rows: Vec<_> = indices[first..].iter().map(|index| Arc::clone(&inner.rows[*index])).collect();
            (inner.chain.head(), rows)
        };
        let _ = show(&rows, visit);
        Ok(head)
    }

    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError> {
        let inner = self.read();
        let range = (format, Seq::GENESIS)..=(format, Seq(u64::MAX));
        Ok(inner.snapshots.range(range).rev().map(|(_, sealed)| sealed.head).collect())
    }

    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError> {
        Ok(self.read().snapshots.get(&(format, seq)).cloned())
    }

    fn lease(&self) -> Result<Lease, ReadError> {
        Ok(self.read().lease.clone())
    }

    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError> {
        let packed = self.read().blobs.get(&hash).cloned();
        packed.as_ref().map(blob::unpack).transpose()
    }
}

fn show(rows: &[Arc<Row>], visit: &mut Visitor<'_>) -> ControlFlow<()> {
    for row in rows {
        visit(row.as_ref().as_ref())?;
    }
    ControlFlow::Continue(())
}

impl Store for MemoryStore {
    fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError> {
        check_rows(&rows)?;
        let mut inner = self.write();
        if inner.lease.fence(generation) == Fence::Shut {
            return Err(AppendError::Fenced { expected: generation, found: inner.lease.clone() });
        }
        let found = inner.chain.head();
        if expected != found {
            return Err(AppendError::StaleHead { expected, found });
        }
        rows.into_iter().for_each(|row| inner.push(row));
        Ok(inner.chain.head())
    }

    fn put_all_sealed(&self, sealed: Vec<Sealed>) -> Result<(), SnapshotError> {
        let mut inner = self.write();
        for sealed in sealed {
            let Head { seq, hash: expected } = sealed.head;
            let found = inner.hash_at(seq);
            if found != Some(expected) {
                return Err(SnapshotError::NotOnChain { seq, expected, found });
            }
            let format = sealed.format;
            inner.snapshots.insert((format, seq), sealed);
            inner.thin(format);
        }
        Ok(())
    }

    fn acquire(&self, owner: &str, now_ms: i64, ttl_ms: i64) -> Result<Lease, LeaseError> {
        let mut inner = self.write();
        inner.lease = inner.lease.acquire(owner, now_ms, ttl_ms)?;
        Ok(inner.lease.clone())
    }

    fn renew(
        &self,
        generation: Generation,
        now_ms: i64,
        ttl_ms: i64,
        note: &[u8],
    ) -> Result<Lease, LeaseError> {
        let mut inner = self.write();
        inner.lease = inner.lease.renew(generation, now_ms, ttl_ms, note)?;
        Ok(inner.lease.clone())
    }

    fn release(&self, generation: Generation) -> Result<(), LeaseError> {
        let mut inner = self.write();
        inner.lease = inner.lease.release(generation)?;
        Ok(())
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobError> {
        let packed = blob::pack(bytes)?;
        let hash = packed.hash;
        self.write().blobs.entry(hash).or_insert(packed);
        Ok(hash)
    }

    fn load(&self, rows: RowSource) -> Result<Head, LoadError> {
        let rows: Vec<NewRow> = checked(rows).collect::<Result<_, _>>()?;
        let mut inner = self.write();
        let found = inner.chain.head();
        if found != Head::GENESIS {
            return Err(LoadError::NotEmpty { found });
        }
        rows.into_iter().for_each(|row| inner.push(row));
        Ok(inner.chain.head())
    }
}
