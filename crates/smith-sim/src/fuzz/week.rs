//! A week in the simulated world: what is done outside for its links, what people do about it, and what must hold.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::actor::Actor;
use smith_domain::build::BuildEvent;
use smith_domain::change::{ChangeState, TrainForm};
use smith_domain::cycle::{Cycle, CycleCommand, CycleEvent, Link, LinkState, Wait, WeekPlan, waits};
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::event::Event;
use smith_domain::id::{CycleId, RolloutId};
use smith_domain::pipeline::{ChangeRule, Gate, Pipeline, SoakFrom, Who};
use smith_domain::rollout::{Mode, RolloutCommand, RolloutEnd, Scope};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_server::driver::Input;

use super::run::{BUILD, Run};
use crate::rng::Rng;

/// Rounds in which people run links again; after that they stop the cycle.
const RERUNS: u32 = 12;

/// A week over the scenario's pipelines: test, production, and maybe everything beside it.
pub(super) fn plan(rng: &mut Rng, pipelines: &[Pipeline]) -> WeekPlan {
    let [test, canary, rest @ ..] = pipelines else { unreachable!("a scenario has a test and production") };
    let lead = || Who(vec!["role:lead".to_owned()]);
    let mut gates = Vec::new();
    if rng.happens(6_000) {
        let step = test.steps[test.steps.len() - 1].id.clone();
        let from = if rng.happens(5_000) { SoakFrom::Start } else { SoakFrom::End };
        gates.push(Gate::Soak { pipeline: None, step, from, length: Span::hours(rng.between(1, 24)) });
    }
    if rng.happens(6_000) {
        let count = u32::try_from(rng.between(1, 2)).unwrap_or(1);
        gates.push(Gate::Approval { name: "go".to_owned(), who: lead(), count });
    }
    if rng.happens(3_000) {
        gates.push(Gate::Succeeded { pipeline: test.name.clone() });
    }
    let rule = match rng.below(3) {
        0 => ChangeRule::None,
        1 => ChangeRule::Record,
        _ => ChangeRule::Approve { who: lead(), count: 1 },
    };
    let rollouts =
        if rng.happens(5_000) { rest.iter().map(|one| one.name.clone()).collect() } else { Vec::new() };
    WeekPlan {
        name: "weekly".to_owned(),
        owner: Who(vec!["role:oncall".to_owned()]),
        recipe: "all".to_owned(),
        channel: "prod".to_owned(),
        regions: vec!["us-south".to_owned(), "ap-south".to_owned()],
        test: Some(test.name.clone()),
        gates,
        train: Some(Box::new(form())),
        rule,
        canary: rng.happens(7_000).then(|| canary.name.clone()),
        rollouts,
    }
}

fn form() -> TrainForm {
    let text = str::to_owned;
    TrainForm {
        squad: text("conductors"),
        service: text("redpill"),
        title: text("prod from {prod} to {build}"),
        environment: Vec::new(),
        details: text("tested in {epic}"),
        risk: text("low"),
        deployment_impact: text("small"),
        deployment_method: text("automated"),
        planned_start: text("now"),
        planned_end: text("now + 1h"),
        stage_deploy_date: text("{stage-date}"),
        vendored_or_non_built: true,
        security_only: true,
        backout_plan: text("back to {prod}"),
    }
}

impl Run {
    pub(super) fn start_week(&mut self) {
        let plan = Box::new(self.scenario.week.clone());
        let start = CycleCommand::Start { plan, due: None, build: None, reason: None };
        self.say(&Actor::person("operator"), Command::Cycle(start));
    }

    /// What is done outside before the answer to an errand is given.
    pub(super) fn outside(&self, errand: ErrandId, outcome: &ErrandOutcome) -> Vec<Input> {
        let state = self.state();
        let Some(ErrandKind::Link(id, link)) = state.errands.get(errand).map(|open| open.kind) else {
            return Vec::new();
        };
        let Some(cycle) = state.cycles.get(id).filter(|_| *outcome == ErrandOutcome::Done) else {
            return Vec::new();
        };
        let commands = if link == Link::Channel { switches(state, cycle) } else { self.starts(cycle, link) };
        let input = |command| Input { actor: Actor::person("outside"), command, tag: 0 };
        commands.into_iter().map(input).collect()
    }

    /// The rollout of a link, unless it is there.
    fn starts(&self, cycle: &Cycle, link: Link) -> Vec<Command> {
        let wanted = cycle.plan.pipeline(link).filter(|_| cycle.rollout(self.state(), link).is_none());
        let pipeline = wanted.and_then(|name| self.scenario.pipelines.iter().find(|one| one.name == *name));
        let start = |pipeline: &Pipeline| {
            let (pipeline, scope) = (Box::new(pipeline.clone()), Scope::Pipeline);
            Command::Rollout(RolloutCommand::Start { pipeline, build: BUILD, scope, reason: None })
        };
        pipeline.map(start).into_iter().collect()
    }

    /// Everybody whose word a cycle waits for gives it.
    pub(super) fn approve_weeks(&mut self) {
        let mut gates = Vec::new();
        for cycle in self.state().cycles.active() {
            for (rule, gate) in cycle.plan.gates.iter().zip(&cycle.gates).filter(|(_, gate)| !gate.open) {
                if let Gate::Approval { name, .. } = rule {
                    gates.push((cycle.id, name.clone(), gate.approvals.len()));
                }
            }
        }
        for (cycle, gate, given) in gates {
            let by = if given == 0 { "lead" } else { "other lead" };
            let approve = CycleCommand::ApproveGate { cycle, gate, reason: None };
            self.say(&Actor::person(by).with_role("lead"), Command::Cycle(approve));
        }
    }

    /// People see to links that failed, and to gates that wait for what will not come.
    pub(super) fn mend_weeks(&mut self) {
        self.rounds += 1;
        let mut commands = Vec::new();
        for cycle in self.state().cycles.active() {
            let id = cycle.id;
            let found = waits(self.state(), cycle);
            if self.rounds > RERUNS {
                commands
                    .push(CycleCommand::Stop { cycle: id, reason: "next week is another week".to_owned() });
                continue;
            }
            for wait in found {
                let link = match wait {
                    Wait::Failed { link, .. } => link,
                    Wait::Pipeline { .. } | Wait::Soak { until: None, .. } => Link::Test,
                    Wait::Outside { .. }
                    | Wait::Rollout { .. }
                    | Wait::Soak { .. }
                    | Wait::Approval { .. }
                    | Wait::Changes { .. }
                    | Wait::Next => continue,
                };
                commands.push(CycleCommand::Rerun { cycle: id, link, reason: Some("once more".to_owned()) });
            }
        }
        for command in commands {
            self.say(&Actor::person("operator"), Command::Cycle(command));
        }
    }
}

fn switches(state: &State, cycle: &Cycle) -> Vec<Command> {
    let train = cycle.train.and_then(|train| state.changes.train(train));
    let change_of = |at: usize| {
        let change = train.and_then(|train| state.changes.get(*train.changes.get(at)?))?;
        change.number.clone()
    };
    let switch = |(at, region): (usize, &String)| {
        let (channel, region, change) = (cycle.plan.channel.clone(), region.clone(), change_of(at));
        let reason = Some("the week".to_owned());
        Command::Build(BuildCommand::SetChannel { channel, region, build: BUILD, change, reason })
    };
    cycle.plan.regions.iter().enumerate().map(switch).collect()
}

/// What the checkers remember of weeks.
#[derive(Debug, Default)]
pub(super) struct Weeks {
    /// Who said yes to which gate since it was last shut.
    said: BTreeMap<(CycleId, u16), BTreeSet<String>>,
}

/// When steps opened and ended, in true time.
pub(super) struct Steps<'a> {
    pub(super) opened: &'a BTreeMap<(RolloutId, u16), Timestamp>,
    pub(super) ended: &'a BTreeMap<(RolloutId, u16), Timestamp>,
}

impl Weeks {
    pub(super) fn event(
        &mut self,
        state: &State,
        steps: &Steps<'_>,
        event: &Event,
        now: Timestamp,
    ) -> Vec<String> {
        match event {
            Event::Cycle(CycleEvent::GateApproved { cycle, gate, by, .. }) => {
                self.said.entry((*cycle, *gate)).or_default().insert(by.clone());
                Vec::new()
            }
            Event::Cycle(CycleEvent::LinkRerun { cycle, link: Link::Test | Link::Gates, .. }) => {
                let shut =
                    state.cycles.get(*cycle).is_some_and(|one| *one.link(Link::Gates) == LinkState::Waiting);
                self.said.retain(|(of, _), _| !(shut && of == cycle));
                Vec::new()
            }
            Event::Cycle(CycleEvent::GateOpened { cycle, gate }) => {
                let Some(one) = state.cycles.get(*cycle) else { return Vec::new() };
                let so = self.holds(state, steps, one, *gate, now);
                if so { Vec::new() } else { vec![format!("gate {gate} of cycle {cycle} opened early")] }
            }
            Event::Build(BuildEvent::ChannelSet { region, build, .. }) => {
                let mut cycles = state.cycles.iter().filter(|cycle| cycle.build == Some(*build));
                let so = cycles.any(|cycle| may_switch(state, cycle));
                if so { Vec::new() } else { vec![format!("the channel of {region} moved before its gates")] }
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
            | Event::Driver(_) => Vec::new(),
        }
    }

    /// Whether a gate's condition is really so, from the events and true time alone.
    fn holds(&self, state: &State, steps: &Steps<'_>, cycle: &Cycle, gate: u16, now: Timestamp) -> bool {
        match cycle.plan.gates.get(usize::from(gate)) {
            Some(Gate::Approval { count, .. }) => {
                let said = self.said.get(&(cycle.id, gate));
                said.is_some_and(|said| said.len() >= *count as usize && !said.contains(&cycle.by))
            }
            Some(Gate::Soak { step, from, length, .. }) => {
                let test = cycle.plan.test.as_ref();
                let rollouts = state.rollouts.iter().rev().filter(|one| Some(&one.pipeline.name) == test);
                let mut keys = rollouts.filter_map(|one| {
                    let at = one.pipeline.steps.iter().position(|rule| rule.id == *step)?;
                    let key = (one.id, u16::try_from(at).ok()?);
                    steps.opened.contains_key(&key).then_some(key)
                });
                let newest = keys.next();
                let since = newest.and_then(|key| match from {
                    SoakFrom::Start => steps.opened.get(&key),
                    SoakFrom::End => steps.ended.get(&key),
                });
                // Events may be seen a millisecond after they were planned for.
                since.is_some_and(|since| now + Span(1) >= *since + *length)
            }
            Some(Gate::Succeeded { pipeline }) => {
                let mut rollouts = state.rollouts.iter().rev().filter(|one| one.pipeline.name == *pipeline);
                rollouts
                    .next()
                    .is_some_and(|one| matches!(one.mode, Mode::Ended { end: RolloutEnd::Succeeded, .. }))
            }
            None => false,
        }
    }
}

/// Gates were passed, and every change is in progress with as many words as it needs.
fn may_switch(state: &State, cycle: &Cycle) -> bool {
    let train = cycle.train.and_then(|train| state.changes.train(train));
    let ids = train.map_or(&[][..], |train| train.changes.as_slice());
    let approved = ids.iter().filter_map(|id| state.changes.get(*id)).all(|change| {
        let words = match &change.rule {
            ChangeRule::Approve { count, .. } => *count as usize,
            ChangeRule::None | ChangeRule::Record => 0,
        };
        let people: BTreeSet<&String> = change.approvals.iter().map(|approval| &approval.by).collect();
        matches!(change.state, ChangeState::Begun) && people.len() >= words && !people.contains(&change.by)
    });
    let needed = cycle.plan.rule == ChangeRule::None || !ids.is_empty();
    approved && needed && matches!(cycle.link(Link::Gates), LinkState::Done { .. })
}

/// A cycle that rests waits for people by name, or for a rollout that does.
pub(super) fn waits_for_a_person(state: &State) -> Vec<String> {
    let rests = |wait: &Wait| match wait {
        Wait::Rollout { rollout, .. } => state.rollouts.get(*rollout).is_some_and(|one| !one.has_ended()),
        Wait::Pipeline { .. } | Wait::Soak { until: None, .. } => true,
        Wait::Approval { .. } | Wait::Changes { .. } | Wait::Failed { .. } => wait.waits_for().is_some(),
        Wait::Outside { .. } | Wait::Soak { until: Some(_), .. } | Wait::Next => false,
    };
    let stuck = state.cycles.active().filter(|cycle| !waits(state, cycle).iter().any(rests));
    stuck
        .map(|cycle| format!("cycle {} rests and waits for nobody: {:?}", cycle.id, waits(state, cycle)))
        .collect()
}
