//! What a store can do. Reading stands apart from writing, because an auditor opens a journal that a server is
//! writing; every call can fail, and every failed write says whether it is known to have left nothing behind.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::{AppendError, BlobError, LeaseError, ReadError, SnapshotError};
use crate::import::{BadLine, LoadError};
use crate::lease::{Generation, Lease};
use crate::row::{Hash, Head, NewRow, RowRef, Seq};
use crate::snapshot::{Latest, OnChain, Sealed, Snapshot, choose};

/// Is shown one row after the other and says when it has seen enough.
pub type Visitor<'v> = dyn FnMut(RowRef<'_>) -> ControlFlow<()> + 'v;

/// The rows that a whole journal is loaded from, in order.
pub type RowSource = Box<dyn Iterator<Item = Result<NewRow, BadLine>> + Send>;

pub trait Reader: Send + Sync {
    /// The recorded end of the chain.
    fn head(&self) -> Result<Head, ReadError>;

    /// The stored hash of a row; `None` when there is no such row. Before the first row it is [`Hash::GENESIS`].
    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError>;

    /// Shows all rows after `after` in order, as they were at one moment, and returns the head of that moment.
    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError>;

    /// Shows the rows of one stream in order; costs as many steps as the stream has rows.
    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError>;

    /// Where the stored snapshots of this format stand, newest first, unchecked.
    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError>;

    /// The stored snapshot at a row, unchecked.
    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError>;

    /// The newest snapshot of this format that has its own hash and lies on the chain.
    fn latest_snapshot(&self, format: u32) -> Result<Latest, ReadError> {
        self.snapshot_until(format, Seq(u64::MAX))
    }

    /// The same among those that hold no row behind this one.
    fn snapshot_until(&self, format: u32, last: Seq) -> Result<Latest, ReadError> {
        let mut stored = self.snapshots(format)?;
        stored.retain(|head| head.seq <= last);
        let on_chain = |head: Head| {
            Ok(if self.hash_at(head.seq)? == Some(head.hash) { OnChain::Yes } else { OnChain::No })
        };
        choose(&stored, on_chain, |seq| self.sealed_snapshot(format, seq))
    }

    fn lease(&self) -> Result<Lease, ReadError>;

    /// The bytes with this hash, checked; `None` when they were never put.
    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError>;
}

pub trait Store: Reader {
    /// Appends all rows or none, on the condition that `expected` is the head and that `generation` holds the lease.
    /// When it returns the new head, the rows are on the disk.
    fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError>;

    /// Keeps a snapshot, if its head lies on the chain. The newest two of its format stay, and some of the older ones as
    /// milestones.
    fn put_snapshot(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.put_sealed(&Sealed::new(snapshot)?)
    }

    /// The same with one that was sealed before, which takes a while.
    fn put_sealed(&self, sealed: &Sealed) -> Result<(), SnapshotError> {
        self.put_all_sealed(vec![sealed.clone()])
    }

    /// The same with several, at the cost of one write. After an error some of them may be there.
    fn put_all_sealed(&self, sealed: Vec<Sealed>) -> Result<(), SnapshotError>;

    /// Begins a tenure, or prolongs the owner's running one. An owner is one process: its name must not outlive it.
    fn acquire(&self, owner: &str, now_ms: i64, ttl_ms: i64) -> Result<Lease, LeaseError>;

    /// Prolongs a tenure and replaces the note.
    fn renew(
        &self,
        generation: Generation,
        now_ms: i64,
        ttl_ms: i64,
        note: &[u8],
    ) -> Result<Lease, LeaseError>;

    fn release(&self, generation: Generation) -> Result<(), LeaseError>;

    /// Whether nobody else can have the store open: whoever holds its lease besides us is dead, however long it lasts.
    fn is_ours_alone(&self) -> bool {
        false
    }

    /// Keeps the bytes under their hash; the same bytes again cost nothing. They are on the disk when it returns, so
    /// that an event which names them can follow.
    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobError>;

    /// Fills an empty store with a whole journal, or leaves it empty.
    fn load(&self, rows: RowSource) -> Result<Head, LoadError>;
}

/// A store that several hold at once: two drivers that both believe to lead, or a driver and somebody who watches.
impl<S: Reader + ?Sized> Reader for Arc<S> {
    fn head(&self) -> Result<Head, ReadError> {
        (**self).head()
    }

    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        (**self).hash_at(seq)
    }

    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        (**self).read_from(after, visit)
    }

    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        (**self).read_stream(stream, after, visit)
    }

    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError> {
        (**self).snapshots(format)
    }

    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError> {
        (**self).sealed_snapshot(format, seq)
    }

    fn lease(&self) -> Result<Lease, ReadError> {
        (**self).lease()
    }

    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError> {
        (**self).get_blob(hash)
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError> {
        (**self).append_if_head(generation, expected, rows)
    }

    fn put_all_sealed(&self, sealed: Vec<Sealed>) -> Result<(), SnapshotError> {
        (**self).put_all_sealed(sealed)
    }

    fn acquire(&self, owner: &str, now_ms: i64, ttl_ms: i64) -> Result<Lease, LeaseError> {
        (**self).acquire(owner, now_ms, ttl_ms)
    }

    fn renew(
        &self,
        generation: Generation,
        now_ms: i64,
        ttl_ms: i64,
        note: &[u8],
    ) -> Result<Lease, LeaseError> {
        (**self).renew(generation, now_ms, ttl_ms, note)
    }

    fn release(&self, generation: Generation) -> Result<(), LeaseError> {
        (**self).release(generation)
    }

    fn is_ours_alone(&self) -> bool {
        (**self).is_ours_alone()
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobError> {
        (**self).put_blob(bytes)
    }

    fn load(&self, rows: RowSource) -> Result<Head, LoadError> {
        (**self).load(rows)
    }
}
