//! How far a download is.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Told by many threads while objects come in.
pub trait Progress: Sync {
    /// What there is to do; may come more than once and is added up.
    fn begin(&self, files: u64, bytes: u64);
    fn received(&self, bytes: u64);
    /// Bytes that an earlier run or a neighbour had brought.
    fn present(&self, bytes: u64);
    /// Bytes that were counted and turned out to be nothing worth.
    fn lost(&self, bytes: u64);
    fn finished(&self);
    fn retried(&self);
    fn failed(&self);
    /// Whether nobody wants it any more. Whoever works for long looks at it, and leaves what is there for another run.
    fn is_called_off(&self) -> bool {
        false
    }
}

/// Nobody looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: u64, _: u64) {}
    fn received(&self, _: u64) {}
    fn present(&self, _: u64) {}
    fn lost(&self, _: u64) {}
    fn finished(&self) {}
    fn retried(&self) {}
    fn failed(&self) {}
}

/// Over how long the rate is taken: long enough to be steady, short enough to show a line that broke down.
const WINDOW: Duration = Duration::from_secs(10);

/// Two samples closer than this are one.
const SAMPLE: Duration = Duration::from_millis(100);

/// Counts, for a progress bar.
#[derive(Debug, Default)]
pub struct Tally {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    /// When how many bytes had come over the network.
    samples: VecDeque<(Instant, u64)>,
    network: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    files: u64,
    files_done: u64,
    bytes: u64,
    bytes_done: u64,
    retries: u64,
    failed: u64,
}

/// A tally at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    pub files: u64,
    pub files_done: u64,
    pub bytes: u64,
    pub bytes_done: u64,
    pub retries: u64,
    pub failed: u64,
    /// Bytes per second.
    pub rate: f64,
    /// How long the rest takes at this rate.
    pub left: Option<Duration>,
}

impl Tally {
    pub fn now(&self) -> Snapshot {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Snapshot {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = inner.rate(now);
        let Counts { files, files_done, bytes, bytes_done, retries, failed } = inner.counts;
        let rest = bytes.saturating_sub(bytes_done) as f64;
        let left = (rate > 0.0).then(|| Duration::try_from_secs_f64(rest / rate).ok()).flatten();
        Snapshot { files, files_done, bytes, bytes_done, retries, failed, rate, left }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn received_at(&self, bytes: u64, now: Instant) {
        self.change(|inner| {
            inner.counts.bytes_done += bytes;
            if inner.samples.is_empty() {
                inner.samples.push_back((now, inner.network));
            }
            inner.network += bytes;
            let is_old = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at) > WINDOW;
            // The newest that is older than the window stays: the rate is measured from it.
            while inner.samples.get(1).is_some_and(is_old) {
                inner.samples.pop_front();
            }
            if inner.samples.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= SAMPLE) {
                inner.samples.push_back((now, inner.network));
            }
        });
    }
}

impl Inner {
    fn rate(&self, now: Instant) -> f64 {
        let is_old = |(at, _): &&(Instant, u64)| now.saturating_duration_since(*at) > WINDOW;
        let from = self.samples.iter().rev().find(is_old).or(self.samples.front());
        let Some((at, bytes)) = from else { return 0.0 };
        let seconds = now.saturating_duration_since(*at).as_secs_f64().max(0.001);
        (self.network - bytes) as f64 / seconds
    }
}

impl Progress for Tally {
    fn begin(&self, files: u64, bytes: u64) {
        self.change(|inner| {
            inner.counts.files += files;
            inner.counts.bytes += bytes;
        });
    }

    fn received(&self, bytes: u64) {
        self.received_at(bytes, Instant::now());
    }

    fn present(&self, bytes: u64) {
        self.change(|inner| inner.counts.bytes_done += bytes);
    }

    fn lost(&self, bytes: u64) {
        self.change(|inner| inner.counts.bytes_done = inner.counts.bytes_done.saturating_sub(bytes));
    }

    fn finished(&self) {
        self.change(|inner| inner.counts.files_done += 1);
    }

    fn retried(&self) {
        self.change(|inner| inner.counts.retries += 1);
    }

    fn failed(&self) {
        self.change(|inner| inner.counts.failed += 1);
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} files, {} of {}",
            self.files_done,
            self.files,
            Size(self.bytes_done),
            Size(self.bytes)
        )?;
        write!(f, ", {}/s", Size(self.rate as u64))?;
        if let Some(left) = self.left {
            let seconds = left.as_secs();
            write!(f, ", {}:{:02} left", seconds / 60, seconds % 60)?;
        }
        if self.retries > 0 {
            write!(f, ", {} retries", self.retries)?;
        }
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        Ok(())
    }
}

/// Bytes as people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = 0;
        while value >= 1000.0 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_forgets_what_is_long_ago() {
        let tally = Tally::default();
        let start = Instant::now();
        tally.begin(2, 100_000);
        for second in 0..10 {
            tally.received_at(1_000, start + Duration::from_secs(second));
        }
        let early = tally.at(start + Duration::from_secs(10));
        assert!((900.0..=1_100.0).contains(&early.rate), "{}", early.rate);
        for second in 10..60 {
            tally.received_at(100, start + Duration::from_secs(second));
        }
        let late = tally.at(start + Duration::from_secs(60));
        assert!((90.0..=110.0).contains(&late.rate), "{}", late.rate);
        assert_eq!(late.bytes_done, 15_000);
        let left = late.left.expect("known").as_secs();
        assert!((770..=950).contains(&left), "{left}");
    }

    #[test]
    fn a_line_says_what_a_person_wants_to_know() {
        let snapshot = Snapshot {
            files: 1268,
            files_done: 12,
            bytes: 5_300_000_000,
            bytes_done: 999,
            retries: 2,
            failed: 0,
            rate: 12_345_678.0,
            left: Some(Duration::from_secs(429)),
        };
        let expected = "12/1268 files, 999 B of 5.3 GB, 12.3 MB/s, 7:09 left, 2 retries";
        assert_eq!(snapshot.to_string(), expected);
    }
}
