//! The tree over the rows' hashes: a Merkle tree as in RFC 6962, whose leaf number *i* (from 0) is the hash of row *i* + 1.
//!
//! `leaf = SHA-256(0x00 ‖ hash of the row)`, `node = SHA-256(0x01 ‖ left ‖ right)`. The chain proves rows only to somebody who has
//! all of them, because each hash covers the content of its row. The tree proves single rows with a few hashes in place of
//! all others. It is kept nowhere: it follows from the chain, and a checkpoint notes its root beside the chain's hash.

use sha2::{Digest, Sha256};

use crate::chain::sha256;
use crate::row::Hash;

/// A whole tree of 2^level leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subtree {
    /// The number of its first leaf.
    pub(crate) start: u64,
    pub(crate) level: u32,
    pub(crate) hash: Hash,
}

/// A tree that grows to the right. It holds one hash for each binary digit of its size that is 1.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    peaks: Vec<Subtree>,
    size: u64,
}

/// A subtree that cannot stand where it is put: one of 2^n leaves begins at a multiple of 2^n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misplaced;

impl Subtree {
    pub(crate) fn leaf(start: u64, row: Hash) -> Self {
        let mut hash = Sha256::new_with_prefix([0]);
        hash.update(row.0);
        Self { start, level: 0, hash: Hash(hash.finalize().into()) }
    }

    /// Both in one, if they are the halves of one.
    fn joined(self, right: Self) -> Option<Self> {
        let is_left_half = self.start >> self.level & 1 == 0;
        let halves = self.level == right.level && is_left_half;
        halves.then(|| Self { hash: node(self.hash, right.hash), level: self.level + 1, start: self.start })
    }
}

/// Adds a subtree behind others, and joins what can be joined.
pub(crate) fn put(list: &mut Vec<Subtree>, mut one: Subtree) {
    while let Some(both) = list.last().and_then(|left| left.joined(one)) {
        list.pop();
        one = both;
    }
    list.push(one);
}

impl Tree {
    /// How many rows it holds.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, row: Hash) {
        put(&mut self.peaks, Subtree::leaf(self.size, row));
        self.size += 1;
    }

    /// Adds 2^level leaves of which nothing else is known.
    pub(crate) fn push_whole(&mut self, level: u32, hash: Hash) -> Result<(), Misplaced> {
        let rows = 1_u64.checked_shl(level).ok_or(Misplaced)?;
        if !self.size.is_multiple_of(rows) {
            return Err(Misplaced);
        }
        put(&mut self.peaks, Subtree { start: self.size, level, hash });
        self.size = self.size.checked_add(rows).ok_or(Misplaced)?;
        Ok(())
    }

    /// One hash for all of it.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return sha256(b"") };
        peaks.fold(last.hash, |right, left| node(left.hash, right))
    }
}

fn node(left: Hash, right: Hash) -> Hash {
    let mut hash = Sha256::new_with_prefix([1]);
    hash.update(left.0);
    hash.update(right.0);
    Hash(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word.
    fn by_the_book(rows: &[Hash]) -> Hash {
        match rows {
            [] => sha256(b""),
            [one] => Subtree::leaf(0, *one).hash,
            several => {
                let half = several.len().next_power_of_two() / 2;
                node(by_the_book(&several[..half]), by_the_book(&several[half..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_standard_at_every_size() {
        let rows: Vec<Hash> = (0..70_u8).map(|number| sha256(&[number])).collect();
        let mut tree = Tree::default();
        for size in 0..rows.len() {
            assert_eq!((tree.root(), tree.size()), (by_the_book(&rows[..size]), size as u64));
            tree.push(rows[size]);
        }
    }

    #[test]
    fn a_subtree_stands_for_its_leaves_and_only_in_its_place() {
        let rows: Vec<Hash> = (0..12_u8).map(|number| sha256(&[number])).collect();
        let mut four = Tree::default();
        rows[8..].iter().for_each(|row| four.push(*row));
        let (mut tree, mut all) = (Tree::default(), Tree::default());
        rows.iter().for_each(|row| all.push(*row));
        rows[..7].iter().for_each(|row| tree.push(*row));
        assert_eq!(tree.push_whole(2, four.root()), Err(Misplaced));
        tree.push(rows[7]);
        assert_eq!(tree.push_whole(2, four.root()), Ok(()));
        assert_eq!(tree.root(), all.root());
        assert_eq!(tree.push_whole(64, four.root()), Err(Misplaced));
    }
}
