//! Projects: how far they are, what they wait for, and when they are expected to end.

use std::collections::BTreeSet;

use smith_api::{Bag, Counts, Expected, Failed, Phase, Project, ProjectLine, Step};
use smith_domain::pipeline::Gate;
use smith_domain::rollout::estimate::{Estimate, estimate};
use smith_domain::rollout::{
    JobState, Mode, Rollout, RolloutEnd, Run, RunState, StepEnd, StepRun, StepState, Tally,
};
use smith_domain::state::State;
use smith_domain::time::Now;
use smith_domain::why;

use crate::words::counted;

/// Machines that failed, named one by one; more are counted in the totals.
const FAILED_MAX: usize = 100;

/// A project in one line.
pub fn project_line(state: &State, rollout: &Rollout) -> ProjectLine {
    ProjectLine {
        project: rollout.id.0,
        pipeline: rollout.pipeline.name.to_string(),
        build: rollout.build.0,
        by: rollout.by.clone(),
        started: rollout.started_at.to_string(),
        ended: ended(rollout),
        state: state_word(rollout).to_owned(),
        change: current_change(state, rollout),
        totals: counts(&rollout.tally()),
    }
}

pub fn state_word(rollout: &Rollout) -> &'static str {
    match rollout.mode {
        Mode::Running => "running",
        Mode::Paused => "paused",
        Mode::Aborting => "aborting",
        Mode::Ended { end: RolloutEnd::Succeeded, .. } => "complete",
        Mode::Ended { end: RolloutEnd::Aborted, .. } => "aborted",
    }
}

/// The change of the first step that has not ended, or of the last one that has a change.
fn current_change(state: &State, rollout: &Rollout) -> Option<String> {
    let open = rollout.steps.iter().find(|step| !step.has_ended() && step.change.is_some());
    let step = open.or_else(|| rollout.steps.iter().rev().find(|step| step.change.is_some()))?;
    state.changes.get(step.change?)?.number.clone()
}

fn ended(rollout: &Rollout) -> Option<String> {
    match rollout.mode {
        Mode::Ended { at, .. } => Some(at.to_string()),
        Mode::Running | Mode::Paused | Mode::Aborting => None,
    }
}

/// Everything about a project.
pub fn project(state: &State, rollout: &Rollout) -> Project {
    // The journal's newest event is the last thing known of the time, whenever the file is looked at.
    project_expected(state, rollout, estimate(state, rollout.id, Now::same(state.at)))
}

/// The same with an estimate that was made before.
pub fn project_expected(state: &State, rollout: &Rollout, estimate: Option<Estimate>) -> Project {
    let reasons = why::rollout(state, rollout.id);
    Project {
        project: rollout.id.0,
        pipeline: rollout.pipeline.name.to_string(),
        build: rollout.build.0,
        by: rollout.by.clone(),
        reason: rollout.reason.clone(),
        started: rollout.started_at.to_string(),
        ended: ended(rollout),
        state: state_word(rollout).to_owned(),
        totals: counts(&rollout.tally()),
        reasons: reasons.iter().map(|reason| reason.line(state)).collect(),
        expected: estimate.filter(|_| !rollout.has_ended()).map(|found| expected(rollout, &found)),
        steps: (0_u16..).take(rollout.steps.len()).map(|number| step(state, rollout, number)).collect(),
        failures: failures(state, rollout),
    }
}

fn expected(rollout: &Rollout, found: &Estimate) -> Expected {
    let critical = found.critical.iter().filter_map(|leg| {
        let work = leg.tightest.as_ref()?;
        let step = &rollout.rule(leg.step).id;
        let (machines, limit) = (counted(work.machines, "machine"), &work.limit);
        Some(format!("{step}: {}, {machines}, {limit}, until {}", work.group, leg.to))
    });
    Expected {
        early: found.early.to_string(),
        likely: found.likely.to_string(),
        late: found.late.to_string(),
        critical: critical.collect(),
        waits_for: others(rollout),
    }
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

pub(super) fn step(state: &State, rollout: &Rollout, number: u16) -> Step {
    let (run, rule) = (rollout.step(number), rollout.rule(number));
    let waits = !rollout.has_ended() && !run.has_ended();
    let reasons = if waits { why::step(state, rollout, number) } else { Vec::new() };
    Step {
        step: rule.id.to_string(),
        title: rule.title.clone(),
        state: step_word(run).to_owned(),
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
        state: bag_word(run.state, &bag_run.tally).to_owned(),
        totals: counts(&bag_run.tally),
    });
    Phase { title, state: run_word(run.state).to_owned(), bags: bags.collect() }
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

fn failures(state: &State, rollout: &Rollout) -> Vec<Failed> {
    let bad = |state: &JobState| matches!(state, JobState::Failed { .. } | JobState::Lost { .. });
    // Nobody looks through a hundred thousand jobs of which none has failed.
    let Tally { failed, lost, .. } = rollout.tally();
    let most = FAILED_MAX.min((failed + lost) as usize);
    let failed = rollout.jobs.iter().filter(|job| bad(&job.state)).take(most);
    let one = |job: &smith_domain::rollout::Job| Failed {
        machine: state.fleet.machine(job.machine).name().to_owned(),
        step: rollout.rule(job.step).id.to_string(),
        why: why::job(state, rollout, job).line(state),
    };
    failed.map(one).collect()
}
