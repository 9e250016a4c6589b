//! Rehearsals as commands need them: several futures of one plan, each with one or more runs, and how they are shown.

mod compare;
mod json;
mod picture;
mod text;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use smith_domain::time::Span;
use smith_sim::rehearse::{Change, Outcome, Plan, RehearseError, Report, run};

pub(crate) use compare::side_by_side;
pub(crate) use json::document;
pub(crate) use picture::picture;
pub(crate) use text::{Header, outcome_line, shown};

/// One future: the plan as it is, or with a change.
#[derive(Debug)]
pub(crate) struct Future {
    pub(crate) what_if: Option<String>,
    /// One for each run, in the order of the seeds. Never empty.
    pub(crate) reports: Vec<Report>,
}

/// The spread of the time that runs took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) low: Span,
    pub(crate) median: Span,
    pub(crate) high: Span,
}

/// Machines that are rehearsed at the same time: each takes about 1.6 kB, so these are some 3 GB.
const MACHINES_AT_ONCE: usize = 2_000_000;

impl Future {
    /// The run with the seed that was asked for; what is shown in detail.
    pub(crate) fn first(&self) -> &Report {
        &self.reports[0]
    }

    pub(crate) fn name(&self) -> &str {
        self.what_if.as_deref().unwrap_or("as it is")
    }

    pub(crate) fn finishes(&self) -> bool {
        self.reports.iter().all(|report| report.outcome == Outcome::Finished)
    }

    /// Of the runs that came to their end; none if none did.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let finished = self.reports.iter().filter(|report| report.outcome == Outcome::Finished);
        let mut spans: Vec<Span> = finished.map(Report::makespan).collect();
        spans.sort_unstable();
        let at = |percent: usize| spans.get((spans.len().saturating_sub(1) * percent + 50) / 100).copied();
        Some(Spread { low: at(10)?, median: at(50)?, high: at(90)? })
    }
}

/// Rehearses the plan as it is and with each change, each so often, on as many processors as the memory allows.
/// `tell` hears how many of how many runs are done.
pub(crate) fn rehearse(
    plan: &Plan,
    changes: &[(String, Change)],
    runs: u32,
    tell: &(dyn Fn(u32, u32) + Sync),
) -> Result<Vec<Future>, RehearseError> {
    let changed = changes.iter().map(|(_, change)| {
        let changes = plan.changes.iter().chain([change]).cloned().collect();
        Plan { changes, ..plan.clone() }
    });
    let plans: Vec<Plan> = [plan.clone()].into_iter().chain(changed).collect();
    let jobs: Vec<Plan> = plans
        .iter()
        .flat_map(|plan| {
            (0..runs).map(|run| Plan { seed: plan.seed.wrapping_add(u64::from(run)), ..plan.clone() })
        })
        .collect();
    let mut reports = all(&jobs, tell)?.into_iter();
    let names = [None].into_iter().chain(changes.iter().map(|(text, _)| Some(text.clone())));
    Ok(names
        .map(|what_if| Future { what_if, reports: reports.by_ref().take(runs as usize).collect() })
        .collect())
}

/// The reports of all jobs, in the order of the jobs whichever ends first.
fn all(jobs: &[Plan], tell: &(dyn Fn(u32, u32) + Sync)) -> Result<Vec<Report>, RehearseError> {
    let machines = jobs.first().map_or(1, |plan| plan.machines.len().max(1));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.min(MACHINES_AT_ONCE / machines).clamp(1, jobs.len().max(1));
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    let found: Mutex<Vec<Option<Result<Report, RehearseError>>>> = Mutex::new(Vec::new());
    if let Ok(mut found) = found.lock() {
        found.resize_with(jobs.len(), || None);
    }
    tell(0, count);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(plan) = jobs.get(at) else { break };
            let report = run(plan);
            if let Ok(mut found) = found.lock() {
                found[at] = Some(report);
            }
            tell(done.fetch_add(1, Ordering::Relaxed) + 1, count);
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    found.into_inner().unwrap_or_default().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use smith_domain::time::Timestamp;

    fn report(hours: u64, outcome: Outcome) -> Report {
        Report {
            seed: 1,
            machines: 1,
            clusters: 1,
            outcome,
            start: Timestamp(0),
            end: Timestamp(0) + Span::hours(hours),
            steps: Vec::new(),
            critical: Vec::new(),
            bound: Span::hours(1),
            progress: Vec::new(),
            binding: Vec::new(),
            remarks: Vec::new(),
            events: 0,
        }
    }

    #[test]
    fn the_spread_is_that_of_runs_that_ended() {
        let mut reports: Vec<Report> =
            [9, 1, 3, 5, 7, 2, 4, 6, 8, 10, 11].map(|hours| report(hours, Outcome::Finished)).into();
        reports.push(report(99, Outcome::OutOfTime));
        let future = Future { what_if: None, reports };
        let spread = Spread { low: Span::hours(2), median: Span::hours(6), high: Span::hours(10) };
        assert_eq!(future.spread(), Some(spread));
        assert!(!future.finishes());
        let stuck = Future { what_if: None, reports: vec![report(1, Outcome::OutOfTime)] };
        assert_eq!(stuck.spread(), None);
    }
}
