//! A rehearsal for programs. `docs/reference/simulate.md` describes the document; it grows and never changes.

use serde::Serialize;
use smith_domain::time::{Span, Timestamp};
use smith_sim::rehearse::{Outcome, Report, StepReport};

use super::{Future, Header};

/// The shape of the document.
const FORMAT: &str = "smith.rollout.simulate/1";

#[derive(Debug, Serialize)]
pub(crate) struct Document {
    format: &'static str,
    pipelines: Vec<String>,
    fleet: Fleet,
    seed: u64,
    runs: u32,
    faults: String,
    approval_delay_s: u64,
    horizon_s: u64,
    start: String,
    /// The first is the plan as it is, each other one is a what-if.
    futures: Vec<OneFuture>,
}

#[derive(Debug, Serialize)]
struct Fleet {
    machines: u32,
    clusters: u32,
    source: String,
}

#[derive(Debug, Serialize)]
struct OneFuture {
    what_if: Option<String>,
    outcome: &'static str,
    reasons: Vec<String>,
    end: String,
    makespan_s: u64,
    bound_s: u64,
    /// Over all runs that ended.
    range: Option<Range>,
    events: u64,
    assumptions: Vec<String>,
    steps: Vec<Step>,
    critical_path: Vec<Leg>,
    binding_limits: Vec<Binding>,
    progress: Vec<Moment>,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Range {
    p10_s: u64,
    median_s: u64,
    p90_s: u64,
}

#[derive(Debug, Serialize)]
struct Run {
    seed: u64,
    outcome: &'static str,
    makespan_s: u64,
    bound_s: u64,
}

#[derive(Debug, Serialize)]
struct Step {
    pipeline: String,
    step: String,
    title: String,
    reached: Option<String>,
    opened: Option<String>,
    ended: Option<String>,
    took_s: Option<u64>,
    bound_s: u64,
    machines: u32,
    pass: u32,
    failed: u32,
    lost: u32,
    skipped: u32,
    gone: u32,
    waiting: u32,
    running: u32,
    halts: u32,
    windows_missed: u32,
}

#[derive(Debug, Serialize)]
struct Leg {
    from: String,
    to: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct Binding {
    limit: String,
    groups: u32,
    tightest: String,
    alone_s: u64,
}

#[derive(Debug, Serialize)]
struct Moment {
    at: String,
    done: u32,
    running: u32,
    failed: u32,
}

pub(crate) fn document(header: &Header, futures: &[Future]) -> Document {
    let first = futures.first().map(Future::first);
    Document {
        format: FORMAT,
        pipelines: header.pipelines.clone(),
        fleet: Fleet {
            machines: first.map_or(0, |report| report.machines),
            clusters: first.map_or(0, |report| report.clusters),
            source: header.fleet.clone(),
        },
        seed: first.map_or(0, |report| report.seed),
        runs: futures.first().map_or(0, |future| u32::try_from(future.reports.len()).unwrap_or(u32::MAX)),
        faults: header.faults.clone(),
        approval_delay_s: seconds(header.approval),
        horizon_s: seconds(header.horizon),
        start: first.map(|report| time(report.start)).unwrap_or_default(),
        futures: futures.iter().map(one).collect(),
    }
}

fn seconds(span: Span) -> u64 {
    span.0 / 1000
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn one(future: &Future) -> OneFuture {
    let report = future.first();
    OneFuture {
        what_if: future.what_if.clone(),
        outcome: outcome_word(report),
        reasons: match &report.outcome {
            Outcome::Stuck(reasons) => reasons.clone(),
            Outcome::Finished | Outcome::OutOfTime => Vec::new(),
        },
        end: time(report.end),
        makespan_s: seconds(report.makespan()),
        bound_s: seconds(report.bound),
        range: future.spread().map(|spread| Range {
            p10_s: seconds(spread.low),
            median_s: seconds(spread.median),
            p90_s: seconds(spread.high),
        }),
        events: report.events,
        assumptions: report.remarks.clone(),
        steps: report.steps.iter().map(step).collect(),
        critical_path: report
            .critical
            .iter()
            .map(|leg| Leg { from: time(leg.from), to: time(leg.to), what: leg.what.clone() })
            .collect(),
        binding_limits: report
            .binding
            .iter()
            .map(|one| Binding {
                limit: one.limit.clone(),
                groups: one.groups,
                tightest: one.tightest.clone(),
                alone_s: seconds(one.alone),
            })
            .collect(),
        progress: report
            .progress
            .iter()
            .map(|moment| Moment {
                at: time(moment.at),
                done: moment.done,
                running: moment.running,
                failed: moment.failed,
            })
            .collect(),
        runs: future.reports.iter().map(run).collect(),
    }
}

fn outcome_word(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Finished => "finished",
        Outcome::Stuck(_) => "stuck",
        Outcome::OutOfTime => "out-of-time",
    }
}

fn run(report: &Report) -> Run {
    Run {
        seed: report.seed,
        outcome: outcome_word(report),
        makespan_s: seconds(report.makespan()),
        bound_s: seconds(report.bound),
    }
}

fn step(step: &StepReport) -> Step {
    Step {
        pipeline: step.pipeline.clone(),
        step: step.step.clone(),
        title: step.title.clone(),
        reached: step.reached.map(time),
        opened: step.opened.map(time),
        ended: step.ended.map(time),
        took_s: step.opened.zip(step.ended).map(|(from, to)| seconds(to.since(from))),
        bound_s: seconds(step.bound),
        machines: step.tally.total(),
        pass: step.tally.done,
        failed: step.tally.failed,
        lost: step.tally.lost,
        skipped: step.tally.skipped,
        gone: step.tally.gone,
        waiting: step.tally.waiting,
        running: step.tally.running,
        halts: step.halts,
        windows_missed: step.windows_missed,
    }
}
