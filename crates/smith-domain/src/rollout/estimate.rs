//! How long it takes: the work behind each limit divided by what the limit allows, step after step.
//!
//! No schedule under the same limits is shorter than the [`Work`] of its tightest group, so the same sums give a proven
//! lower bound when the durations are known, and an estimate when they are expected.

use std::collections::BTreeMap;

use crate::fleet::AttrId;
use crate::id::{MachineId, RolloutId};
use crate::pipeline::{Bag, Gate, Limit, Parallel, SoakFrom};
use crate::rollout::limit::Bound;
use crate::rollout::scope;
use crate::rollout::state::{Rollout, StepRun};
use crate::state::State;
use crate::time::{Now, Span, Timestamp};

/// The work behind one limit in one run of a phase, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    pub sum: u64,
    pub longest: u64,
    pub machines: u32,
    pub allowed: u32,
    /// The limit in words.
    pub limit: String,
    /// The group in words.
    pub group: String,
}

impl Work {
    fn add(&mut self, cost: u64) {
        self.sum += cost;
        self.longest = self.longest.max(cost);
        self.machines += 1;
    }

    /// What the work takes at the least: all hands busy all the time, and no machine faster than itself.
    pub fn alone(&self) -> Span {
        Span(self.sum.div_ceil(u64::from(self.allowed.max(1))).max(self.longest))
    }
}

/// A machine in a run of a phase.
#[derive(Debug, Clone, Copy)]
struct Item {
    machine: MachineId,
    run: u16,
    phase: u16,
    bag: u16,
    /// The budget line, where the step has opened.
    budget: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(Bound),
    Bag(u16),
    Budget(u16),
}

/// What a machine costs in a bag, in milliseconds; nothing where it costs no more.
pub type Cost<'a> = dyn Fn(MachineId, &Bag) -> Option<u64> + 'a;

/// The works of each run of a step, in the order of the runs.
pub fn works(state: &State, rollout: &Rollout, step: u16, cost: &Cost<'_>) -> Vec<Vec<Work>> {
    let mut found: BTreeMap<(u16, Key), Work> = BTreeMap::new();
    let rule = rollout.rule(step);
    for item in items(state, rollout, step) {
        let bag = &rule.phases[usize::from(item.phase)].bags[usize::from(item.bag)];
        let Some(cost) = cost(item.machine, bag) else { continue };
        for limit in bag.limits.iter().chain(&rule.limits).chain(&rollout.pipeline.limits) {
            let Some(bound) = state.gauges.bound(limit, item.machine) else { continue };
            let work = found.entry((item.run, Key::Group(bound))).or_insert_with(|| Work {
                allowed: state.gauges.allowed(bound),
                limit: limit_text(limit),
                group: group_text(state, limit, item.machine),
                ..Work::default()
            });
            work.add(cost);
        }
        add_own(&mut found, rollout.step(step), &item, bag, cost);
    }
    let mut runs: BTreeMap<u16, Vec<Work>> = BTreeMap::new();
    for ((run, _), work) in found {
        runs.entry(run).or_default().push(work);
    }
    runs.into_values().collect()
}

/// What the bag's own series and the budget allow at once.
fn add_own(found: &mut BTreeMap<(u16, Key), Work>, step: &StepRun, item: &Item, bag: &Bag, cost: u64) {
    if let Parallel::AtMost(most) = bag.parallel {
        let work = found.entry((item.run, Key::Bag(item.bag))).or_insert_with(|| Work {
            allowed: most,
            limit: format!("{most} at a time in a bag"),
            group: format!("bag {}", bag.name),
            ..Work::default()
        });
        work.add(cost);
    }
    // The machine that starts last may be the one that fails too many.
    if let Some((budget, line)) =
        item.budget.and_then(|budget| Some((budget, step.budgets.get(usize::from(budget))?)))
    {
        let work = found.entry((item.run, Key::Budget(budget))).or_insert_with(|| Work {
            allowed: line.cap(),
            limit: format!("budget of {} failures", line.amount),
            group: line.environment.clone().unwrap_or_else(|| "the step".to_owned()),
            ..Work::default()
        });
        work.add(cost);
    }
}

/// The machines of a step: those it has, or, before it opens, those it would take now.
fn items(state: &State, rollout: &Rollout, step: u16) -> Vec<Item> {
    let run = rollout.step(step);
    if run.opened_at.is_some() {
        let jobs = rollout.jobs.iter().filter(|job| job.step == step);
        return jobs
            .map(|job| Item {
                machine: job.machine,
                run: job.run,
                phase: run.runs[usize::from(job.run)].phase,
                bag: job.bag,
                budget: Some(job.budget),
            })
            .collect();
    }
    let scopes = scope::of_step(state, rollout, step).unwrap_or_default();
    let mut items = Vec::new();
    for (run, scope) in (0..).zip(&scopes) {
        for (bag, machines) in (0..).zip(&scope.bags) {
            let phase = scope.spec.phase;
            items.extend(machines.iter().map(|machine| Item {
                machine: *machine,
                run,
                phase,
                bag,
                budget: None,
            }));
        }
    }
    items
}

fn limit_text(limit: &Limit) -> String {
    let names: Vec<&str> = limit.per.iter().map(|name| name.as_str()).collect();
    let per = if names.is_empty() { "fleet".to_owned() } else { names.join(" and ") };
    match &limit.within {
        Some(within) => format!("{} per {per} within {within}", limit.max),
        None => format!("{} per {per}", limit.max),
    }
}

fn group_text(state: &State, limit: &Limit, machine: MachineId) -> String {
    let values = limit.per.iter().map(|name| state.fleet.attr_text(machine, name).unwrap_or("(none)"));
    let values: Vec<&str> = values.collect();
    if values.is_empty() { "the fleet".to_owned() } else { values.join(" ") }
}

/// The least that the runs take one after the other.
pub fn least(runs: &[Vec<Work>]) -> Span {
    runs.iter()
        .map(|works| works.iter().map(Work::alone).max().unwrap_or(Span::ZERO))
        .fold(Span::ZERO, |a, b| a + b)
}

/// When a rollout is expected to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// With what machines took on average; approvals, repairs and windows are not counted.
    pub likely: Timestamp,
    /// With what half of the machines took at most.
    pub early: Timestamp,
    /// With what nineteen of twenty machines took at most.
    pub late: Timestamp,
    /// What comes after what on the way to `likely`.
    pub critical: Vec<EstimateLeg>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstimateLeg {
    pub step: u16,
    pub from: Timestamp,
    pub to: Timestamp,
    /// The group whose work is the longest, where the step still has some.
    pub tightest: Option<Work>,
}

/// What is expected of a rollout that has not ended.
pub fn estimate(state: &State, id: RolloutId, now: Now) -> Option<Estimate> {
    let rollout = state.rollouts.get(id).filter(|rollout| !rollout.has_ended())?;
    let role = |machine: MachineId| state.fleet.attr(machine, AttrId::ROLE);
    let open = |machine: MachineId| rollout.job_of(machine).is_none_or(|job| !job.state.has_ended());
    let mean = |machine: MachineId, bag: &Bag| {
        open(machine).then(|| state.learned.procedure(role(machine), &bag.actions))
    };
    let median = |machine: MachineId, bag: &Bag| {
        open(machine).then(|| state.learned.procedure_within(role(machine), &bag.actions, 50))
    };
    let slow = |machine: MachineId, bag: &Bag| {
        open(machine).then(|| state.learned.procedure_within(role(machine), &bag.actions, 95))
    };
    let (likely, critical) = follow(state, rollout, now, &mean);
    let (early, _) = follow(state, rollout, now, &median);
    let (late, _) = follow(state, rollout, now, &slow);
    // A mean may lie below the median where a few machines are very fast.
    Some(Estimate { likely, early: early.min(likely), late: late.max(likely), critical })
}

/// The end of the longest way through the steps that are left, and that way.
fn follow(state: &State, rollout: &Rollout, now: Now, cost: &Cost<'_>) -> (Timestamp, Vec<EstimateLeg>) {
    let mut legs: Vec<Option<EstimateLeg>> = Vec::new();
    let mut before: Vec<Option<u16>> = Vec::new();
    for number in (0_u16..).take(rollout.steps.len()) {
        let run = rollout.step(number);
        if run.has_ended() {
            legs.push(None);
            before.push(None);
            continue;
        }
        let earlier = rollout.rule(number).after.iter().filter_map(|step| {
            let leg = legs.get(usize::from(*step))?.as_ref()?;
            Some((leg.to, *step))
        });
        let last = earlier.max();
        let reached = last.map_or(now.steady, |(at, _)| at).max(now.steady);
        let from = soaked(rollout, number, &legs).map_or(reached, |at| at.max(reached));
        let runs = works(state, rollout, number, cost);
        let tightest = runs.iter().flatten().max_by_key(|work| work.alone()).cloned();
        legs.push(Some(EstimateLeg { step: number, from, to: from + least(&runs), tightest }));
        before.push(last.map(|(_, step)| step));
    }
    let end = legs.iter().flatten().max_by_key(|leg| (leg.to, leg.step)).map(|leg| leg.step);
    let mut critical = Vec::new();
    let mut at = end;
    while let Some(step) = at {
        critical.extend(legs[usize::from(step)].clone());
        at = before[usize::from(step)];
    }
    critical.reverse();
    (critical.last().map_or(now.steady, |leg| leg.to), critical)
}

/// When the soaks of a step that count from steps of the same rollout are over.
fn soaked(rollout: &Rollout, number: u16, legs: &[Option<EstimateLeg>]) -> Option<Timestamp> {
    let rule = rollout.rule(number);
    let gates = rule.gates.iter().zip(&rollout.step(number).gates).filter(|(_, gate)| !gate.open);
    gates
        .filter_map(|(rule, gate)| match rule {
            Gate::Soak { pipeline: None, step, from, length } if gate.opens_at.is_none() => {
                let at = rollout.pipeline.steps.iter().position(|other| other.id == *step)?;
                let leg = legs.get(at)?.as_ref()?;
                let since = match from {
                    SoakFrom::Start => leg.from,
                    SoakFrom::End => leg.to,
                };
                Some(since + *length)
            }
            Gate::Soak { .. } => gate.opens_at,
            Gate::Approval { .. } | Gate::Succeeded { .. } => None,
        })
        .max()
}
