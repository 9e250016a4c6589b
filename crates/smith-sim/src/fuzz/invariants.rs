//! The invariants, each worked out anew from what was recorded and what is true, without the sums that the rules keep.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::calendar::Opening;
use smith_domain::change::{ChangeState, Subject};
use smith_domain::event::Event;
use smith_domain::fleet::Selector;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::pipeline::{ChangeRule, Counts, Gate, Limit, Patch, Reboot, SoakFrom};
use smith_domain::rollout::{
    Action, How, Job, JobState, Left, Mode, Rollout, RolloutEnd, RolloutEvent, Scope, StepEnd, StepState,
};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_domain::why::{self, Reason};

use super::notices::Told;
use super::week::{self, Steps, Weeks};
use crate::world::World;

/// What the checkers remember of the past, in true time.
#[derive(Debug, Default)]
pub(super) struct Memory {
    opened: BTreeMap<(RolloutId, u16), Timestamp>,
    ended: BTreeMap<(RolloutId, u16), Timestamp>,
    /// Machines that somebody vouched for since they were last at work.
    vouched: BTreeSet<MachineId>,
    /// Machines that smith has ever begun something on.
    touched: BTreeSet<MachineId>,
    told: Told,
    weeks: Weeks,
}

/// The time that is recorded for an event, and what time it really is.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) recorded: Timestamp,
    pub(super) truth: Timestamp,
}

/// What was so just before an event.
#[derive(Debug, Default)]
pub(super) struct Before {
    job: Option<Job>,
    disturbed: bool,
}

pub(super) fn before(state: &State, event: &Event) -> Before {
    let Event::Rollout(
        RolloutEvent::Asked { rollout, machine, .. } | RolloutEvent::Reported { rollout, machine, .. },
    ) = event
    else {
        return Before::default();
    };
    let job = state.rollouts.get(*rollout).and_then(|rollout| rollout.job_of(*machine)).copied();
    Before { job, disturbed: state.gauges.grip(*machine).disturbed }
}

pub(super) fn event(
    memory: &mut Memory,
    state: &State,
    world: &World,
    before: &Before,
    event: &Event,
    when: When,
) -> Vec<String> {
    let When { recorded: at, truth: now } = when;
    let mut found = Vec::new();
    if at.0.abs_diff(now.0) > 1 && now.since(at).0 > 1 {
        found.push(format!("an event is recorded for {at}"));
    }
    found.extend(memory.told.event(state, event));
    let steps = Steps { opened: &memory.opened, ended: &memory.ended };
    found.extend(memory.weeks.event(state, &steps, event, now));
    match event {
        Event::Rollout(RolloutEvent::StepOpened { rollout, step, .. }) => {
            memory.opened.insert((*rollout, *step), now);
            found.extend(gates_hold(memory, state, *rollout, *step, now));
            found.extend(exclusive_holds(state, *rollout, *step));
        }
        Event::Rollout(RolloutEvent::GateOpened { rollout, step, gate }) => {
            found.extend(newest_has_soaked(state, *rollout, *step, *gate));
        }
        Event::Rollout(RolloutEvent::StepEnded { rollout, step, .. }) => {
            memory.ended.insert((*rollout, *step), now);
        }
        Event::Rollout(RolloutEvent::SignedOff { machines, .. }) => memory.vouched.extend(machines.iter()),
        Event::Rollout(RolloutEvent::Asked { rollout, machine, action, .. }) => {
            let starts = before.job.is_some_and(|job| !matches!(job.state, JobState::Active(_)));
            if let Some(rollout) = state.rollouts.get(*rollout) {
                if starts {
                    memory.vouched.remove(machine);
                    memory.touched.insert(*machine);
                    found.extend(may_start(state, rollout, *machine, before, now));
                }
                found.extend(may_act(state, rollout, *machine, *action, starts));
            }
        }
        Event::Rollout(RolloutEvent::Reported { rollout, machine, .. }) => {
            if let Some(rollout) = state.rollouts.get(*rollout) {
                found.extend(is_what_it_says(state, world, rollout, *machine, before));
            }
        }
        Event::Rollout(_)
        | Event::Fleet(_)
        | Event::Build(_)
        | Event::Change(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => {}
    }
    found
}

/// Invariants 1, 2, 4, 6 and 10 at the start of a machine's procedure.
fn may_start(
    state: &State,
    rollout: &Rollout,
    machine: MachineId,
    before: &Before,
    now: Timestamp,
) -> Vec<String> {
    let mut found = Vec::new();
    let name = state.fleet.machine(machine).name();
    let Some(job) = rollout.job_of(machine) else { return vec![format!("{name} started without a job")] };
    let mut bad = |what: String| found.push(format!("project {} started {name} although {what}", rollout.id));
    if rollout.mode != Mode::Running {
        bad(format!("the rollout is {:?}", rollout.mode));
    }
    let step = rollout.step(job.step);
    if step.state != StepState::Open {
        bad(format!("its step is {:?}", step.state));
    }
    let rule = rollout.rule(job.step);
    if !rule.calendar.is_always() && !matches!(rule.calendar.at(now), Opening::Open { .. }) {
        bad("the window is closed".to_owned());
    }
    if rule.change != ChangeRule::None {
        let change = step.change.and_then(|change| state.changes.get(change));
        if !change.is_some_and(|change| change.state.permits()) {
            bad(format!("its change is {:?}", change.map(|change| &change.state)));
        }
    }
    let others = state.rollouts.iter().filter(|other| other.id != rollout.id);
    if others.filter_map(|other| other.job_of(machine)).any(|job| matches!(job.state, JobState::Active(_))) {
        bad("it is at work in another rollout".to_owned());
    }
    let bag = rollout.bag(job);
    if !bag.select.compile(&state.fleet).matches(&state.fleet, machine) {
        bad(format!("bag {} does not select it", bag.name));
    }
    for limit in bag.limits.iter().chain(&rule.limits).chain(&rollout.pipeline.limits) {
        // A machine that was disturbed already takes no new room.
        let fresh = !(before.disturbed && limit.counts == Counts::Disturbed);
        if let Some((held, allowed)) = count(state, limit, machine)
            && fresh
            && held > allowed
        {
            bad(format!("{held} of {allowed} are held under {limit:?}"));
        }
    }
    found.extend(budget_holds(state, rollout, job, name));
    found
}

/// Who is held in the machine's group, counted over all machines, and how many may be.
fn count(state: &State, limit: &Limit, machine: MachineId) -> Option<(u32, u32)> {
    let scope = limit.within.as_ref().map(|within: &Selector| within.compile(&state.fleet));
    let at_work = |machine: MachineId| {
        let mut jobs = state.rollouts.iter().filter_map(|rollout| rollout.job_of(machine));
        jobs.any(|job| matches!(job.state, JobState::Active(_)))
    };
    // Who left while at work is still a reason to wait.
    let inside = |machine: MachineId| {
        (state.fleet.is_present(machine) || at_work(machine))
            && scope.as_ref().is_none_or(|scope| scope.matches(&state.fleet, machine))
    };
    if !inside(machine) {
        return None;
    }
    let values = |machine: MachineId| -> Vec<Option<String>> {
        limit.per.iter().map(|name| state.fleet.attr_text(machine, name).map(str::to_owned)).collect()
    };
    let own = values(machine);
    let group = (0..).take(state.fleet.len()).map(MachineId).filter(|m| inside(*m) && values(*m) == own);
    let (mut held, mut whole) = (0, 0);
    for member in group {
        whole += 1;
        held += u32::from(match limit.counts {
            Counts::Running => at_work(member),
            Counts::Disturbed => at_work(member) || state.gauges.grip(member).disturbed,
        });
    }
    Some((held, limit.max.at_least_one_of(whole)))
}

/// Invariant 4, counted over the jobs of the step: failed, lost and running machines are never more than one over.
fn budget_holds(state: &State, rollout: &Rollout, job: &Job, name: &str) -> Option<String> {
    let rule = rollout.rule(job.step);
    let step = rollout.step(job.step);
    let environment = |job: &Job| {
        let text = state.fleet.attr_text(job.machine, &smith_domain::fleet::WellKnown::Environment.attr());
        text.filter(|text| rule.budget.environments.contains_key(*text)).map(str::to_owned)
    };
    let own = environment(job);
    let (mut held, mut whole) = (0_u32, 0_u32);
    for other in rollout.jobs.iter().filter(|other| other.step == job.step && environment(other) == own) {
        whole += 1;
        held += u32::from(matches!(
            other.state,
            JobState::Active(_)
                | JobState::Failed { .. }
                | JobState::Lost { .. }
                | JobState::Gone(Left::Failed | Left::Unknown)
        ));
    }
    let amount =
        own.as_ref().and_then(|own| rule.budget.environments.get(own)).unwrap_or(&rule.budget.failures);
    let granted = step.budgets.get(usize::from(job.budget)).map_or(0, |line| line.granted.min(step.grants));
    let allowed = amount.of(whole) + granted;
    (held > allowed + 1).then(|| {
        format!(
            "project {} started {name} although {held} failed, are lost or run, with {allowed} allowed",
            rollout.id
        )
    })
}

/// Invariant 3 when the gate of a soak opens: the newest run of what soaks is the one that counts, and is neither halted
/// nor aborted.
fn newest_has_soaked(state: &State, id: RolloutId, step: u16, gate: u16) -> Option<String> {
    let rollout = state.rollouts.get(id)?;
    let Gate::Soak { pipeline: Some(name), step: soaked, from, .. } =
        rollout.rule(step).gates.get(usize::from(gate))?
    else {
        return None;
    };
    let opened = |other: &&Rollout| {
        let same = other.pipeline.name == *name && other.build == rollout.build;
        let run = other.pipeline.steps.iter().zip(&other.steps).find(|(rule, _)| rule.id == *soaked);
        same && run.is_some_and(|(_, run)| run.opened_at.is_some())
    };
    let newest = state.rollouts.iter().rfind(opened)?;
    let (_, run) = newest.pipeline.steps.iter().zip(&newest.steps).find(|(rule, _)| rule.id == *soaked)?;
    let is_good = match from {
        SoakFrom::Start => matches!(run.state, StepState::Open | StepState::Ended(StepEnd::Done)),
        SoakFrom::End => run.state == StepState::Ended(StepEnd::Done),
    };
    let what = format!(
        "project {id} opened a gate although the newest run of {soaked}, project {}, has not soaked",
        newest.id
    );
    (!is_good).then_some(what)
}

/// Invariants 2 and 3 when a step opens, in true time.
fn gates_hold(memory: &Memory, state: &State, id: RolloutId, step: u16, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    let Some(rollout) = state.rollouts.get(id) else { return found };
    let rule = rollout.rule(step);
    for (gate, run) in rule.gates.iter().zip(&rollout.step(step).gates) {
        let complaint = match gate {
            Gate::Approval { count, .. } => {
                let people: BTreeSet<&String> =
                    run.approvals.iter().filter(|by| **by != rollout.by).collect();
                (people.len() < *count as usize).then(|| format!("only {people:?} have approved"))
            }
            Gate::Succeeded { pipeline } => {
                let newest = state.rollouts.iter().rfind(|r| {
                    r.pipeline.name == *pipeline && r.build == rollout.build && r.scope == Scope::Pipeline
                });
                let good =
                    newest.is_some_and(|r| matches!(r.mode, Mode::Ended { end: RolloutEnd::Succeeded, .. }));
                // It may have been started again after the gate was opened for good.
                (!good && !run.open).then(|| format!("{pipeline} has not succeeded"))
            }
            Gate::Soak { pipeline, step: soaked, from, length } => {
                let soaked_long_enough = state.rollouts.iter().any(|other| {
                    let same = match pipeline {
                        None => other.id == rollout.id,
                        Some(name) => other.pipeline.name == *name && other.build == rollout.build,
                    };
                    let number = other.pipeline.steps.iter().position(|rule| rule.id == *soaked);
                    let key = number.and_then(|number| u16::try_from(number).ok()).map(|n| (other.id, n));
                    let since = key.and_then(|key| match from {
                        SoakFrom::Start => memory.opened.get(&key),
                        SoakFrom::End => memory.ended.get(&key),
                    });
                    same && since.is_some_and(|since| now.since(*since).0 + 2 >= length.0)
                });
                (!soaked_long_enough).then(|| format!("{soaked} has not soaked for {length}"))
            }
        };
        found.extend(complaint.map(|what| format!("project {id} step {} opened although {what}", rule.id)));
    }
    for before in &rule.after {
        if !matches!(rollout.step(*before).state, StepState::Ended(StepEnd::Done | StepEnd::NotAsked)) {
            found.push(format!("project {id} step {} opened before what it comes after", rule.id));
        }
    }
    found
}

fn exclusive_holds(state: &State, id: RolloutId, step: u16) -> Option<String> {
    let name = state.rollouts.get(id)?.rule(step).exclusive.clone()?;
    let mut open = 0;
    for rollout in state.rollouts.iter().filter(|rollout| !matches!(rollout.mode, Mode::Ended { .. })) {
        for (rule, run) in rollout.pipeline.steps.iter().zip(&rollout.steps) {
            let at_work = run.opened_at.is_some() && !matches!(run.state, StepState::Ended(_));
            open += u32::from(at_work && rule.exclusive.as_ref() == Some(&name));
        }
    }
    (open > 1).then(|| format!("{open} steps hold {name} at the same time"))
}

/// Invariant 10: what may still be asked for in a rollout that was aborted; a pause holds back starts only.
fn may_act(
    state: &State,
    rollout: &Rollout,
    machine: MachineId,
    action: Action,
    starts: bool,
) -> Option<String> {
    let name = state.fleet.machine(machine).name();
    let safe = matches!(action, Action::Health | Action::Undrain);
    match rollout.mode {
        Mode::Aborting if !safe => Some(format!("{action} was asked of {name} after the abort")),
        Mode::Paused if starts => Some(format!("{name} was started in a pause")),
        Mode::Ended { .. } => Some(format!("{action} was asked of {name} after the end")),
        Mode::Aborting | Mode::Paused | Mode::Running => None,
    }
}

/// Invariant 7: a machine that counts as done has what the build says, and it is in effect.
fn is_what_it_says(
    state: &State,
    world: &World,
    rollout: &Rollout,
    machine: MachineId,
    before: &Before,
) -> Option<String> {
    let job = rollout.job_of(machine)?;
    let was_at_work = before.job.is_some_and(|job| matches!(job.state, JobState::Active(_)));
    if !was_at_work || !matches!(job.state, JobState::Done(How::AlreadySo | How::Patched | How::Rebooted)) {
        return None;
    }
    let actions = rollout.bag(job).actions;
    let truth = world.machine(machine);
    let name = state.fleet.machine(machine).name();
    if actions.patch == Patch::Yes && truth.installed != rollout.build.0 {
        return Some(format!("{name} counts as done with {} installed", truth.installed));
    }
    if actions.patch == Patch::Yes && actions.reboot != Reboot::Never && truth.running != rollout.build.0 {
        return Some(format!("{name} counts as done and runs {}", truth.running));
    }
    if truth.drained {
        return Some(format!("{name} counts as done and is drained"));
    }
    None
}

/// What must hold at every moment.
pub(super) fn moment(memory: &Memory, state: &State, world: &World, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    for machine in &memory.touched {
        let truth = world.machine(*machine);
        let grip = state.gauges.grip(*machine);
        let known = grip.disturbed || grip.running || memory.vouched.contains(machine);
        // A machine that is up and unhealthy by itself is found out at its next health check.
        let out = truth.drained || !truth.up;
        if out
            && !known
            && state.fleet.is_present(*machine)
            && truth.last.is_some_and(|op| op.begun_at <= now)
        {
            let name = state.fleet.machine(*machine).name();
            let by_us = truth.drained || truth.last.is_some_and(|op| op.action == Action::Reboot);
            if by_us {
                found.push(format!("{name} is out of service and nobody counts it"));
            }
        }
    }
    for rollout in state.rollouts.active() {
        found.extend(tallies(rollout));
        for job in rollout.jobs.iter().take(64).filter(|job| !job.state.has_ended()) {
            found.extend(reasons_are_true(state, rollout, job, now));
        }
    }
    found
}

/// Tallies are the sums of jobs.
fn tallies(rollout: &Rollout) -> Vec<String> {
    let mut found = Vec::new();
    for (number, step) in
        (0..).zip(&rollout.steps).filter(|(_, step)| !matches!(step.state, StepState::Ended(_)))
    {
        let count = |wanted: fn(&JobState) -> bool| {
            rollout.jobs.iter().filter(|job| job.step == number && wanted(&job.state)).count()
        };
        let sums = [
            (step.tally.running, count(|state| matches!(state, JobState::Active(_)))),
            (step.tally.failed, count(|state| matches!(state, JobState::Failed { .. }))),
            (step.tally.lost, count(|state| matches!(state, JobState::Lost { .. }))),
            (
                step.tally.waiting,
                count(|state| matches!(state, JobState::Waiting | JobState::Aside | JobState::Again)),
            ),
        ];
        if sums.iter().any(|(kept, counted)| *kept as usize != *counted) {
            found.push(format!(
                "project {} step {number}: tally {:?}, counted {sums:?}",
                rollout.id, step.tally
            ));
        }
    }
    found
}

/// Invariant 12: every unfinished thing has a reason, and what the reason says is so.
fn reasons_are_true(state: &State, rollout: &Rollout, job: &Job, now: Timestamp) -> Vec<String> {
    let name = state.fleet.machine(job.machine).name();
    let why = why::machine(state, job.machine);
    if why.reasons.is_empty() {
        return vec![format!("nobody can say why {name} waits")];
    }
    if why.rollout != Some(rollout.id) {
        return Vec::new();
    }
    let step = rollout.step(job.step);
    let rule = rollout.rule(job.step);
    let mut found = Vec::new();
    for reason in &why.reasons {
        let so = match reason {
            Reason::Paused => rollout.mode == Mode::Paused,
            Reason::Aborting => rollout.mode == Mode::Aborting,
            Reason::Halted { .. } => matches!(step.state, StepState::Halted(_)),
            Reason::Window { .. } => !matches!(rule.calendar.at(now), Opening::Open { until: None }),
            Reason::Clock(_) => state.clock_difference().is_some(),
            Reason::Elsewhere { rollout: other } => state.rollouts.get(*other).is_some_and(|other| {
                other.job_of(job.machine).is_some_and(|job| matches!(job.state, JobState::Active(_)))
            }),
            Reason::Full { held, allowed, .. } => held >= allowed,
            Reason::AtWork { .. } | Reason::Overdue { .. } | Reason::TryAgain { .. } => {
                matches!(job.state, JobState::Active(_))
            }
            Reason::ChangeNotRaised { .. }
            | Reason::ChangeNotApproved { .. }
            | Reason::ChangeRevoked { .. } => {
                let change = step.change.and_then(|change| state.changes.get(change));
                !change.is_some_and(|change| change.state.permits())
            }
            // It is next, and yet the plan has come to rest without it: something holds it up that has no name.
            Reason::Next => false,
            Reason::After { .. }
            | Reason::Soak { .. }
            | Reason::SoakNotBegun { .. }
            | Reason::Approval { .. }
            | Reason::Pipeline { .. }
            | Reason::Exclusive { .. } => !matches!(step.state, StepState::Open),
            Reason::Phase { .. } | Reason::Running { .. } | Reason::Ended(_) | Reason::NotInScope => true,
        };
        if !so {
            found.push(format!("{name} is said to wait because {reason}, which is not so"));
        }
    }
    found
}

/// Invariant 14: whatever has not ended waits for a person who has a name, or for somebody who paused it.
pub(super) fn waits_for_a_person(memory: &Memory, state: &State) -> Vec<String> {
    let mut found = memory.told.at_rest(state);
    found.extend(week::waits_for_a_person(state));
    for rollout in state.rollouts.active() {
        let reasons = why::rollout(state, rollout.id);
        let called = rollout
            .steps
            .iter()
            .any(|step| step.called.is_some() && !matches!(step.state, StepState::Ended(_)));
        let person = reasons.iter().any(|reason| {
            reason.waits_for().is_some()
                || matches!(
                    reason,
                    Reason::Paused
                        | Reason::ChangeRevoked { .. }
                        | Reason::Pipeline { .. }
                        | Reason::SoakNotBegun { .. }
                        | Reason::Exclusive { .. }
                )
        });
        let elsewhere = state.rollouts.active().any(|other| other.id != rollout.id);
        if !person && !called && !elsewhere {
            found.push(format!("project {} rests and waits for nobody: {reasons:?}", rollout.id));
        }
    }
    found
}

/// Invariants 5 and 6 once everything is over.
pub(super) fn end(_memory: &Memory, state: &State, world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for rollout in state.rollouts.iter().filter(|rollout| rollout.has_ended()) {
        for job in rollout.jobs.iter().filter(|job| !job.state.has_ended()) {
            let name = state.fleet.machine(job.machine).name();
            found.push(format!("project {} ended and {name} is {:?}", rollout.id, job.state));
        }
    }
    for change in state.changes.iter().filter(|change| !change.state.has_ended()) {
        if let Subject::Step { rollout, step } = change.subject
            && let Some(rollout) = state.rollouts.get(rollout)
            && matches!(rollout.step(step).state, StepState::Ended(_))
        {
            found.push(format!("{} is {:?} after the end of its step", change.name(), change.state));
        }
    }
    for change in state.changes.iter() {
        if let ChangeState::Closed { evidence, .. } = &change.state
            && evidence.summary.is_empty()
        {
            found.push(format!("{} was closed without evidence", change.name()));
        }
    }
    let numbers: BTreeSet<&String> =
        state.changes.iter().filter_map(|change| change.number.as_ref()).collect();
    let raised = state.changes.iter().filter(|change| change.number.is_some()).count();
    if numbers.len() != raised {
        found.push("two changes have one number".to_owned());
    }
    let drafted = state.changes.iter().count() + state.tickets.iter().count();
    if world.desk.raised() > drafted {
        found.push(format!("{} changes and tickets were raised for {drafted}", world.desk.raised()));
    }
    found.extend(nobody_missed(state));
    found
}

/// Invariant 5: a rollout that succeeded has a job for every machine that its bags select.
fn nobody_missed(state: &State) -> Vec<String> {
    let mut found = Vec::new();
    for rollout in state.rollouts.iter() {
        let Mode::Ended { end: RolloutEnd::Succeeded, at } = rollout.mode else { continue };
        for (rule, run) in rollout.pipeline.steps.iter().zip(&rollout.steps) {
            let Some(ended) = run.ended_at.filter(|_| run.opened_at.is_some()) else { continue };
            let bags = rule.phases.iter().flat_map(|phase| &phase.bags).filter(|bag| bag.take.is_none());
            for bag in bags {
                for machine in state.fleet.select(&bag.select) {
                    let facts = state.fleet.machine(machine);
                    let there_before = facts.changed_at() < ended && ended <= at;
                    if there_before && rollout.job_of(machine).is_none() {
                        found.push(format!("project {} missed {}", rollout.id, facts.name()));
                    }
                }
            }
        }
    }
    found
}
