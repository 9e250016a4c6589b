//! Clocks as the driver reads them.

use std::fs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use smith_domain::time::Timestamp;

/// One look at the clocks of the machine that the driver runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the clock on the wall says; anybody may set it.
    pub wall: Timestamp,
    /// Milliseconds that only ever go forward at their own pace, counted from the start of `boot`.
    pub uptime: u64,
    /// Which start of the machine `uptime` counts from.
    pub boot: String,
}

pub trait Clock {
    fn read(&self) -> Reading;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn read(&self) -> Reading {
        (**self).read()
    }
}

/// The clocks of this machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot: String,
    started: Instant,
    uptime_at_start: u64,
}

impl SystemClock {
    /// Reads once which boot this is and how old it is; from then on the process's own monotonic clock counts.
    pub fn new() -> Self {
        let boot =
            fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
        match seconds {
            // Whole milliseconds of a machine's uptime are far below the numbers that a float cannot hold.
            Some(seconds) => {
                Self { boot, started: Instant::now(), uptime_at_start: (seconds * 1000.0) as u64 }
            }
            // Without an uptime no two processes can be compared, so this one counts as a boot of its own.
            None => Self {
                boot: format!("process {} {:?}", std::process::id(), SystemTime::now()),
                started: Instant::now(),
                uptime_at_start: 0,
            },
        }
    }
}

impl SystemClock {
    /// Which start of the machine this is.
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// What the clock on the wall says, where nothing else is asked for.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let run = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Reading { wall: wall(), uptime: self.uptime_at_start.saturating_add(run), boot: self.boot.clone() }
    }
}
