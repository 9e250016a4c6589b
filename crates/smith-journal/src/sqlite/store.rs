//! The store over one journal file: writes go to the writing thread, reads to connections of their own.

use std::path::Path;

use super::open::{OpenError, check_tail, open_to_write};
use super::reader::SqliteReader;
use super::writer::{Writer, WriterThread};
use crate::blob;
use crate::error::{AppendError, BlobError, LeaseError, ReadError, SnapshotError};
use crate::import::LoadError;
use crate::lease::{Generation, Lease};
use crate::row::{Hash, Head, NewRow, Seq};
use crate::snapshot::Sealed;
use crate::store::{Reader, RowSource, Store, Visitor};

/// A journal file, opened for writing by this process alone.
#[derive(Debug)]
pub struct SqliteStore {
    reader: SqliteReader,
    // Dropped last: who closes a journal last brings everything into its one file.
    pub(super) thread: WriterThread,
}

impl SqliteStore {
    /// Opens or makes the journal, and checks its last rows; [`verify`](crate::verify::verify) checks all of them.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let access = open_to_write(path.as_ref())?;
        let path = access.path.clone();
        let reader = SqliteReader::open(&path)?;
        check_tail(&reader, &path)?;
        let thread = WriterThread::start(access).map_err(|source| OpenError::Io { path, source })?;
        Ok(Self { thread, reader })
    }

    /// A handle to append with from other threads, and to queue appends without waiting.
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.thread.writer().clone()
    }
}

impl Reader for SqliteStore {
    fn head(&self) -> Result<Head, ReadError> {
        self.reader.head()
    }

    fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        self.reader.hash_at(seq)
    }

    fn read_from(&self, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.reader.read_from(after, visit)
    }

    fn read_stream(&self, stream: &str, after: Seq, visit: &mut Visitor<'_>) -> Result<Head, ReadError> {
        self.reader.read_stream(stream, after, visit)
    }

    fn snapshots(&self, format: u32) -> Result<Vec<Head>, ReadError> {
        self.reader.snapshots(format)
    }

    fn sealed_snapshot(&self, format: u32, seq: Seq) -> Result<Option<Sealed>, ReadError> {
        self.reader.sealed_snapshot(format, seq)
    }

    fn lease(&self) -> Result<Lease, ReadError> {
        self.reader.lease()
    }

    fn get_blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, BlobError> {
        self.reader.get_blob(hash)
    }
}

impl Store for SqliteStore {
    fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError> {
        self.thread.writer().append_if_head(generation, expected, rows)
    }

    fn put_all_sealed(&self, sealed: Vec<Sealed>) -> Result<(), SnapshotError> {
        self.thread.writer().call(move |group| group.put_snapshots(&sealed))?
    }

    fn acquire(&self, owner: &str, now_ms: i64, ttl_ms: i64) -> Result<Lease, LeaseError> {
        let owner = owner.to_owned();
        self.change_lease(move |lease| lease.acquire(&owner, now_ms, ttl_ms))
    }

    fn renew(
        &self,
        generation: Generation,
        now_ms: i64,
        ttl_ms: i64,
        note: &[u8],
    ) -> Result<Lease, LeaseError> {
        let note = note.to_vec();
        self.change_lease(move |lease| lease.renew(generation, now_ms, ttl_ms, &note))
    }

    fn release(&self, generation: Generation) -> Result<(), LeaseError> {
        self.change_lease(move |lease| lease.release(generation)).map(drop)
    }

    /// The lock of the file is the kernel's, and goes with the process that held it.
    fn is_ours_alone(&self) -> bool {
        true
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobError> {
        let packed = blob::pack(bytes)?;
        Ok(self.thread.writer().call(move |group| group.put_blob(&packed))?)
    }

    fn load(&self, rows: RowSource) -> Result<Head, LoadError> {
        self.thread.writer().call(move |group| group.load(rows))?
    }
}

impl SqliteStore {
    fn change_lease(
        &self,
        change: impl FnOnce(&Lease) -> Result<Lease, LeaseError> + Send + 'static,
    ) -> Result<Lease, LeaseError> {
        self.thread.writer().call(move |group| group.lease(change))?
    }
}
