//! Posts what there is to tell, in one line each.

use crate::cycle::{Cycle, CycleState, Link, LinkState};
use crate::fleet::SourceName;
use crate::id::{ChangeId, CycleId, NoticeId, RolloutId};
use crate::notice::event::{About, NoticeEvent};
use crate::pipeline::Gate;
use crate::plain;
use crate::plan::Planner;
use crate::rollout::{Call, Halt, JobState, Mode, Rollout, RolloutEnd, StepState};
use crate::state::State;

/// Notices of one plan; the driver plans again until none is left.
const POSTED_MAX: usize = 64;

/// Characters of a notice: what a chat shows without folding it, twice over.
const TEXT_MAX: usize = 1_000;

/// Machines that a notice names; `smith rollout why` has them all.
const NAMED_MAX: usize = 3;

/// Posts once nothing else is planned: what is told is what came of it all.
pub(crate) fn plan(planner: &mut Planner<'_>) {
    if !planner.plan.events.is_empty() {
        return;
    }
    let state = planner.state;
    for (number, about) in (state.notices.next_id().0..).zip(state.notices.due()).take(POSTED_MAX) {
        let text = one_line(&text(state, about));
        planner.push(NoticeEvent::Posted { notice: NoticeId(number), about: about.clone(), text });
    }
}

/// Titles and reasons may have lines; a notice has one.
fn one_line(text: &str) -> String {
    plain::one_line(text).chars().take(TEXT_MAX).collect()
}

fn text(state: &State, about: &About) -> String {
    match about {
        About::ChangeWaits { change } => change_waits(state, *change),
        About::GateWaits { rollout, step, gate } => {
            with(state, *rollout, |one| gate_waits(one, *step, *gate))
        }
        About::Halted { rollout, step } => with(state, *rollout, |one| halted(state, one, *step)),
        About::HeldUp { rollout, step } => with(state, *rollout, |one| held_up(state, one, *step)),
        About::RolloutStarted { rollout } => with(state, *rollout, |one| {
            let (id, build, name) = (one.id, one.build, &one.pipeline.name);
            format!("starting project ID: {id} patch {build} onto config {name}, asked for by {}", one.by)
        }),
        About::RolloutEnded { rollout } => with(state, *rollout, ended),
        About::CycleGateWaits { cycle, gate } => {
            with_cycle(state, *cycle, |one| cycle_gate_waits(one, *gate))
        }
        About::LinkFailed { cycle, link } => with_cycle(state, *cycle, |one| link_failed(one, *link)),
        About::CycleEnded { cycle } => with_cycle(state, *cycle, cycle_ended),
        About::ScheduleMissed { schedule, due } => {
            format!("schedule {schedule} was missed: it was due {due} and nobody drove")
        }
        About::ClockDiffers => clock_differs(state),
        About::SourceShrank { source } => source_shrank(state, source),
    }
}

fn clock_differs(state: &State) -> String {
    match state.clock_difference() {
        Some(found) => format!(
            "{found}: windows open and weeks begin only when both agree; if the clock is right, an admin says so: smith clock \
             accept --reason …"
        ),
        None => "the clock of the controller had differed from the time that has passed".to_owned(),
    }
}

fn source_shrank(state: &State, source: &SourceName) -> String {
    let Some((_, held)) = state.fleet.held_back().find(|(name, _)| *name == source) else {
        return format!("source {source} had lost more machines than it may");
    };
    format!(
        "source {source} lost {} of {} machines: the fleet stays as it was; if they are really gone, an admin says so: smith fleet \
         confirm {source} --lost {} --reason …",
        held.lost, held.was, held.fingerprint
    )
}

fn with_cycle(state: &State, cycle: CycleId, text: impl FnOnce(&Cycle) -> String) -> String {
    state.cycles.get(cycle).map_or_else(|| format!("cycle {cycle}"), text)
}

/// `cycle 12 (weekly, build 725 to prod)`.
fn cycle_of(cycle: &Cycle) -> String {
    let build = cycle.build.map_or_else(|| "a new build".to_owned(), |build| format!("build {build}"));
    format!("cycle {} ({}, {build} to {})", cycle.id, cycle.plan.name, cycle.plan.channel)
}

fn cycle_gate_waits(cycle: &Cycle, gate: u16) -> String {
    match cycle.plan.gates.get(usize::from(gate)) {
        Some(Gate::Approval { name, who, .. }) => {
            format!("{} waits for {who} to approve \"{name}\"", cycle_of(cycle))
        }
        Some(Gate::Soak { .. } | Gate::Succeeded { .. }) | None => {
            format!("{} waits for approval", cycle_of(cycle))
        }
    }
}

fn link_failed(cycle: &Cycle, link: Link) -> String {
    let state = cycle.link(link);
    let why = if let LinkState::Failed { reason, .. } = state { reason.as_str() } else { state.word() };
    format!("{}: {link} failed: {why}; {} is to look", cycle_of(cycle), cycle.plan.owner)
}

fn cycle_ended(cycle: &Cycle) -> String {
    match &cycle.state {
        CycleState::Stopped { reason, .. } => format!("{} was stopped: {reason}", cycle_of(cycle)),
        CycleState::Ended { .. } | CycleState::Running => format!("{} is complete", cycle_of(cycle)),
    }
}

fn with(state: &State, rollout: RolloutId, text: impl FnOnce(&Rollout) -> String) -> String {
    state.rollouts.get(rollout).map_or_else(|| format!("project {rollout}"), text)
}

fn change_waits(state: &State, change: ChangeId) -> String {
    let Some(change) = state.changes.get(change) else { return change.to_string() };
    let who = change.approvers().map(|who| format!(" by {who}")).unwrap_or_default();
    format!("{} waits for approval{who}: {}", change.name(), change.title)
}

/// `project 1929 (patch 725 onto prod) step canary`.
fn step_of(rollout: &Rollout, step: u16) -> String {
    format!("{} step {}", project(rollout), rollout.rule(step).id)
}

fn project(rollout: &Rollout) -> String {
    format!("project {} (patch {} onto {})", rollout.id, rollout.build, rollout.pipeline.name)
}

fn gate_waits(rollout: &Rollout, step: u16, gate: u16) -> String {
    match rollout.rule(step).gates.get(usize::from(gate)) {
        Some(Gate::Approval { name, who, .. }) => {
            format!("{} waits for {who} to approve \"{name}\"", step_of(rollout, step))
        }
        Some(Gate::Soak { .. } | Gate::Succeeded { .. }) | None => {
            format!("{} waits for approval", step_of(rollout, step))
        }
    }
}

fn halted(state: &State, rollout: &Rollout, step: u16) -> String {
    let StepState::Halted(why) = &rollout.step(step).state else {
        return format!("{} had halted", step_of(rollout, step));
    };
    let why = match why {
        Halt::Overlap { machine, bags: [a, b] } => {
            format!("{} is selected by both {a} and {b}", state.fleet.machine(*machine).name())
        }
        Halt::BudgetSpent { .. }
        | Halt::EverythingFails { .. }
        | Halt::NothingSelected { .. }
        | Halt::ChangeRefused { .. }
        | Halt::BuildWithdrawn { .. }
        | Halt::NothingLeft { .. }
        | Halt::TooManyRuns { .. } => why.to_string(),
    };
    format!("{} halted: {why}{}", step_of(rollout, step), culprits(state, rollout, step))
}

/// The first machines of a step that failed or are lost, with what they failed at.
fn culprits(state: &State, rollout: &Rollout, step: u16) -> String {
    let bad = rollout.jobs.iter().filter(|job| job.step == step);
    let bad = bad.filter_map(|job| {
        let name = || state.fleet.machine(job.machine).name();
        match job.state {
            JobState::Failed { action, cause } => Some(format!("{} failed at {action}: {cause}", name())),
            JobState::Lost { action } => Some(format!("{} is lost at {action}", name())),
            JobState::Waiting
            | JobState::Aside
            | JobState::Again
            | JobState::Active(_)
            | JobState::Done(_)
            | JobState::Skipped
            | JobState::Gone(_) => None,
        }
    });
    let named: Vec<String> = bad.take(NAMED_MAX).collect();
    if named.is_empty() { String::new() } else { format!("; {}", named.join("; ")) }
}

fn held_up(state: &State, rollout: &Rollout, step: u16) -> String {
    let mut names = Vec::new();
    let mut all = 0;
    if let Some(Call::HeldUp { by }) = &rollout.step(step).called {
        all = by.len();
        names.extend(by.iter().take(NAMED_MAX).map(|machine| state.fleet.machine(machine).name()));
    }
    let more = if all > names.len() { format!(" and {} more", all - names.len()) } else { String::new() };
    let who = &rollout.pipeline.owner;
    format!(
        "{} is held up by machines that failed or are lost ({}{more}); {who} is called",
        step_of(rollout, step),
        names.join(", ")
    )
}

fn ended(rollout: &Rollout) -> String {
    let how = match rollout.mode {
        Mode::Ended { end: RolloutEnd::Aborted, .. } => "was aborted",
        Mode::Ended { end: RolloutEnd::Succeeded, .. } | Mode::Running | Mode::Paused | Mode::Aborting => {
            "is complete"
        }
    };
    let tally = rollout.tally();
    format!(
        "{} {how}: {} machines, pass {}, failed {}, lost {}, skipped {}, gone {}",
        project(rollout),
        tally.total(),
        tally.done,
        tally.failed,
        tally.lost,
        tally.skipped,
        tally.gone
    )
}
