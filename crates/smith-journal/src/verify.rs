//! Recomputes the chain and names the first row that is not as it was written, and how.
//!
//! A chain proves only that its rows belong together. That rows are missing at the end is seen against the head record,
//! and that the whole history was rewritten only against checkpoints that were kept elsewhere.

use std::ops::ControlFlow;

use thiserror::Error;

use crate::chain::{Chain, row_hash};
use crate::checkpoint::Checkpoint;
use crate::error::ReadError;
use crate::progress::Progress;
use crate::row::{Hash, Head, Row, RowRef, Seq};
use crate::store::Reader;
use crate::tree::Tree;

/// What was recomputed and found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub rows: u64,
    pub head: Head,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Broken {
    #[error("row {seq} was changed: expected hash {expected}, found {found}")]
    HashMismatch { seq: Seq, expected: Hash, found: Hash },
    /// A row was dropped, or its number was changed.
    #[error("row {seq} is missing: expected it, found row {found}")]
    Missing { seq: Seq, found: Seq },
    /// The row is genuine, but it was written at another position.
    #[error("row {seq} was moved: expected row {seq}, found what was written as row {belongs_at}")]
    Reordered { seq: Seq, belongs_at: Seq },
    #[error("a row came out of order: expected row {expected}, found row {seq}")]
    OutOfOrder { seq: Seq, expected: Seq },
    #[error("rows are missing at the end: expected head {expected}, found {found}")]
    Truncated { expected: Head, found: Head },
    #[error("the head record disagrees with the rows: expected head {recorded}, found {found}")]
    HeadRecord { recorded: Head, found: Head },
    #[error("row {seq} is unreadable: expected {column} to be {expected}, found {found}")]
    Unreadable { seq: Seq, column: &'static str, expected: &'static str, found: String },
    /// The rows belong together, but they are not the history that the checkpoint was taken of.
    #[error("the history before row {} was rewritten: expected hash {}, found {found}", .checkpoint.seq, .checkpoint.hash)]
    Checkpoint { checkpoint: Head, found: Hash },
    /// The hash is the checkpoint's, and the tree over the rows is not.
    #[error("the rows up to {seq} are not those of the checkpoint: expected root {expected}, found {found}")]
    Root { seq: Seq, expected: Hash, found: Hash },
}

impl Broken {
    /// The first bad row; for missing rows the first that is not there.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::HashMismatch { seq, .. }
            | Self::Missing { seq, .. }
            | Self::Reordered { seq, .. }
            | Self::OutOfOrder { seq, .. }
            | Self::Unreadable { seq, .. }
            | Self::Root { seq, .. } => *seq,
            Self::Truncated { found, .. } => found.seq.next(),
            Self::HeadRecord { found, .. } => found.seq,
            Self::Checkpoint { checkpoint, .. } => checkpoint.seq,
        }
    }
}

#[derive(Debug, Clone, Error)]
pub enum VerifyError {
    #[error("the journal is broken")]
    Broken(#[from] Broken),
    #[error("the journal could not be verified")]
    Read(#[source] ReadError),
}

/// Recomputes the chain behind `start`, which is trusted ([`Head::GENESIS`] trusts nothing), and compares it with the
/// head record and with every checkpoint at or behind `start`.
pub fn verify(reader: &dyn Reader, start: Head, checkpoints: &[Checkpoint]) -> Result<Verified, VerifyError> {
    check_start(reader, start)?;
    let walk = walk_along(reader, Walk::new(start, checkpoints)?, |_| ())?;
    Ok(Verified { rows: walk.head().seq.0 - start.seq.0, head: walk.head() })
}

/// Recomputes the whole chain while somebody watches.
pub(crate) fn verify_watched(reader: &dyn Reader, progress: &Progress) -> Result<(), VerifyError> {
    walk_along(reader, Walk::new(Head::GENESIS, &[])?, |row| progress.verified(row)).map(drop)
}

/// Walks along all rows behind where the walk stands.
fn walk_along(reader: &dyn Reader, mut walk: Walk, mut passed: impl FnMut(Seq)) -> Result<Walk, VerifyError> {
    let start = walk.head();
    let mut broken = None;
    let mut suspect = None;
    let read = reader.read_from(start.seq, &mut |row| match walk.step(&row) {
        Ok(()) => {
            passed(row.seq);
            ControlFlow::Continue(())
        }
        Err(found) => {
            suspect = Some(row.to_row());
            broken = Some(found);
            ControlFlow::Break(())
        }
    });
    if let Some(broken) = broken {
        return Err(explain(reader, broken, suspect.as_ref()).into());
    }
    let recorded = read.map_err(|error| walk.unreadable(error))?;
    walk.finish(recorded)?;
    Ok(walk)
}

/// Verifies all rows and notes where they end, for somebody who keeps it elsewhere.
pub fn take_checkpoint(reader: &dyn Reader, at: i64) -> Result<Checkpoint, VerifyError> {
    let mut walk = Walk::new(Head::GENESIS, &[])?;
    walk.tree = Some(Tree::default());
    let verified = walk_along(reader, walk, |_| ())?;
    Ok(Checkpoint { head: verified.head(), at, root: verified.tree.map(|tree| tree.root()) })
}

fn check_start(reader: &dyn Reader, start: Head) -> Result<(), VerifyError> {
    match reader.hash_at(start.seq).map_err(VerifyError::Read)? {
        Some(hash) if hash == start.hash => Ok(()),
        Some(found) => Err(Broken::Checkpoint { checkpoint: start, found }.into()),
        None => {
            let found = reader.head().map_err(VerifyError::Read)?;
            Err(Broken::Truncated { expected: start, found }.into())
        }
    }
}

/// The walk along the rows; also used for the few last rows when a store is opened.
#[derive(Debug)]
pub(crate) struct Walk {
    chain: Chain,
    /// Kept where it is asked for: it costs as much as the chain.
    tree: Option<Tree>,
    /// Those that are still ahead, the nearest last.
    ahead: Vec<Checkpoint>,
}

impl Walk {
    pub(crate) fn new(start: Head, checkpoints: &[Checkpoint]) -> Result<Self, Broken> {
        let mut ahead = checkpoints.to_vec();
        ahead.retain(|checkpoint| checkpoint.head.seq >= start.seq);
        ahead.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.head.seq));
        // A walk that begins in the middle does not know the tree.
        let has_roots = start == Head::GENESIS && ahead.iter().any(|checkpoint| checkpoint.root.is_some());
        let mut walk = Self { chain: Chain::from_head(start), tree: has_roots.then(Tree::default), ahead };
        walk.compare_checkpoints()?;
        Ok(walk)
    }

    pub(crate) fn head(&self) -> Head {
        self.chain.head()
    }

    pub(crate) fn step(&mut self, row: &RowRef<'_>) -> Result<(), Broken> {
        let expected = self.head().seq.next();
        if row.seq > expected {
            return Err(Broken::Missing { seq: expected, found: row.seq });
        }
        if row.seq < expected {
            return Err(Broken::OutOfOrder { seq: row.seq, expected });
        }
        let computed = self.chain.push(&row.content);
        if computed.hash != row.hash {
            return Err(Broken::HashMismatch { seq: row.seq, expected: computed.hash, found: row.hash });
        }
        if let Some(tree) = &mut self.tree {
            tree.push(computed.hash);
        }
        self.compare_checkpoints()
    }

    fn compare_checkpoints(&mut self) -> Result<(), Broken> {
        let head = self.chain.head();
        while let Some(Checkpoint { head: checkpoint, root, .. }) =
            self.ahead.pop_if(|ahead| ahead.head.seq == head.seq)
        {
            if checkpoint.hash != head.hash {
                return Err(Broken::Checkpoint { checkpoint, found: head.hash });
            }
            let Some((expected, tree)) = root.zip(self.tree.as_ref()) else { continue };
            let found = tree.root();
            if expected != found {
                return Err(Broken::Root { seq: head.seq, expected, found });
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self, recorded: Head) -> Result<(), Broken> {
        let found = self.head();
        if found.seq < recorded.seq {
            return Err(Broken::Truncated { expected: recorded, found });
        }
        if found != recorded {
            return Err(Broken::HeadRecord { recorded, found });
        }
        match self.ahead.last() {
            Some(checkpoint) => Err(Broken::Truncated { expected: checkpoint.head, found }),
            None => Ok(()),
        }
    }

    /// An unreadable row is a finding about the journal, unless rows before it are missing: then that comes first.
    fn unreadable(&self, error: ReadError) -> VerifyError {
        let expected_seq = self.head().seq.next();
        match error {
            ReadError::Unreadable { seq, .. } if seq > expected_seq => {
                Broken::Missing { seq: expected_seq, found: seq }.into()
            }
            ReadError::Unreadable { seq, column, expected, found } => {
                Broken::Unreadable { seq, column, expected, found }.into()
            }
            error @ ReadError::Failed(_) => VerifyError::Read(error),
        }
    }
}

/// Tells a row that was moved from one that was changed. A moved row still has its hash, so it fits behind the stored
/// hash of the row it once followed; that one is looked for among all later positions, and once at the neighbour with
/// which it may have been swapped. Without an answer the first finding stands.
fn explain(reader: &dyn Reader, broken: Broken, suspect: Option<&Row>) -> Broken {
    let (Broken::HashMismatch { seq, .. }, Some(suspect)) = (&broken, suspect) else {
        return broken;
    };
    let content = suspect.row.content();
    let mut previous = suspect.hash;
    let mut home = None;
    // Whatever cannot be read here only leaves the explanation out.
    let _ = reader.read_from(*seq, &mut |row| {
        let swapped = row.seq == seq.next() && row_hash(row.hash, row.seq, &content) == suspect.hash;
        if swapped || row_hash(previous, row.seq, &content) == suspect.hash {
            home = Some(row.seq);
            return ControlFlow::Break(());
        }
        previous = row.hash;
        ControlFlow::Continue(())
    });
    home.map_or(broken.clone(), |belongs_at| Broken::Reordered { seq: *seq, belongs_at })
}
