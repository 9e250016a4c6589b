//! What a rehearsal found.

use smith_domain::rollout::Tally;
use smith_domain::time::{Span, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub seed: u64,
    pub machines: u32,
    pub clusters: u32,
    pub outcome: Outcome,
    pub start: Timestamp,
    pub end: Timestamp,
    pub steps: Vec<StepReport>,
    /// From start to end, what came after what.
    pub critical: Vec<Leg>,
    /// No schedule under the same limits and with the same durations is shorter.
    pub bound: Span,
    /// How many machines were finished by when.
    pub progress: Vec<Moment>,
    /// Limits under which machines waited, the ones that held up most first.
    pub binding: Vec<Binding>,
    /// Assumptions and what a person had to do.
    pub remarks: Vec<String>,
    /// Events that were recorded.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Finished,
    /// It waits, for these reasons.
    Stuck(Vec<String>),
    /// It had not ended when the horizon was reached.
    OutOfTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub pipeline: String,
    pub step: String,
    pub title: String,
    pub reached: Option<Timestamp>,
    pub opened: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub tally: Tally,
    /// The least that this step can take.
    pub bound: Span,
    /// Whether a window closed before the step was done.
    pub windows_missed: u32,
    pub halts: u32,
}

/// One part of the critical path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    pub what: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    pub done: u32,
    pub running: u32,
    pub failed: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The limit in words.
    pub limit: String,
    /// Groups of it whose work alone is at least nine tenths of what the step took.
    pub groups: u32,
    /// The group with the most work.
    pub tightest: String,
    /// What its work alone takes.
    pub alone: Span,
}

impl Report {
    pub fn makespan(&self) -> Span {
        self.end.since(self.start)
    }

    /// The makespan in thousandths of the bound.
    pub fn of_bound_permille(&self) -> u64 {
        self.makespan().0.saturating_mul(1000) / self.bound.0.max(1)
    }
}
