//! Snapshots: a fold of the journal up to one row, so that a start need not read everything.
//!
//! A snapshot is an aid, never a truth: it is sealed with a hash of its own and bound to a row of the chain, and one that
//! fails either check is reported and passed over.

use thiserror::Error;

use crate::chain::sha256;
use crate::error::{Cause, SnapshotError};
use crate::limits::MAX_SNAPSHOT_BYTES;
use crate::row::{Hash, Head, Seq};

/// The newest may turn out damaged; with the one before it a start is still short.
pub(crate) const KEPT: usize = 2;

/// Older snapshots that stay as milestones: whoever tells what happened in the middle of a journal folds from the one before. So
/// many of a hundred thousand machines are as long as some hundred thousand rows, and a journal of ten million is folded
/// from one of them in some two seconds.
pub const MILESTONES: usize = 32;

/// Rows between milestones at the least. They are folded in a third of a second, so nearer ones gain little; servers that are
/// started again and again leave snapshots behind a few rows each.
pub const MILESTONE_ROWS: u64 = 100_000;

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

/// Picks among the stored snapshots, newest first; `on_chain` tells whether the journal has this head in its history. They are
/// fetched one at a time, for they are large.
pub(crate) fn choose<E>(
    stored: &[Head],
    mut on_chain: impl FnMut(Head) -> Result<OnChain, E>,
    mut fetch: impl FnMut(Seq) -> Result<Option<Sealed>, E>,
) -> Result<Latest, E> {
    let mut latest = Latest::default();
    for head in stored.iter().copied() {
        let why = match on_chain(head)? {
            OnChain::No => BadSnapshot::NotOnChain { expected: head.hash },
            OnChain::Yes => match fetch(head.seq)?.as_ref().map(Sealed::open) {
                Some(Ok(snapshot)) => {
                    latest.snapshot = Some(snapshot);
                    return Ok(latest);
                }
                Some(Err(why)) => why,
                // A writer has put others in its place meanwhile.
                None => continue,
            },
        };
        latest.rejected.push(Rejected { head, why });
    }
    Ok(latest)
}

/// Which of the snapshots of one format goes, if one does, given the rows of all in order. The newest stay; of the others first
/// go those that leave no long way behind, and then, while there are too many, the one whose loss makes the shortest.
pub(crate) fn surplus(rows: &[Seq]) -> Option<Seq> {
    let older = rows.len().checked_sub(KEPT)?;
    let before = |at: usize| at.checked_sub(1).and_then(|at| rows.get(at)).map_or(0, |row| row.0);
    let ways = (0..older).filter_map(|at| Some((rows.get(at + 1)?.0 - before(at), *rows.get(at)?)));
    let (way, row) = ways.min()?;
    // Snapshots are due after so many rows and come a little later.
    let is_near = way <= MILESTONE_ROWS + MILESTONE_ROWS / 2;
    (is_near || older > MILESTONES).then_some(row)
}

/// Which of the snapshots of another format go: all but the newest, which a program that is put back would still read.
pub(crate) fn surplus_of_another(rows: &[Seq]) -> &[Seq] {
    &rows[..rows.len().saturating_sub(KEPT)]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes snapshots at these rows, one after the other, and answers which are left.
    fn left(rows: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut kept: Vec<Seq> = Vec::new();
        for row in rows {
            kept.push(Seq(row));
            kept.sort();
            while let Some(gone) = surplus(&kept) {
                kept.retain(|one| *one != gone);
            }
        }
        kept.iter().map(|seq| seq.0).collect()
    }

    #[test]
    fn the_newest_stay_and_of_those_behind_a_few_rows_no_more() {
        assert_eq!(left([0]), [0]);
        assert_eq!(left([0, 2, 3]), [2, 3]);
        assert_eq!(left(1..=1_000), [999, 1_000]);
        // A server that keeps one every hundred thousand rows, and is started again in between.
        let rows = [100_010, 200_020, 230_000, 230_007, 330_017, 430_027];
        assert_eq!(left(rows), [100_010, 230_007, 330_017, 430_027]);
    }

    #[test]
    fn milestones_stand_evenly_and_are_never_more_than_so_many() {
        for length in [5_u64, 31, 33, 34, 50, 64, 100, 500] {
            let rows: Vec<u64> = (1..=length).map(|number| number * 100_007).collect();
            let kept = left(rows.iter().copied());
            assert!(kept.len() <= KEPT + MILESTONES, "{length}: {}", kept.len());
            assert!(kept.ends_with(&rows[rows.len() - 2..]), "{length}");
            let longest = kept.windows(2).map(|two| two[1] - two[0]).chain(kept.first().copied()).max();
            let fair = 2 * MILESTONE_ROWS.max(length * 100_007 / MILESTONES as u64) + 100_007;
            assert!(longest <= Some(fair), "{length}: {longest:?} of {fair}");
        }
    }

    #[test]
    fn of_other_formats_the_newest_stay() {
        assert_eq!(surplus_of_another(&[Seq(1), Seq(2), Seq(3)]), [Seq(1)]);
        assert_eq!(surplus_of_another(&[Seq(1)]), []);
    }
}
