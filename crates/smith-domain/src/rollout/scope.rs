//! Which machines a step takes: bag by bag, in the order in which they are to start.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{AttrId, Matcher, natural_cmp};
use crate::id::MachineId;
use crate::pipeline::{Bag, IfEmpty, Phase, Revisit, Take};
use crate::rollout::event::{Halt, RolloutEvent, RunSpec};
use crate::rollout::runs::Runs;
use crate::rollout::state::{JobState, Rollout};
use crate::size::{self, EVENT_MAX};
use crate::state::State;

/// Machines in one event. A thousand numbers are a few kilobytes; the fleet of a million is a thousand events.
const CHUNK: usize = 1000;

/// Runs of a step. They are numbered by sixteen bits, and so is the one behind the last.
const RUNS_MAX: usize = u16::MAX as usize;

/// The names of the fields of a run, its phase, and signs between them.
const RUN_BYTES: usize = 32;

/// The machines of one run of a phase, by bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunScope {
    pub spec: RunSpec,
    pub bags: Vec<Vec<MachineId>>,
}

/// What the step takes when it opens now.
pub fn of_step(state: &State, rollout: &Rollout, step: u16) -> Result<Vec<RunScope>, Halt> {
    let mut taken = BTreeSet::new();
    let mut runs = Vec::new();
    for (number, phase) in rollout.rule(step).phases.iter().enumerate() {
        let mut bags = Vec::with_capacity(phase.bags.len());
        let mut owner: BTreeMap<MachineId, usize> = BTreeMap::new();
        for (at, bag) in phase.bags.iter().enumerate() {
            let selected = state.fleet.select(&bag.select);
            if selected.is_empty() && bag.if_empty == IfEmpty::Refuse {
                return Err(Halt::NothingSelected { bag: bag.name.to_string() });
            }
            if phase.bags.len() > 1 {
                check_overlap(phase, &selected, at, &mut owner)?;
            }
            let mut machines: Vec<MachineId> =
                selected.into_iter().filter(|m| is_free(rollout, bag, *m) && !taken.contains(m)).collect();
            if let Some(take) = &bag.take {
                machines = share(state, machines, take);
            }
            // Only a later phase or bag of the step can ask again, so the last bag need not be remembered.
            if number + 1 < rollout.rule(step).phases.len() || at + 1 < phase.bags.len() {
                taken.extend(machines.iter().copied());
            }
            bags.push(machines);
        }
        runs.extend(split(state, number, phase, bags));
        let found = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        if runs.len() > RUNS_MAX || weight(&runs) > EVENT_MAX {
            return Err(Halt::TooManyRuns { phase: u16::try_from(number).unwrap_or(u16::MAX), found });
        }
    }
    Ok(runs)
}

/// Bytes that the runs take in the event that opens the step.
fn weight(runs: &[RunScope]) -> usize {
    runs.iter().map(|run| run_weight(&run.spec)).sum()
}

fn run_weight(spec: &RunSpec) -> usize {
    RUN_BYTES + spec.value.as_deref().map_or(0, size::text)
}

/// Runs in events of a size that a journal takes.
pub(crate) fn specs(runs: &[RunScope]) -> Vec<Vec<RunSpec>> {
    size::pieces(runs.iter().map(|run| run.spec.clone()).collect(), runs.len(), run_weight)
}

/// Machines that have come since the step was scoped: each goes to the first bag that selects it. Where their runs cannot be
/// numbered any more, none of them is taken.
pub fn newcomers(state: &State, rollout: &Rollout, step: u16) -> Result<Vec<RunScope>, Halt> {
    let mut candidates: Vec<MachineId> = state
        .fleet
        .changed_since(rollout.step(step).cursor)
        .filter(|machine| state.fleet.is_present(*machine))
        .collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let name = |machine: MachineId| state.fleet.machine(machine).name();
    candidates.sort_by(|a, b| natural_cmp(name(*a), name(*b)));
    let mut runs = Vec::new();
    for (number, phase) in rollout.rule(step).phases.iter().enumerate() {
        let mut bags = Vec::with_capacity(phase.bags.len());
        for (at, bag) in phase.bags.iter().enumerate() {
            let matcher: Matcher = bag.select.compile(&state.fleet);
            // A bag that takes only a share has its share already, but for those of it that were away for a while.
            let wants = |machine: &MachineId| {
                (bag.take.is_none() || was_of(rollout, step, number, at, *machine))
                    && is_new(rollout, *machine)
                    && matcher.matches(&state.fleet, *machine)
            };
            let machines: Vec<MachineId> = candidates.iter().copied().filter(wants).collect();
            candidates.retain(|machine| !machines.contains(machine));
            bags.push(machines);
        }
        if bags.iter().any(|bag| !bag.is_empty()) {
            runs.extend(split(state, number, phase, bags));
        }
    }
    let known = rollout.step(step).runs.len();
    match runs.get(RUNS_MAX.saturating_sub(known)) {
        None => Ok(runs),
        Some(first_over) => {
            let found = u32::try_from(known + runs.len()).unwrap_or(u32::MAX);
            Err(Halt::TooManyRuns { phase: first_over.spec.phase, found })
        }
    }
}

/// The events that take these machines; `first` is the number of the first run.
pub(crate) fn events(rollout: &Rollout, step: u16, first: u16, runs: &[RunScope]) -> Vec<RolloutEvent> {
    let mut events = Vec::new();
    // In this order nobody asks for a number behind that of the last run.
    for (scope, run) in runs.iter().zip(first..) {
        for (bag, machines) in (0..).zip(&scope.bags) {
            events.extend(machines.chunks(CHUNK).map(|chunk| RolloutEvent::Scoped {
                rollout: rollout.id,
                step,
                run,
                bag,
                machines: chunk.iter().copied().collect::<Runs>(),
            }));
        }
    }
    events
}

/// Bags of one phase run at the same time, so a machine that two of them select is an error. A later phase takes
/// what the phases before it have left.
fn check_overlap(
    phase: &Phase,
    selected: &[MachineId],
    at: usize,
    owner: &mut BTreeMap<MachineId, usize>,
) -> Result<(), Halt> {
    for machine in selected {
        if let Some(other) = owner.insert(*machine, at) {
            let name = |bag: usize| phase.bags[bag].name.to_string();
            return Err(Halt::Overlap { machine: *machine, bags: [name(other), name(at)] });
        }
    }
    Ok(())
}

fn is_free(rollout: &Rollout, bag: &Bag, machine: MachineId) -> bool {
    match rollout.job_of(machine) {
        None => true,
        Some(job) if matches!(job.state, JobState::Gone(_)) => true,
        Some(job) => bag.revisit == Revisit::Again && rollout.step(job.step).has_ended(),
    }
}

/// Whether the machine was taken by this bag before it left.
fn was_of(rollout: &Rollout, step: u16, phase: usize, bag: usize, machine: MachineId) -> bool {
    rollout.job_of(machine).is_some_and(|job| {
        job.step == step
            && usize::from(job.bag) == bag
            && usize::from(rollout.step(step).runs[usize::from(job.run)].phase) == phase
    })
}

fn is_new(rollout: &Rollout, machine: MachineId) -> bool {
    rollout.job_of(machine).is_none_or(|job| matches!(job.state, JobState::Gone(_)))
}

/// A share of the machines: those that come first by rule, then one of each cluster in turn.
///
/// A percentage is one of what earlier bags have left, so that shares in a row grow as they are written.
fn share(state: &State, machines: Vec<MachineId>, take: &Take) -> Vec<MachineId> {
    let whole = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let wanted = take.amount.at_least_one_of(whole) as usize;
    let first = take.first.as_ref().map(|selector| selector.compile(&state.fleet));
    let comes_first = |m: &MachineId| first.as_ref().is_some_and(|matcher| matcher.matches(&state.fleet, *m));
    let (front, rest): (Vec<MachineId>, Vec<MachineId>) = machines.into_iter().partition(comes_first);
    let mut chosen = spread(state, front);
    chosen.extend(spread(state, rest));
    chosen.truncate(wanted);
    chosen
}

/// One machine of each cluster, then the second of each, and so on.
fn spread(state: &State, machines: Vec<MachineId>) -> Vec<MachineId> {
    let mut seen: BTreeMap<Option<crate::fleet::Symbol>, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, usize, MachineId)> = machines
        .into_iter()
        .enumerate()
        .map(|(at, machine)| {
            let round = seen.entry(state.fleet.attr(machine, AttrId::CLUSTER)).or_default();
            *round += 1;
            (*round, at, machine)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, machine)| machine).collect()
}

/// One run, or one for each value of the phase's `each` attribute.
fn split(state: &State, number: usize, phase: &Phase, bags: Vec<Vec<MachineId>>) -> Vec<RunScope> {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let Some(attr) = &phase.each else {
        return vec![RunScope { spec: RunSpec { phase: number, value: None }, bags }];
    };
    let mut values: Vec<Option<&str>> = Vec::new();
    let value = |machine: MachineId| state.fleet.attr_text(machine, attr);
    for machine in bags.iter().flatten() {
        values.push(value(*machine));
    }
    // Machines without a value make the last run.
    values.sort_by(|a, b| match (a, b) {
        (Some(a), Some(b)) => natural_cmp(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    values.dedup();
    let places: BTreeMap<Option<&str>, usize> =
        values.iter().enumerate().map(|(at, value)| (*value, at)).collect();
    let mut runs: Vec<RunScope> = values
        .iter()
        .map(|value| RunScope {
            spec: RunSpec { phase: number, value: value.map(str::to_owned) },
            bags: vec![Vec::new(); bags.len()],
        })
        .collect();
    for (at, bag) in bags.iter().enumerate() {
        for machine in bag {
            if let Some(run) = places.get(&value(*machine)) {
                runs[*run].bags[at].push(*machine);
            }
        }
    }
    runs
}
