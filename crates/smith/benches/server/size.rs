//! How much is done.

use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Size {
    pub(crate) runs: u32,
    /// Machines whose pace is measured, and rollouts over all of them in one run, one after the other.
    pub(crate) machines: u32,
    pub(crate) rollouts: u32,
    /// Machines whose memory is measured, whose server is killed when its journal has so many rows.
    pub(crate) many: u32,
    pub(crate) rows: u64,
    /// Whether a kill comes right behind a snapshot or so many rows behind the last one.
    pub(crate) snapshots: Snapshots,
    /// Requests in a second, of all clients together.
    pub(crate) requests: u32,
    pub(crate) goals: Goals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snapshots {
    Awaited {
        stale: u64,
    },
    /// So few rows that none is ever taken.
    Never,
}

/// Whether figures are held against what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goals {
    Judged,
    NotJudged,
}

impl Size {
    /// Everything ends within seconds, on a busy computer without optimisation too.
    pub(crate) const SMALL: Self = Self {
        runs: 1,
        machines: 120,
        rollouts: 2,
        many: 200,
        rows: 1_000,
        snapshots: Snapshots::Never,
        requests: 50,
        goals: Goals::NotJudged,
    };

    pub(crate) fn full(runs: u32) -> Self {
        Self {
            runs: runs.max(1),
            machines: 10_000,
            rollouts: 4,
            many: 100_000,
            rows: 1_000_000,
            // A server keeps one every 100,000 rows: the worst that it can be killed at, but for the time that one takes.
            snapshots: Snapshots::Awaited { stale: 90_000 },
            requests: 50,
            goals: Goals::Judged,
        }
    }

    pub(crate) fn is_judged(&self) -> bool {
        self.goals == Goals::Judged
    }
}

/// Nothing that is waited for takes so long: 100,000 machines take a minute at the wanted pace.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
