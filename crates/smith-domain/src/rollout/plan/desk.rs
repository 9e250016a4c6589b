//! What rollouts want from change desk and tracker.

use crate::change::{ChangeEvent, ChangeState, Closing, Evidence, Subject, TaskMove, TaskState};
use crate::event::Event;
use crate::id::{BuildNumber, ChangeId, TicketId};
use crate::pipeline::ChangeRule;
use crate::plan::Planner;
use crate::rollout::event::{Scope, StepEnd};
use crate::rollout::schedule::StepKey;
use crate::rollout::state::{Job, JobState, RunState, Tally};
use crate::state::State;
use crate::ticket::{TicketEvent, TicketKind};
use crate::why;

/// Raises the step's change and ticket when it is reached.
pub(super) fn prepare(planner: &mut Planner<'_>, key: StepKey) {
    let rollout = planner.state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    let rule = rollout.rule(key.step);
    if step.change.is_none() && rule.change != ChangeRule::None {
        let change = ChangeId(planner.next_change);
        planner.next_change += 1;
        let tasks =
            rule.phases.iter().flat_map(|phase| &phase.bags).map(|bag| bag.name.to_string()).collect();
        planner.push(ChangeEvent::Drafted {
            change,
            subject: Subject::Step { rollout: key.rollout, step: key.step },
            title: format!("Patch {} with build {}: {}", rollout.pipeline.name, rollout.build, rule.title),
            by: rollout.by.clone(),
            rule: rule.change.clone(),
            tasks,
        });
    }
    // A request for single machines is followed by its change; tickets are for rollouts of pipelines.
    if step.ticket.is_none() && !matches!(rollout.scope, Scope::Request { .. }) {
        ticket(planner, key);
    }
}

fn ticket(planner: &mut Planner<'_>, key: StepKey) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    let build = rollout.build;
    let epic = match state.tickets.epic(build).or_else(|| planned_epic(planner, build)) {
        Some(epic) => epic,
        None => {
            let epic = TicketId(planner.next_ticket);
            planner.next_ticket += 1;
            let (kind, title) = TicketKind::epic(build);
            planner.push(TicketEvent::Drafted { ticket: epic, kind, title, parent: None });
            epic
        }
    };
    let ticket = TicketId(planner.next_ticket);
    planner.next_ticket += 1;
    let pipeline = rollout.pipeline.name.clone();
    let old = state.tickets.newest_for_step(&pipeline, build, key.step).map(|ticket| ticket.id);
    let rule = rollout.rule(key.step);
    let title =
        format!("BUILD #{build} : {pipeline} : {} : {} (project {})", rule.id, rule.title, rollout.id);
    let kind = TicketKind::Step { rollout: rollout.id, step: key.step, pipeline, build };
    planner.push(TicketEvent::Drafted { ticket, kind, title, parent: Some(epic) });
    if let Some(old) = old {
        let reason = format!("run again as project {}", rollout.id);
        planner.push(TicketEvent::Closed { ticket: old, reason, replaced_by: Some(ticket) });
    }
}

/// The epic that this very plan drafts.
fn planned_epic(planner: &Planner<'_>, build: BuildNumber) -> Option<TicketId> {
    planner.plan.events.iter().find_map(|event| {
        if let Event::Ticket(TicketEvent::Drafted { ticket, kind: TicketKind::Epic { build: of }, .. }) =
            event
            && *of == build
        {
            return Some(*ticket);
        }
        None
    })
}

/// Why the step's change stands in the way for good.
pub(super) fn refusal(planner: &Planner<'_>, key: StepKey) -> Option<String> {
    let state = planner.state;
    let change = state.changes.get(state.rollouts.one(key.rollout).step(key.step).change?)?;
    let (what, by, reason) = match &change.state {
        ChangeState::Refused { by, reason } => ("rejected", by.as_str(), reason),
        ChangeState::Cancelled { reason } => ("cancelled", change.by.as_str(), reason),
        ChangeState::Drafted
        | ChangeState::Raised
        | ChangeState::Approved
        | ChangeState::Begun
        | ChangeState::Revoked { .. }
        | ChangeState::Closed { .. } => return None,
    };
    Some(format!("{} was {what} by {by}: {reason}", change.name()))
}

/// The work under an approved change begins with the step.
pub(super) fn begin(planner: &mut Planner<'_>, key: StepKey) {
    let state = planner.state;
    let change = state.rollouts.one(key.rollout).step(key.step).change.and_then(|id| state.changes.get(id));
    if let Some(change) = change
        && change.state == ChangeState::Approved
    {
        planner.push(ChangeEvent::Begun { change: change.id, reason: None });
    }
}

/// The tasks of the bags of a run begin, or end with its phase.
pub(super) fn tasks(planner: &mut Planner<'_>, key: StepKey, run: u16, to: TaskMove) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    let Some(change) = step.change.and_then(|id| state.changes.get(id)) else { return };
    let phase = step.runs[usize::from(run)].phase;
    let before: usize =
        rollout.rule(key.step).phases[..usize::from(phase)].iter().map(|phase| phase.bags.len()).sum();
    for bag in 0..step.runs[usize::from(run)].bags.len() {
        let Some(task) = change.tasks.get(before + bag) else { continue };
        let to = match to {
            TaskMove::Begin if task.state == TaskState::Open => TaskMove::Begin,
            TaskMove::Complete if task.state == TaskState::InProgress => {
                let more = step.runs.iter().enumerate().any(|(at, other)| {
                    at != usize::from(run) && other.phase == phase && other.state != RunState::Closed
                });
                if more {
                    continue;
                }
                let runs = step.runs.iter().filter(|other| other.phase == phase);
                let bad: u32 = runs.map(|run| run.bags[bag].tally.failed + run.bags[bag].tally.lost).sum();
                if bad > 0 { TaskMove::CompleteWithFailures } else { TaskMove::Complete }
            }
            TaskMove::Begin | TaskMove::Complete | TaskMove::CompleteWithFailures | TaskMove::Cancel => {
                continue;
            }
        };
        planner.push(ChangeEvent::TaskMoved { task: task.id, to });
    }
}

/// How many machines a comment names, and how much of what each of them said.
const NAMED_MAX: usize = 5;
const SAID_CHARS: usize = 300;

/// `; syd01-worker-1: failed in patch: …` for the step's machines that failed or are lost, as far as a comment goes.
pub(super) fn failed_words(state: &State, key: StepKey) -> String {
    let rollout = state.rollouts.one(key.rollout);
    let is_bad = |job: &&Job| {
        job.step == key.step && matches!(job.state, JobState::Failed { .. } | JobState::Lost { .. })
    };
    let mut text = String::new();
    let mut bad = rollout.jobs.iter().filter(is_bad);
    for job in bad.by_ref().take(NAMED_MAX) {
        // What became of this job: a later step that takes the machine again has reasons of its own.
        let reasons = why::of_job(state, rollout, job);
        let reasons: Vec<String> = reasons.iter().map(|reason| reason.line(state)).collect();
        let why: String = reasons.join(", ").chars().take(SAID_CHARS).collect();
        text.push_str(&format!("; {}: {why}", state.fleet.machine(job.machine).name()));
    }
    match bad.count() {
        0 => text,
        more => format!("{text}; and {more} more"),
    }
}

/// The step has halted: its ticket says why.
pub(super) fn comment(planner: &mut Planner<'_>, key: StepKey, text: String) {
    let state = planner.state;
    if let Some(ticket) = state.rollouts.one(key.rollout).step(key.step).ticket {
        planner.push(TicketEvent::Commented { ticket, text });
    }
}

/// The step has ended: change, tasks and ticket are closed with what is known.
pub(super) fn close(planner: &mut Planner<'_>, key: StepKey, end: StepEnd) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    let bad = step.budgets.iter().fold(Bad::default(), |bad, line| Bad {
        failed: bad.failed + line.failed,
        lost: bad.lost + line.lost,
    });
    let summary = summary(&step.tally, bad, end);
    if let Some(ticket) = step.ticket {
        planner.push(TicketEvent::Closed { ticket, reason: summary.clone(), replaced_by: None });
    }
    let Some(change) = step.change.and_then(|id| state.changes.get(id)).filter(|c| !c.state.has_ended())
    else {
        return;
    };
    for task in &change.tasks {
        if matches!(task.state, TaskState::Open | TaskState::InProgress) {
            let to = if end == StepEnd::Done { TaskMove::Complete } else { TaskMove::Cancel };
            planner.push(ChangeEvent::TaskMoved { task: task.id, to });
        }
    }
    let worked = step.opened_at.is_some();
    if !worked && change.state != ChangeState::Begun {
        planner.push(ChangeEvent::Cancelled { change: change.id, reason: summary });
        return;
    }
    let how = match end {
        StepEnd::Aborted | StepEnd::NotAsked => Closing::Unsuccessful,
        StepEnd::Done if bad.failed + bad.lost > 0 => Closing::WithFailures,
        StepEnd::Done => Closing::Successful,
    };
    let evidence = Evidence { summary, test_url: None, test_passed: None };
    planner.push(ChangeEvent::Closed { change: change.id, how, evidence });
}

/// What counts against the budgets: machines that have failed, or of which nothing is known, also those that have left since.
#[derive(Debug, Clone, Copy, Default)]
struct Bad {
    failed: u32,
    lost: u32,
}

fn summary(tally: &Tally, bad: Bad, end: StepEnd) -> String {
    let verb = match end {
        StepEnd::Done => "done",
        StepEnd::Aborted => "aborted",
        StepEnd::NotAsked => "not asked for",
    };
    let left = match (bad.failed.saturating_sub(tally.failed), bad.lost.saturating_sub(tally.lost)) {
        (0, 0) => String::new(),
        (failed, lost) => format!(" ({failed} after a failure, {lost} in an unknown state)"),
    };
    format!(
        "{verb}: {} machines, pass {}, failed {}, lost {}, skipped {}, gone {}{left}, unstarted {}",
        tally.total(),
        tally.done,
        tally.failed,
        tally.lost,
        tally.skipped,
        tally.gone,
        tally.waiting
    )
}
