//! How much, how long and how often.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Downloads at a time.
    pub connections: usize,
    /// Bytes per second over all connections.
    pub bandwidth: Option<u64>,
    /// A body of which nothing came for so long has ended.
    pub stall: Duration,
    pub connect: Duration,
    /// What a body may take whatever its length.
    pub answer: Duration,
    /// Beyond that a body may trickle in no slower than this, in bytes per second.
    pub slowest: u64,
    /// How often all sources are asked again for a thing that none of them gave.
    pub retries: u32,
    /// The first pause before asking again; each further one is twice as long.
    pub back_off: Duration,
    pub back_off_max: Duration,
    pub proxies: Proxies,
}

/// Whether `http_proxy` and its like are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    FromEnvironment,
    None,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Fills a line of 1 Gbit/s at 100 ms with the windows of a usual kernel; mirrors tolerate it from one client.
            connections: 16,
            bandwidth: None,
            // Longer than a proxy takes to scan a kernel, shorter than a person's patience.
            stall: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            // A slow start behind a proxy that scans the whole file first.
            answer: Duration::from_secs(60),
            // A line that is slower brings no build within a day.
            slowest: 16 * 1024,
            // With the pauses below about 15 s, which a restart of a web server takes.
            retries: 5,
            back_off: Duration::from_millis(500),
            // What `Retry-After` may ask for at most; a server that wants more is down for this run.
            back_off_max: Duration::from_secs(60),
            proxies: Proxies::FromEnvironment,
        }
    }
}

impl Limits {
    /// How long a body may take of which so many bytes came, when it shares the line with all other connections.
    pub(super) fn patience(&self, bytes: u64) -> Duration {
        let share = self.bandwidth.map_or(u64::MAX, |rate| rate / (2 * self.connections.max(1) as u64));
        self.answer + Duration::from_secs(bytes / self.slowest.min(share).max(1))
    }
}

/// The pause before try number `round` (from 1), spread over its second half so that clients do not return in step.
pub(super) fn pause(limits: &Limits, round: u32, asked: Option<Duration>) -> Duration {
    let doubled = limits.back_off.saturating_mul(1 << round.saturating_sub(1).min(16));
    let most = doubled.min(limits.back_off_max);
    let spread = most.mul_f64(0.5 + draw() / 2.0);
    // Somebody who says when to come again is not asked earlier.
    spread.max(asked.unwrap_or_default().min(limits.back_off_max))
}

/// From 0 to 1. Only pauses depend on it, so the seed of a hash map is random enough.
fn draw() -> f64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}
