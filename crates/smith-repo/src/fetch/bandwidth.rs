//! A limit of bytes per second that all connections share.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What may come at once after a pause: a tenth of a second's worth keeps the line even.
const BURST: f64 = 0.1;

/// A bucket of bytes that fills at the given rate. It may go into debt by what is taken at once, which is then waited for,
/// so that a chunk larger than the bucket passes too.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    rate: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: f64,
    at: Instant,
}

impl Bandwidth {
    pub(crate) fn new(rate: u64, now: Instant) -> Self {
        Self { rate: rate.max(1) as f64, state: Mutex::new(State { bytes: 0.0, at: now }) }
    }

    /// Takes so many bytes, and says how long to wait before more is read.
    pub(crate) fn take(&self, bytes: usize, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = now.saturating_duration_since(state.at).as_secs_f64() * self.rate;
        state.bytes = (state.bytes + filled).min(self.rate * BURST) - bytes as f64;
        state.at = now;
        if state.bytes >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-state.bytes / self.rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_takers_together_keep_to_the_rate() {
        let start = Instant::now();
        let bandwidth = Bandwidth::new(1_000, start);
        // Three connections that each wait as they are told: the clock is moved, not slept on.
        let mut clocks = [Duration::ZERO; 3];
        let mut taken = 0;
        while let Some(next) = (0..3).min_by_key(|at| clocks[*at])
            && clocks[next] < Duration::from_secs(100)
        {
            taken += 50;
            clocks[next] += bandwidth.take(50, start + clocks[next]);
        }
        assert!((99_000..101_000).contains(&taken), "{taken}");
    }

    #[test]
    fn a_long_pause_does_not_save_up_a_flood() {
        let start = Instant::now();
        let bandwidth = Bandwidth::new(1_000, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(bandwidth.take(100, later), Duration::ZERO);
        assert_eq!(bandwidth.take(1_000, later), Duration::from_secs(1));
    }
}
