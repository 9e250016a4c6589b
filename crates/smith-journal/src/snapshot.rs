//! Snapshots: a fold of the journal up to one row, so that a start need not read everything.
//!
//! A snapshot is an aid, never a truth: it is sealed with a hash of its own and bound to a row of the chain, and one that
//! fails either check is reported and passed over.

use thiserror::Error;

use crate::chain::sha256;
use crate::error::{Cause, SnapshotError};
use crate::limits::MAX_SNAPSHOT_BYTES;
use crate::row::{Hash, Head};

/// The newest may turn out damaged; with the one before it a start is still short.
pub(crate) const KEPT: usize = 2;

/// Level 3 packs serialised state about as well as the slower ones, at some 300 MB/s.
const LEVEL: i32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last row that is folded in.
    pub head: Head,
    /// What wrote the bytes; snapshots of other formats are not looked at.
    pub format: u32,
    pub bytes: Vec<u8>,
}

/// A snapshot as it lies in a store: compressed, with a hash over everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub head: Head,
    pub format: u32,
    pub raw_len: u64,
    pub packed: Vec<u8>,
    pub seal: Hash,
}

/// A stored snapshot that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub head: Head,
    pub why: BadSnapshot,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSnapshot {
    #[error("expected a snapshot with hash {expected}, found {found}")]
    Seal { expected: Hash, found: Hash },
    #[error("the snapshot does not lie on the chain: expected hash {expected}, found another row or none")]
    NotOnChain { expected: Hash },
    #[error("expected {expected} bytes in the snapshot, found {found}")]
    Unpack { expected: u64, found: String },
}

/// The newest snapshot that can be trusted, and those newer ones that cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latest {
    pub snapshot: Option<Snapshot>,
    pub rejected: Vec<Rejected>,
}

impl Sealed {
    pub fn new(snapshot: &Snapshot) -> Result<Self, SnapshotError> {
        let found = snapshot.bytes.len();
        if found > MAX_SNAPSHOT_BYTES {
            return Err(SnapshotError::TooLarge { limit: MAX_SNAPSHOT_BYTES, found });
        }
        let packed = zstd::bulk::compress(&snapshot.bytes, LEVEL)
            .map_err(|error| SnapshotError::Compress(Cause::new(error)))?;
        let raw_len = found as u64;
        let seal = seal(&snapshot.head, snapshot.format, raw_len, &packed);
        Ok(Self { head: snapshot.head, format: snapshot.format, raw_len, packed, seal })
    }

    /// Checks the seal before the bytes reach the decompressor.
    pub(crate) fn open(&self) -> Result<Snapshot, BadSnapshot> {
        let found = seal(&self.head, self.format, self.raw_len, &self.packed);
        if found != self.seal {
            return Err(BadSnapshot::Seal { expected: self.seal, found });
        }
        let unpack = |found: String| BadSnapshot::Unpack { expected: self.raw_len, found };
        let length = usize::try_from(self.raw_len).map_err(|error| unpack(error.to_string()))?;
        if length > MAX_SNAPSHOT_BYTES {
            return Err(unpack(format!("a limit of {MAX_SNAPSHOT_BYTES}")));
        }
        let bytes =
            zstd::bulk::decompress(&self.packed, length).map_err(|error| unpack(error.to_string()))?;
        if bytes.len() != length {
            return Err(unpack(bytes.len().to_string()));
        }
        Ok(Snapshot { head: self.head, format: self.format, bytes })
    }
}

/// Picks among the stored snapshots, newest first; `on_chain` tells whether the journal has this head in its history.
pub(crate) fn choose<E>(
    stored: &[Sealed],
    mut on_chain: impl FnMut(Head) -> Result<OnChain, E>,
) -> Result<Latest, E> {
    let mut latest = Latest::default();
    for sealed in stored {
        let head = sealed.head;
        let why = match on_chain(head)? {
            OnChain::No => BadSnapshot::NotOnChain { expected: head.hash },
            OnChain::Yes => match sealed.open() {
                Ok(snapshot) => {
                    latest.snapshot = Some(snapshot);
                    return Ok(latest);
                }
                Err(why) => why,
            },
        };
        latest.rejected.push(Rejected { head, why });
    }
    Ok(latest)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnChain {
    Yes,
    No,
}

fn seal(head: &Head, format: u32, raw_len: u64, packed: &[u8]) -> Hash {
    let mut buffer = Vec::with_capacity(52 + packed.len());
    buffer.extend_from_slice(&head.seq.0.to_be_bytes());
    buffer.extend_from_slice(&head.hash.0);
    buffer.extend_from_slice(&format.to_be_bytes());
    buffer.extend_from_slice(&raw_len.to_be_bytes());
    buffer.extend_from_slice(packed);
    sha256(&buffer)
}
