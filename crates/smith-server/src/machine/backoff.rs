//! Waiting longer after each failure, and never at the same moment as everybody else.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Doubles from `first` to `most`; each wait is drawn from its upper half, so that a thousand machines that vanished with one
/// switch do not come back with one knock.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    most: Duration,
    seed: u64,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        // The keys of a fresh hasher are the randomness that std has.
        let seed = RandomState::new().build_hasher().finish() | 1;
        Self { next: first, most, seed }
    }

    pub fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.most);
        // xorshift: the quality of a dice is enough.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let share = (self.seed >> 11) as f64 / (1u64 << 53) as f64;
        whole.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_most_and_differ() {
        let mut one = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<Duration> = (0..40).map(|_| one.wait()).collect();
        for (wait, whole) in waits.iter().zip([100, 200, 400, 800, 1000, 1000]) {
            assert!((whole / 2..=whole).contains(&(wait.as_millis() as u64)), "{wait:?} of {whole} ms");
        }
        let late: std::collections::BTreeSet<Duration> = waits[5..].iter().copied().collect();
        assert!(late.len() > 20, "{late:?}");
    }
}
