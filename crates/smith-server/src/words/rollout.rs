//! What happens to rollouts, in words.

use smith_domain::calendar::Closing;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::pipeline::Gate;
use smith_domain::rollout::{
    Call, JobState, Outcome, RebootNeed, RolloutEnd, RolloutEvent, Runs, StepEnd, Work,
};
use smith_domain::state::State;
use smith_domain::time::Timestamp;

use super::event::{action_of, because};
use super::fleet::named;
use super::number::counted;

pub(super) fn words(state: &State, event: &RolloutEvent) -> String {
    let at = |rollout: &RolloutId, step: &u16| at(state, *rollout, *step);
    let named = |machines: &Runs| named(state, machines.iter());
    match event {
        RolloutEvent::Started { rollout, pipeline, build, by, reason, .. } => {
            format!("{by} starts project {rollout}: patch {build} onto {}{}", pipeline.name, because(reason))
        }
        RolloutEvent::StepReached { rollout, step } => format!("{} is reached", at(rollout, step)),
        RolloutEvent::GateOpened { rollout, step, gate } => {
            format!("{}: the gate {} opens", at(rollout, step), gate_of(state, *rollout, *step, *gate))
        }
        RolloutEvent::GateApproved { rollout, step, gate, by, reason } => {
            let (at, gate) = (at(rollout, step), gate_of(state, *rollout, *step, *gate));
            format!("{at}: {by} says yes to {gate}{}", because(reason))
        }
        RolloutEvent::StepOpened { rollout, step, .. } => format!("{} begins", at(rollout, step)),
        RolloutEvent::Scoped { rollout, step, bag, run, machines } => {
            let bag = bag_of(state, *rollout, *step, *run, *bag);
            format!("{}: bag {bag} takes {}", at(rollout, step), counted(machines.len() as u64, "machine"))
        }
        RolloutEvent::ScopeComplete { rollout, step, .. } => {
            format!("{}: all its machines are known", at(rollout, step))
        }
        RolloutEvent::Swept { rollout, step, .. } => {
            format!("{}: machines joined meanwhile, and are taken too", at(rollout, step))
        }
        RolloutEvent::RunOpened { rollout, step, run } => {
            format!("{}: phase {} begins", at(rollout, step), phase_of(state, *rollout, *step, *run))
        }
        RolloutEvent::RunClosed { rollout, step, run } => {
            format!("{}: phase {} is done", at(rollout, step), phase_of(state, *rollout, *step, *run))
        }
        RolloutEvent::WindowOpened { rollout, step, until } => {
            format!("{}: its window is open{}", at(rollout, step), moment(" until ", *until))
        }
        RolloutEvent::WindowClosed { rollout, step, opens, why } => {
            format!("{}: {}{}", at(rollout, step), closing(why), moment(", opens ", *opens))
        }
        RolloutEvent::Asked { machine, action, .. } => format!("{}: {action} begins", name(state, *machine)),
        RolloutEvent::Sought { rollout, machine, round, .. } => {
            let action = action_of(state, *rollout, *machine).map_or("its action", |action| action.word());
            format!("{}: no answer to {action}, it is looked for (round {round})", name(state, *machine))
        }
        RolloutEvent::Reported { rollout, machine, outcome, took, note, .. } => {
            let (note, end) = (because(note), ending(state, *rollout, *machine));
            format!("{}: {} after {took}{note}{end}", name(state, *machine), reported(*outcome))
        }
        RolloutEvent::Halted { rollout, step, why } => format!("{} halts: {why}", at(rollout, step)),
        RolloutEvent::Called { rollout, step, why } => {
            format!("{}: {} is called: {}", at(rollout, step), owner(state, *rollout), call(state, why))
        }
        RolloutEvent::Resumed { rollout, step, grant, reason } => {
            format!("{} goes on, {grant} more failures are granted{}", at(rollout, step), because(reason))
        }
        RolloutEvent::Paused { rollout, reason } => told(*rollout, "is paused", reason),
        RolloutEvent::Unpaused { rollout, reason } => told(*rollout, "goes on", reason),
        RolloutEvent::Aborted { rollout, reason } => told(*rollout, "is aborted", reason),
        RolloutEvent::Retried { rollout, machines, reason, .. } => {
            told(*rollout, &format!("tries again: {}", named(machines)), reason)
        }
        RolloutEvent::Skipped { rollout, machines, reason } => {
            format!("project {rollout} skips {}: {reason}", named(machines))
        }
        RolloutEvent::SignedOff { machines, reason } => {
            format!("signed off as healthy: {}: {reason}", named(machines))
        }
        RolloutEvent::StepEnded { rollout, step, end } => format!("{} {}", at(rollout, step), step_end(*end)),
        RolloutEvent::Ended { rollout, end } => format!("project {rollout} {}", rollout_end(*end)),
    }
}

/// What somebody told a rollout, with the reason.
fn told(rollout: RolloutId, what: &str, reason: &Option<String>) -> String {
    format!("project {rollout} {what}{}", because(reason))
}

fn owner(state: &State, rollout: RolloutId) -> String {
    state.rollouts.get(rollout).map_or_else(|| "its owner".to_owned(), |one| one.pipeline.owner.to_string())
}

fn moment(before: &str, at: Option<Timestamp>) -> String {
    at.map(|at| format!("{before}{at}")).unwrap_or_default()
}

fn rollout_end(end: RolloutEnd) -> &'static str {
    match end {
        RolloutEnd::Succeeded => "is complete",
        RolloutEnd::Aborted => "ended, aborted",
    }
}

fn name(state: &State, machine: MachineId) -> &str {
    state.fleet.get(machine).map_or("an unknown machine", |machine| machine.name())
}

fn at(state: &State, rollout: RolloutId, step: u16) -> String {
    let name = state.rollouts.get(rollout).and_then(|one| one.pipeline.steps.get(usize::from(step)));
    match name {
        Some(rule) => format!("project {rollout} {}", rule.id),
        None => format!("project {rollout} step {step}"),
    }
}

fn gate_of(state: &State, rollout: RolloutId, step: u16, gate: u16) -> String {
    let rule = state.rollouts.get(rollout).and_then(|one| one.pipeline.steps.get(usize::from(step)));
    match rule.and_then(|rule| rule.gates.get(usize::from(gate))) {
        Some(Gate::Approval { name, .. }) => format!("\"{name}\""),
        Some(Gate::Soak { step, length, .. }) => format!("soak of {length} after {step}"),
        Some(Gate::Succeeded { pipeline }) => format!("success of {pipeline}"),
        None => gate.to_string(),
    }
}

fn phase_of(state: &State, rollout: RolloutId, step: u16, run: u16) -> String {
    let title = || {
        let one = state.rollouts.get(rollout)?;
        let run = one.steps.get(usize::from(step))?.runs.get(usize::from(run))?;
        let title = &one.pipeline.steps.get(usize::from(step))?.phases.get(usize::from(run.phase))?.title;
        Some(run.value.as_ref().map_or_else(|| title.clone(), |value| format!("{title} {value}")))
    };
    title().unwrap_or_else(|| run.to_string())
}

fn bag_of(state: &State, rollout: RolloutId, step: u16, run: u16, bag: u16) -> String {
    let name = || {
        let one = state.rollouts.get(rollout)?;
        let run = one.steps.get(usize::from(step))?.runs.get(usize::from(run))?;
        let phase = one.pipeline.steps.get(usize::from(step))?.phases.get(usize::from(run.phase))?;
        Some(phase.bags.get(usize::from(bag))?.name.to_string())
    };
    name().unwrap_or_else(|| bag.to_string())
}

fn reported(outcome: Outcome) -> String {
    match outcome {
        Outcome::Found(Work::Nothing) => "is at the build already".to_owned(),
        Outcome::Found(Work::RebootOnly) => "needs a reboot only".to_owned(),
        Outcome::Found(Work::Install) => "has packages to install".to_owned(),
        Outcome::Patched(RebootNeed::Needed) => "is patched and needs a reboot".to_owned(),
        Outcome::Patched(RebootNeed::NotNeeded) => "is patched, no reboot needed".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(cause) => format!("failed, {cause}"),
        Outcome::NotBegun => "was never begun".to_owned(),
        Outcome::Lost => "nobody knows how it ended".to_owned(),
    }
}

/// What the answer made of the machine, where that is the end.
fn ending(state: &State, rollout: RolloutId, machine: MachineId) -> &'static str {
    let job = state.rollouts.get(rollout).and_then(|one| one.job_of(machine));
    match job.map(|job| job.state) {
        Some(JobState::Done(_)) => "; pass",
        Some(JobState::Failed { .. }) => "; fail",
        Some(JobState::Lost { .. }) => "; lost",
        Some(JobState::Skipped) => "; skipped",
        Some(
            JobState::Waiting | JobState::Aside | JobState::Again | JobState::Active(_) | JobState::Gone(_),
        )
        | None => "",
    }
}

fn call(state: &State, call: &Call) -> String {
    match call {
        Call::Halted => "the step halted".to_owned(),
        Call::HeldUp { by } => format!("all that wait are held up by {}", named(state, by.iter())),
    }
}

fn closing(why: &Closing) -> String {
    match why {
        Closing::OutsideWindow => "outside its maintenance window".to_owned(),
        Closing::Freeze { reason, .. } => format!("frozen: {reason}"),
        Closing::Clock => "the clock runs ahead of the time that has passed".to_owned(),
    }
}

fn step_end(end: StepEnd) -> &'static str {
    match end {
        StepEnd::Done => "is done",
        StepEnd::Aborted => "ended, aborted",
        StepEnd::NotAsked => "was not asked for",
    }
}
