//! Numbers kept in an order that lies outside of them, such as machines in the order of their names.
//!
//! A million entries cost about five bytes each, a look-up is a binary search, and an insertion moves one small
//! chunk. The order is the caller's: each call brings the comparison, because the names live elsewhere.

use std::cmp::Ordering;

/// Entries of one chunk: an insertion moves at most 2 KiB, and a million machines need a few thousand chunks.
const CHUNK: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Ordered {
    /// No chunk is empty or longer than `CHUNK`.
    chunks: Vec<Vec<u32>>,
}

impl Ordered {
    /// The entries must already stand in the order that later calls use.
    pub(super) fn from_sorted(sorted: &[u32]) -> Self {
        Self { chunks: sorted.chunks(CHUNK).map(<[u32]>::to_vec).collect() }
    }

    /// `compare` says how an entry stands to what is looked for.
    pub(super) fn find(&self, compare: impl Fn(u32) -> Ordering) -> Option<u32> {
        let chunk = self.chunks.get(self.chunk_of(&compare))?;
        let place = chunk.binary_search_by(|entry| compare(*entry)).ok()?;
        chunk.get(place).copied()
    }

    /// Inserts an entry that is not there yet; `compare` says how an entry stands to the new one.
    pub(super) fn insert(&mut self, entry: u32, compare: impl Fn(u32) -> Ordering) {
        let at = self.chunk_of(&compare);
        if at == self.chunks.len() {
            return self.append(entry);
        }
        let place = self.chunks[at].partition_point(|e| compare(*e) == Ordering::Less);
        self.chunks[at].insert(place, entry);
        if self.chunks[at].len() > CHUNK {
            let upper = self.chunks[at].split_off(CHUNK / 2);
            self.chunks.insert(at + 1, upper);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// Entries that come in order fill their chunks, so a first reading leaves no half-empty ones behind.
    fn append(&mut self, entry: u32) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(entry),
            Some(_) | None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.chunks.push(chunk);
            }
        }
    }

    /// The first chunk whose last entry is not before what is looked for.
    fn chunk_of(&self, compare: &impl Fn(u32) -> Ordering) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|e| compare(*e) == Ordering::Less))
    }
}

/// Where chunks were split depends on the way here, which is nobody's business.
impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ordered {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(entries in prop::collection::vec(0u32..5000, 0..2000)) {
            let mut ordered = Ordered::default();
            let mut set = BTreeSet::new();
            for entry in entries {
                if set.insert(entry) {
                    prop_assert_eq!(ordered.find(|e| e.cmp(&entry)), None);
                    ordered.insert(entry, |e| e.cmp(&entry));
                }
                prop_assert_eq!(ordered.find(|e| e.cmp(&entry)), Some(entry));
            }
            prop_assert!(ordered.iter().eq(set.iter().copied()));
            let sorted: Vec<u32> = set.into_iter().collect();
            prop_assert_eq!(Ordered::from_sorted(&sorted), ordered);
        }
    }
}
