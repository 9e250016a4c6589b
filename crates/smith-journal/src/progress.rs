//! How far the opening of a journal has come, for those who wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::row::Seq;

/// Rows between two notes of where somebody stands: two threads that note each row would only wait for each other.
const NOTED: u64 = 1_024;

/// Written by those who read a journal to open it, read by whoever is asked meanwhile.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    verified: AtomicU64,
    folded: AtomicU64,
}

/// Where the slower of both readings stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    pub row: u64,
    /// How many rows there are.
    pub of: u64,
}

impl Progress {
    pub fn reading(&self) -> Reading {
        let seen = |one: &AtomicU64| one.load(Ordering::Relaxed);
        let row = seen(&self.verified).min(seen(&self.folded));
        Reading { row, of: seen(&self.rows) }
    }

    pub(crate) fn begin(&self, last: Seq) {
        self.verified.store(0, Ordering::Relaxed);
        self.folded.store(0, Ordering::Relaxed);
        self.rows.store(last.0, Ordering::Relaxed);
    }

    pub(crate) fn verified(&self, row: Seq) {
        note(&self.verified, row);
    }

    pub(crate) fn folded(&self, row: Seq) {
        note(&self.folded, row);
    }
}

fn note(to: &AtomicU64, row: Seq) {
    if row.0.is_multiple_of(NOTED) {
        to.store(row.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_both_is_told() {
        let progress = Progress::default();
        progress.begin(Seq(5_000));
        (1..=5_000).for_each(|row| progress.verified(Seq(row)));
        assert_eq!(progress.reading(), Reading { row: 0, of: 5_000 });
        (1..=2_100).for_each(|row| progress.folded(Seq(row)));
        assert_eq!(progress.reading(), Reading { row: 2_048, of: 5_000 });
    }
}
