//! What no schedule can beat: the work behind each limit, divided by what the limit allows, step after step.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::fleet::AttrId;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::pipeline::{Bag, ChangeRule, Gate, SoakFrom};
use smith_domain::rollout::Rollout;
use smith_domain::rollout::estimate::{self, Work};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};

use super::report::{Binding, Leg};

pub(super) struct Bounds {
    steps: BTreeMap<(RolloutId, u16), Span>,
    works: BTreeMap<(RolloutId, u16), Vec<Work>>,
    approval: Span,
    pub(super) clusters: u32,
}

/// Works the bounds out from what each machine really took.
pub(super) fn of(state: &State, spent: &[u64], approval: Span) -> Bounds {
    let cost = |machine: MachineId, _: &Bag| Some(spent.get(machine.index()).copied().unwrap_or(0));
    let mut steps = BTreeMap::new();
    let mut works = BTreeMap::new();
    for rollout in state.rollouts.iter() {
        for step in (0_u16..).take(rollout.steps.len()).filter(|step| rollout.step(*step).opened_at.is_some())
        {
            let runs = estimate::works(state, rollout, step, &cost);
            steps.insert((rollout.id, step), estimate::least(&runs));
            works.insert((rollout.id, step), runs.into_iter().flatten().collect());
        }
    }
    let mut clusters = BTreeSet::new();
    for machine in (0..).take(state.fleet.len()).map(MachineId) {
        clusters.insert(state.fleet.attr(machine, AttrId::CLUSTER));
    }
    Bounds { steps, works, approval, clusters: u32::try_from(clusters.len()).unwrap_or(u32::MAX) }
}

impl Bounds {
    pub(super) fn step(&self, rollout: RolloutId, step: u16) -> Span {
        self.steps.get(&(rollout, step)).copied().unwrap_or_default()
    }

    /// The longest way through all steps of all rollouts: each no sooner than what it comes after, its soaks, its
    /// approvals, and its own work.
    pub(super) fn whole(&self, state: &State) -> Span {
        let mut starts: BTreeMap<(RolloutId, u16), u64> = BTreeMap::new();
        let mut ends: BTreeMap<(RolloutId, u16), u64> = BTreeMap::new();
        let mut whole = 0;
        // Pipelines wait for pipelines without cycles, so as many passes as there are rollouts settle everything.
        for _ in 0..=state.rollouts.iter().count() {
            for rollout in state.rollouts.iter() {
                for number in (0_u16..).take(rollout.steps.len()) {
                    let start = self.earliest(state, rollout, number, &starts, &ends);
                    let end = start + self.step(rollout.id, number).0;
                    starts.insert((rollout.id, number), start);
                    ends.insert((rollout.id, number), end);
                    whole = whole.max(end);
                }
            }
        }
        Span(whole)
    }

    fn earliest(
        &self,
        state: &State,
        rollout: &Rollout,
        number: u16,
        starts: &BTreeMap<(RolloutId, u16), u64>,
        ends: &BTreeMap<(RolloutId, u16), u64>,
    ) -> u64 {
        let rule = rollout.rule(number);
        let end = |key: (RolloutId, u16)| ends.get(&key).copied().unwrap_or(0);
        let reached = rule.after.iter().map(|before| end((rollout.id, *before))).max().unwrap_or(0);
        let mut earliest = reached;
        let mut approve = matches!(rule.change, ChangeRule::Approve { .. });
        for gate in &rule.gates {
            let at = match gate {
                Gate::Approval { .. } => {
                    approve = true;
                    0
                }
                Gate::Succeeded { pipeline } => state
                    .rollouts
                    .iter()
                    .filter(|other| other.pipeline.name == *pipeline)
                    .flat_map(|other| {
                        (0_u16..).take(other.steps.len()).map(move |step| end((other.id, step)))
                    })
                    .max()
                    .unwrap_or(0),
                Gate::Soak { pipeline, step, from, length } => {
                    let of = pipeline.as_ref().unwrap_or(&rollout.pipeline.name);
                    let other = state.rollouts.iter().find(|other| other.pipeline.name == *of);
                    let key = other.and_then(|other| {
                        let at = other.pipeline.steps.iter().position(|rule| rule.id == *step)?;
                        Some((other.id, u16::try_from(at).ok()?))
                    });
                    let since = key.map_or(0, |key| match from {
                        SoakFrom::Start => starts.get(&key).copied().unwrap_or(0),
                        SoakFrom::End => end(key),
                    });
                    since + length.0
                }
            };
            earliest = earliest.max(at);
        }
        // A change is raised when the step is reached; an approval of results comes when there are results.
        let approved = if approve { reached + self.approval.0 } else { reached };
        earliest.max(approved)
    }

    /// From the end backwards: the step that ended last, what it waited for, and so on to the start.
    pub(super) fn critical(&self, state: &State, start: Timestamp, end: Timestamp) -> Vec<Leg> {
        let mut legs = Vec::new();
        let mut until = end;
        while until > start {
            let last = state
                .rollouts
                .iter()
                .flat_map(|rollout| (0_u16..).zip(&rollout.steps).map(move |(n, step)| (rollout, n, step)))
                .filter(|(_, _, step)| step.ended_at.is_some_and(|at| at <= until))
                // A step without machines takes no time: it holds nothing up, and would be found again and again.
                .filter(|(_, _, step)| step.opened_at.is_some() && step.opened_at < step.ended_at)
                .max_by_key(|(rollout, n, step)| (step.ended_at, step.opened_at, rollout.id, *n));
            let Some((rollout, number, step)) = last else { break };
            let (Some(opened), Some(ended)) = (step.opened_at, step.ended_at) else { break };
            if ended < until {
                legs.push(Leg { what: "gates, approvals and soaks".to_owned(), from: ended, to: until });
            }
            let step_name = format!("{} {}", rollout.pipeline.name, rollout.rule(number).id);
            legs.push(Leg {
                what: format!("{step_name}: {}", self.tightest(rollout.id, number)),
                from: opened,
                to: ended,
            });
            until = opened;
        }
        if until > start {
            legs.push(Leg { what: "gates, approvals and soaks".to_owned(), from: start, to: until });
        }
        legs.reverse();
        legs
    }

    fn tightest(&self, rollout: RolloutId, step: u16) -> String {
        let works = self.works.get(&(rollout, step)).into_iter().flatten();
        works.max_by_key(|work| work.alone()).map_or_else(
            || "no machine".to_owned(),
            |work| format!("{}, {} machines, {}", work.group, work.machines, work.limit),
        )
    }

    /// The limits whose groups fill most of their step.
    pub(super) fn binding(&self, state: &State) -> Vec<Binding> {
        let mut found: BTreeMap<&str, Binding> = BTreeMap::new();
        for ((rollout, step), works) in &self.works {
            let Some(run) = state.rollouts.get(*rollout).map(|rollout| rollout.step(*step)) else { continue };
            let took = run.ended_at.zip(run.opened_at).map_or(0, |(end, start)| end.since(start).0);
            for work in works {
                let alone = work.alone();
                let binds = took > 0 && alone.0 * 10 >= took * 9;
                let entry = found.entry(&work.limit).or_insert_with(|| Binding {
                    limit: work.limit.clone(),
                    groups: 0,
                    tightest: work.group.clone(),
                    alone,
                });
                entry.groups += u32::from(binds);
                if alone > entry.alone {
                    entry.tightest = work.group.clone();
                    entry.alone = alone;
                }
            }
        }
        let mut binding: Vec<Binding> = found.into_values().filter(|binding| binding.groups > 0).collect();
        binding.sort_by(|a, b| b.alone.cmp(&a.alone).then_with(|| a.limit.cmp(&b.limit)));
        binding
    }
}
