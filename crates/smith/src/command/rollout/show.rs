//! `smith rollout show`: how far a project is, phase by phase and bag by bag, and what it waits for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_domain::pipeline::Gate;
use smith_domain::rollout::estimate::estimate;
use smith_domain::rollout::{Rollout, Run, RunState, StepEnd, StepRun, StepState, Tally};
use smith_domain::state::State;
use smith_domain::time::Now;
use smith_domain::why;

use super::list::state_word;
use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, BOLD, WAITS, count, counted, styled};

/// Show how far a rollout is: totals, phases, bags with their change tasks, and what it waits for.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The project id, as `smith rollout list` shows it
    id: u32,
    /// The journal file; a server may be writing it
    #[arg(long, value_name = "FILE", env = "SMITH_JOURNAL")]
    journal: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Project {
    project: u32,
    pipeline: String,
    build: u32,
    by: String,
    started: String,
    state: &'static str,
    totals: Counts,
    reasons: Vec<String>,
    /// Nothing once it has ended.
    expected: Option<Expected>,
    steps: Vec<Step>,
}

/// When it is expected to end, from what machines took so far; approvals, repairs and windows are not counted.
#[derive(Debug, Serialize)]
struct Expected {
    early: String,
    likely: String,
    late: String,
    critical: Vec<String>,
    /// Pipelines whose end steps of this one wait for: the times hold if they had ended already, and only then.
    waits_for: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Counts {
    machines: u32,
    pass: u32,
    failed: u32,
    lost: u32,
    skipped: u32,
    gone: u32,
    unstarted: u32,
    running: u32,
}

#[derive(Debug, Serialize)]
struct Step {
    step: String,
    title: String,
    state: &'static str,
    change: Option<String>,
    ticket: Option<String>,
    reached: Option<String>,
    opened: Option<String>,
    ended: Option<String>,
    totals: Counts,
    reasons: Vec<String>,
    phases: Vec<Phase>,
}

#[derive(Debug, Serialize)]
struct Phase {
    title: String,
    state: &'static str,
    bags: Vec<Bag>,
}

#[derive(Debug, Serialize)]
struct Bag {
    bag: String,
    task: Option<String>,
    state: &'static str,
    totals: Counts,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let state = input::opening(&args.journal)?.state;
    let project = project(&state, input::rollout_of(&state, args.id)?);
    if args.json {
        output::json(&project)?;
    } else {
        output::data(&text(&project))?;
    }
    Ok(Exit::Good)
}

fn project(state: &State, rollout: &Rollout) -> Project {
    let reasons = why::rollout(state, rollout.id);
    Project {
        project: rollout.id.0,
        pipeline: rollout.pipeline.name.to_string(),
        build: rollout.build.0,
        by: rollout.by.clone(),
        started: rollout.started_at.to_string(),
        state: state_word(rollout),
        totals: counts(&rollout.tally()),
        reasons: reasons.iter().map(|reason| reason.line(state)).collect(),
        expected: expected(state, rollout),
        steps: (0_u16..).take(rollout.steps.len()).map(|number| step(state, rollout, number)).collect(),
    }
}

fn expected(state: &State, rollout: &Rollout) -> Option<Expected> {
    // The journal's newest event is the last thing known of the time, whenever the file is looked at.
    let found = estimate(state, rollout.id, Now::same(state.at))?;
    let critical = found.critical.iter().filter_map(|leg| {
        let work = leg.tightest.as_ref()?;
        let step = &rollout.rule(leg.step).id;
        let (machines, limit) = (counted(work.machines, "machine"), &work.limit);
        Some(format!("{step}: {}, {machines}, {limit}, until {}", work.group, leg.to))
    });
    Some(Expected {
        early: found.early.to_string(),
        likely: found.likely.to_string(),
        late: found.late.to_string(),
        critical: critical.collect(),
        waits_for: others(rollout),
    })
}

/// Other pipelines that steps which have not opened wait for, and nobody knows for how long.
fn others(rollout: &Rollout) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (step, rule) in rollout.steps.iter().zip(&rollout.pipeline.steps) {
        if step.opened_at.is_some() || step.has_ended() {
            continue;
        }
        for (gate, rule) in step.gates.iter().zip(&rule.gates) {
            let awaited = match rule {
                Gate::Succeeded { pipeline } if !gate.open && !gate.met => Some(pipeline),
                Gate::Soak { pipeline: Some(pipeline), .. } if !gate.open && gate.opens_at.is_none() => {
                    Some(pipeline)
                }
                Gate::Succeeded { .. } | Gate::Soak { .. } | Gate::Approval { .. } => None,
            };
            names.extend(awaited.map(ToString::to_string));
        }
    }
    names.into_iter().collect()
}

fn step(state: &State, rollout: &Rollout, number: u16) -> Step {
    let (run, rule) = (rollout.step(number), rollout.rule(number));
    let waits = !rollout.has_ended() && !run.has_ended();
    let reasons = if waits { why::step(state, rollout, number) } else { Vec::new() };
    Step {
        step: rule.id.to_string(),
        title: rule.title.clone(),
        state: step_word(run),
        change: run.change.and_then(|id| state.changes.get(id)).map(|change| change.name()),
        ticket: run.ticket.and_then(|id| state.tickets.get(id)).and_then(|ticket| ticket.number.clone()),
        reached: run.reached_at.map(|at| at.to_string()),
        opened: run.opened_at.map(|at| at.to_string()),
        ended: run.ended_at.map(|at| at.to_string()),
        totals: counts(&run.tally),
        reasons: reasons.iter().map(|reason| reason.line(state)).collect(),
        phases: run.runs.iter().map(|one| phase(state, rollout, number, one)).collect(),
    }
}

fn phase(state: &State, rollout: &Rollout, number: u16, run: &Run) -> Phase {
    let rule = &rollout.rule(number).phases[usize::from(run.phase)];
    let title =
        run.value.as_ref().map_or_else(|| rule.title.clone(), |value| format!("{} {value}", rule.title));
    // A change has a task for each bag of each phase, in their order; a phase that runs for each zone shares its tasks.
    let before: usize =
        rollout.rule(number).phases.iter().take(usize::from(run.phase)).map(|phase| phase.bags.len()).sum();
    let change = rollout.step(number).change.and_then(|id| state.changes.get(id));
    let task = |bag: usize| change.and_then(|change| change.tasks.get(before + bag));
    let bags = rule.bags.iter().zip(&run.bags).enumerate().map(|(at, (bag, bag_run))| Bag {
        bag: bag.name.to_string(),
        task: task(at).and_then(|task| task.number.clone()),
        state: bag_word(run.state, &bag_run.tally),
        totals: counts(&bag_run.tally),
    });
    Phase { title, state: run_word(run.state), bags: bags.collect() }
}

fn step_word(step: &StepRun) -> &'static str {
    match &step.state {
        StepState::Waiting => "unstarted",
        StepState::Reached => "waiting",
        StepState::Open => "in progress",
        StepState::Halted(_) => "halted",
        StepState::Ended(StepEnd::Done) => "complete",
        StepState::Ended(StepEnd::Aborted) => "aborted",
        StepState::Ended(StepEnd::NotAsked) => "not asked",
    }
}

fn run_word(run: RunState) -> &'static str {
    match run {
        RunState::Waiting => "unstarted",
        RunState::Open => "in progress",
        RunState::Closed => "complete",
    }
}

fn bag_word(run: RunState, tally: &Tally) -> &'static str {
    match run {
        RunState::Waiting => "unstarted",
        RunState::Open | RunState::Closed if tally.all_ended() => "complete",
        RunState::Open | RunState::Closed => "in progress",
    }
}

fn counts(tally: &Tally) -> Counts {
    Counts {
        machines: tally.total(),
        pass: tally.done,
        failed: tally.failed,
        lost: tally.lost,
        skipped: tally.skipped,
        gone: tally.gone,
        unstarted: tally.waiting,
        running: tally.running,
    }
}

fn text(project: &Project) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_project(&mut out, project);
    out
}

fn write_project(out: &mut String, project: &Project) -> std::fmt::Result {
    let Project { project: id, pipeline, build, state, .. } = project;
    writeln!(out, "Project: {id} Patch: {} with Build `{build}`, `{state}`", styled(BOLD, pipeline))?;
    writeln!(out, "TOTALS: {}", totals(&project.totals))?;
    for reason in &project.reasons {
        writeln!(out, "{} {reason}", styled(WAITS, "waits:"))?;
    }
    if let Some(Expected { early, likely, late, critical, waits_for }) = &project.expected {
        if waits_for.is_empty() {
            writeln!(out, "expected: {likely}, between {early} and {late}")?;
        } else {
            let others = waits_for.join(" and ");
            writeln!(out, "expected: unknown until {others} is through; {likely} if it were already")?;
        }
        for leg in critical {
            writeln!(out, "   {leg}")?;
        }
    }
    for step in &project.steps {
        writeln!(out)?;
        let change = step.change.as_ref().map(|change| format!(" - {change}")).unwrap_or_default();
        let ticket = step.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
        let name = styled(BOLD, &format!("{} : {}", step.step, step.title));
        writeln!(out, "Step: {name}{change}, State: `{}`{ticket}", step.state)?;
        for reason in &step.reasons {
            writeln!(out, "   {} {reason}", styled(WAITS, "waits:"))?;
        }
        for (number, phase) in step.phases.iter().enumerate() {
            write_phase(out, number, phase)?;
        }
    }
    Ok(())
}

fn write_phase(out: &mut String, number: usize, phase: &Phase) -> std::fmt::Result {
    let sum = |of: fn(&Counts) -> u32| count(phase.bags.iter().map(|bag| of(&bag.totals)).sum::<u32>());
    let (pass, fail) = (sum(|totals| totals.pass), sum(|totals| totals.failed + totals.lost));
    let unstarted = sum(|totals| totals.unstarted);
    let Phase { title, state, .. } = phase;
    writeln!(out, " *Phase {number}*, {title}, `{state}` Pass: {pass}, Fail: {fail} Unstarted: {unstarted}")?;
    for Bag { bag, task, state, totals } in &phase.bags {
        let task = task.as_ref().map(|task| format!(" - {task}")).unwrap_or_default();
        let (machines, pass) = (count(totals.machines), count(totals.pass));
        let fail = count(totals.failed + totals.lost);
        writeln!(
            out,
            "   Bag: *{bag}*{task}, State: `{state}` MachineCount: {machines} Pass:{pass} Fail:{fail}"
        )?;
    }
    Ok(())
}

/// `Pass: 1, Failed NONE, Unstarted NONE`, and what else there is.
fn totals(totals: &Counts) -> String {
    let or_none = |number: u32| if number == 0 { " NONE".to_owned() } else { format!(": {}", count(number)) };
    let mut text = format!(
        "Pass: {}, Failed{}, Unstarted{}",
        count(totals.pass),
        or_none(totals.failed + totals.lost),
        or_none(totals.unstarted)
    );
    for (number, what) in [(totals.running, "Running"), (totals.skipped, "Skipped"), (totals.gone, "Gone")] {
        if number > 0 {
            let _ = write!(text, ", {what}: {}", count(number));
        }
    }
    text
}
