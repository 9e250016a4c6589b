//! How long it takes: the work behind each limit divided by what the limit allows, step after step.
//!
//! No schedule under the same limits is shorter than the [`Work`] of its tightest group, so the same sums give a proven
//! lower bound when the durations are known, and an estimate when they are expected.

use std::collections::BTreeMap;

use crate::fleet::{AttrId, Symbol};
use crate::id::{MachineId, RolloutId};
use crate::pipeline::{Bag, Gate, Limit, Parallel, SoakFrom};
use crate::rollout::limit::{Bound, Dimension};
use crate::rollout::scope;
use crate::rollout::state::{Job, Rollout, StepRun};
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

/// Which machines of a step are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those whose procedure has not ended.
    Unended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(Bound),
    Bag(u16),
    Budget(u16),
}

/// What a machine costs in a bag, in milliseconds; nothing where it costs no more.
pub type Cost<'a> = dyn Fn(MachineId, &Bag) -> Option<u64> + 'a;

/// The same by several measures at once, so that machines and limits are gone through only once for all of them.
type Costs<'a, const N: usize> = dyn FnMut(&Item, &Bag) -> Option<[u64; N]> + 'a;

/// The work behind one limit by several measures.
struct Load<const N: usize> {
    /// Without sums.
    work: Work,
    sums: [u64; N],
    longest: [u64; N],
}

impl<const N: usize> Load<N> {
    fn of(allowed: u32, limit: String, group: String) -> Self {
        let work = Work { allowed, limit, group, ..Work::default() };
        Self { work, sums: [0; N], longest: [0; N] }
    }

    fn add(&mut self, costs: [u64; N]) {
        self.work.machines += 1;
        for (at, cost) in costs.into_iter().enumerate() {
            self.sums[at] += cost;
            self.longest[at] = self.longest[at].max(cost);
        }
    }

    fn by(&self, measure: usize) -> Work {
        Work { sum: self.sums[measure], longest: self.longest[measure], ..self.work.clone() }
    }
}

/// The works of each run of a step, in the order of the runs.
pub fn works(state: &State, rollout: &Rollout, step: u16, cost: &Cost<'_>) -> Vec<Vec<Work>> {
    let runs = loads(state, rollout, step, Which::All, &mut |item, bag| Some([cost(item.machine, bag)?]));
    runs.iter().map(|loads| by(loads, 0)).collect()
}

fn by<const N: usize>(loads: &[Load<N>], measure: usize) -> Vec<Work> {
    loads.iter().map(|load| load.by(measure)).collect()
}

fn loads<const N: usize>(
    state: &State,
    rollout: &Rollout,
    step: u16,
    which: Which,
    costs: &mut Costs<'_, N>,
) -> Vec<Vec<Load<N>>> {
    let mut found: BTreeMap<(u16, Key), Load<N>> = BTreeMap::new();
    let rule = rollout.rule(step);
    // What a limit counts by is looked up once for all machines.
    let limits: Vec<Vec<Vec<(&Limit, &Dimension)>>> = rule
        .phases
        .iter()
        .map(|phase| phase.bags.iter().map(|bag| limits_of(state, rollout, step, bag)).collect())
        .collect();
    for item in items(state, rollout, step, which) {
        let (phase, at) = (usize::from(item.phase), usize::from(item.bag));
        let bag = &rule.phases[phase].bags[at];
        let Some(cost) = costs(&item, bag) else { continue };
        for (limit, dimension) in &limits[phase][at] {
            let Some(bound) = dimension.bound(limit, item.machine) else { continue };
            let load = found.entry((item.run, Key::Group(bound))).or_insert_with(|| {
                Load::of(
                    state.gauges.allowed(bound),
                    limit_text(limit),
                    group_text(state, limit, item.machine),
                )
            });
            load.add(cost);
        }
        add_own(&mut found, rollout.step(step), &item, bag, cost);
    }
    let mut runs: BTreeMap<u16, Vec<Load<N>>> = BTreeMap::new();
    for ((run, _), load) in found {
        runs.entry(run).or_default().push(load);
    }
    runs.into_values().collect()
}

fn limits_of<'a>(
    state: &'a State,
    rollout: &'a Rollout,
    step: u16,
    bag: &'a Bag,
) -> Vec<(&'a Limit, &'a Dimension)> {
    let all = bag.limits.iter().chain(&rollout.rule(step).limits).chain(&rollout.pipeline.limits);
    all.filter_map(|limit| Some((limit, state.gauges.dimension(limit)?))).collect()
}

/// What the bag's own series and the budget allow at once.
fn add_own<const N: usize>(
    found: &mut BTreeMap<(u16, Key), Load<N>>,
    step: &StepRun,
    item: &Item,
    bag: &Bag,
    cost: [u64; N],
) {
    if let Parallel::AtMost(most) = bag.parallel {
        let load = found.entry((item.run, Key::Bag(item.bag))).or_insert_with(|| {
            Load::of(most, format!("{most} at a time in a bag"), format!("bag {}", bag.name))
        });
        load.add(cost);
    }
    // The machine that starts last may be the one that fails too many.
    if let Some((budget, line)) =
        item.budget.and_then(|budget| Some((budget, step.budgets.get(usize::from(budget))?)))
    {
        let load = found.entry((item.run, Key::Budget(budget))).or_insert_with(|| {
            let group = line.environment.clone().unwrap_or_else(|| "the step".to_owned());
            Load::of(line.cap(), format!("budget of {} failures", line.amount), group)
        });
        load.add(cost);
    }
}

/// The machines of a step: those it has, or, before it opens, those it would take now.
fn items(state: &State, rollout: &Rollout, step: u16, which: Which) -> Vec<Item> {
    let run = rollout.step(step);
    let is_wanted = |job: &Job| which == Which::All || !job.state.has_ended();
    if run.opened_at.is_some() {
        let jobs = rollout.jobs.iter().filter(|job| job.step == step && is_wanted(job));
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
            let wanted = machines.iter().filter(|machine| rollout.job_of(**machine).is_none_or(is_wanted));
            items.extend(wanted.map(|machine| Item { machine: *machine, run, phase, bag, budget: None }));
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

/// By the mean, by the median, and by what nineteen of twenty take at most.
const MEASURES: usize = 3;

/// What is expected of a rollout that has not ended.
pub fn estimate(state: &State, id: RolloutId, now: Now) -> Option<Estimate> {
    let rollout = state.rollouts.get(id).filter(|rollout| !rollout.has_ended())?;
    // Machines of one role cost the same in a bag: a fleet has many machines and few roles.
    let mut known: BTreeMap<(u16, u16, u16, Option<Symbol>), [u64; MEASURES]> = BTreeMap::new();
    let steps = (0_u16..).zip(&rollout.steps).map(|(number, run)| {
        if run.has_ended() {
            return Vec::new();
        }
        let mut costs = |item: &Item, bag: &Bag| {
            let role = state.fleet.attr(item.machine, AttrId::ROLE);
            let key = (number, item.phase, item.bag, role);
            Some(*known.entry(key).or_insert_with(|| {
                let (learned, actions) = (&state.learned, &bag.actions);
                let within = |percent| learned.procedure_within(role, actions, percent);
                [learned.procedure(role, actions), within(50), within(95)]
            }))
        };
        loads(state, rollout, number, Which::Unended, &mut costs)
    });
    let steps: Vec<Vec<Vec<Load<MEASURES>>>> = steps.collect();
    let (likely, critical) = follow(rollout, now, &steps, 0);
    let (early, _) = follow(rollout, now, &steps, 1);
    let (late, _) = follow(rollout, now, &steps, 2);
    // A mean may lie below the median where a few machines are very fast.
    Some(Estimate { likely, early: early.min(likely), late: late.max(likely), critical })
}

/// The end of the longest way through the steps that are left, and that way, by one of the measures.
fn follow(
    rollout: &Rollout,
    now: Now,
    steps: &[Vec<Vec<Load<MEASURES>>>],
    measure: usize,
) -> (Timestamp, Vec<EstimateLeg>) {
    let mut legs: Vec<Option<EstimateLeg>> = Vec::new();
    let mut before: Vec<Option<u16>> = Vec::new();
    for (number, loads) in (0_u16..).zip(steps) {
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
        let runs: Vec<Vec<Work>> = loads.iter().map(|loads| by(loads, measure)).collect();
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
