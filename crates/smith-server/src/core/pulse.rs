//! The driver's last turn, as others see it: when that was, and what time it was by its two clocks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smith_domain::time::{Now, Span, Timestamp};

use crate::driver::{Clock as _, SystemClock};

#[derive(Debug)]
pub(super) struct Pulse {
    clock: SystemClock,
    last: Mutex<Option<Beat>>,
}

#[derive(Debug, Clone, Copy)]
struct Beat {
    at: Instant,
    steady: Timestamp,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { clock: SystemClock::new(), last: Mutex::new(None) }
    }

    /// A turn has come to its end at this steady time.
    pub(super) fn beat(&self, steady: Timestamp) {
        let beat = Beat { at: Instant::now(), steady };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat);
    }

    pub(super) fn age(&self) -> Option<Duration> {
        self.last().map(|beat| beat.at.elapsed())
    }

    /// Both clocks now: the steady time goes on by itself between turns, and also while nobody drives.
    pub(super) fn now(&self) -> Option<Now> {
        let beat = self.last()?;
        let run = u64::try_from(beat.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(Now { steady: beat.steady + Span(run), wall: self.clock.read().wall })
    }

    pub(super) fn boot(&self) -> &str {
        self.clock.boot()
    }

    fn last(&self) -> Option<Beat> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
