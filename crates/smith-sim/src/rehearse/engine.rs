//! The rehearsal itself: the driver's turns, the world's answers, and the notes that the report is made of.

use std::sync::Arc;

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::actor::Actor;
use smith_domain::build::BuildEvent;
use smith_domain::decide::Command;
use smith_domain::event::Event;
use smith_domain::fleet::{FleetEvent, MachineFacts, Selector};
use smith_domain::id::BuildNumber;
use smith_domain::pipeline::{Gate, Pipeline};
use smith_domain::rollout::{Call, Halt, RolloutCommand, Scope, StepEnd, StepState, Window};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_domain::why;
use smith_server::driver::{Answer, Driver, Input, OpenError, Stopped};
use thiserror::Error;

use super::bound;
use super::notebook::{Keep, Notebook, Pages};
use super::people::{REPAIR, wanted};
use super::report::{Moment, Outcome, Report, StepReport};
use super::whatif::Change;
use crate::clock::{START, SimClock};
use crate::model::Faults;
use crate::world::{Happening, World, command_of};

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Plan {
    pub pipelines: Vec<Pipeline>,
    /// Shared, because a fleet may be a gigabyte and is rehearsed more than once.
    pub machines: Arc<Vec<MachineFacts>>,
    pub seed: u64,
    pub faults: Faults,
    /// How long people take to approve.
    pub approval: Span,
    pub changes: Vec<Change>,
    /// It is not followed further than this.
    pub horizon: Span,
}

#[derive(Debug, Error)]
pub enum RehearseError {
    #[error("expected at least one pipeline, found none")]
    NoPipelines,
    #[error("expected at least one machine, found none")]
    NoMachines,
    #[error("the rehearsal could not begin")]
    Open(#[from] OpenError),
    #[error("the rehearsal could not go on")]
    Stopped(#[from] Stopped),
    #[error("project {name} could not be started: {why}")]
    Rejected { name: String, why: String },
}

/// The build that is rolled out; machines have an older one.
const BUILD: BuildNumber = BuildNumber(2);

/// People look at what waits for them this often.
const LOOK: Span = Span::mins(5);

/// Points of the progress curve: as many as a wide terminal has columns, twice.
const MOMENTS: usize = 400;

/// A step that halts is resumed so often before the rehearsal calls it stuck: people lose patience with it.
const RESUMES_MAX: usize = 50;

/// Machines that are named when many were repaired by hand.
const FREED_NAMED: usize = 3;

type Rehearsing = Driver<Notebook, World, SimClock>;

/// Whether anybody approves and repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// They approve what waits for them after a while, and let halted steps go on.
    Attentive,
    /// Nobody does anything.
    Absent,
}

/// What became of one step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Advance {
    Went,
    /// Nothing more happens until the time that was given.
    Quiet,
    Ended(Outcome),
}

pub fn run(plan: &Plan) -> Result<Report, RehearseError> {
    let mut rehearsal = Rehearsal::begin(plan, People::Attentive, Keep::Nothing)?;
    let horizon = START + plan.horizon;
    loop {
        match rehearsal.advance(plan, horizon)? {
            Advance::Went => {}
            Advance::Quiet => return Ok(rehearsal.report(plan, Outcome::OutOfTime)),
            Advance::Ended(outcome) => return Ok(rehearsal.report(plan, outcome)),
        }
    }
}

/// The same rehearsal with different draws; the reports in the order of their ends.
pub fn run_many(plan: &Plan, runs: u32) -> Result<Vec<Report>, RehearseError> {
    let mut reports = Vec::new();
    for run_number in 0..runs.max(1) {
        let seed = plan.seed.wrapping_add(u64::from(run_number));
        reports.push(run(&Plan { seed, ..plan.clone() })?);
    }
    Ok(reports)
}

/// Gates that speak of pipelines which are not rehearsed count as open, and the report says so.
fn assume(pipelines: &mut [Pipeline]) -> Vec<String> {
    let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
    let mut remarks = Vec::new();
    for pipeline in pipelines {
        for step in &mut pipeline.steps {
            step.gates.retain(|gate| {
                let other = match gate {
                    Gate::Soak { pipeline, .. } => pipeline.as_ref(),
                    Gate::Succeeded { pipeline } => Some(pipeline),
                    Gate::Approval { .. } => None,
                };
                let kept = other.is_none_or(|other| names.contains(other));
                if let (false, Some(other)) = (kept, other) {
                    let remark = format!("{}: what it waits for in {other} is taken as come", pipeline.name);
                    if !remarks.contains(&remark) {
                        remarks.push(remark);
                    }
                }
                kept
            });
        }
    }
    remarks
}

pub(super) struct Rehearsal {
    pub(super) driver: Rehearsing,
    pub(super) clock: SimClock,
    pub(super) pages: Pages,
    people: People,
    /// When the driver wants to be woken.
    wake: Option<Timestamp>,
    remarks: Vec<String>,
    progress: Vec<Moment>,
    /// Commands of people that are to come.
    coming: Vec<(Timestamp, Actor, Command)>,
    looked: Timestamp,
    recorded: u64,
    /// What an operator granted to steps that halted, by their names.
    granted: BTreeMap<String, Vec<u32>>,
    /// Machines that were repaired by hand because they held others up.
    freed: BTreeSet<String>,
    /// How often a step halted and was repaired.
    halts: Vec<(u32, u16)>,
    /// Windows that closed before their step was done, by rollout and step.
    missed: Vec<(u32, u16, bool, u32)>,
}

impl Rehearsal {
    /// Opens the world and starts every pipeline.
    pub(super) fn begin(plan: &Plan, people: People, keep: Keep) -> Result<Self, RehearseError> {
        let mut pipelines = plan.pipelines.clone();
        if pipelines.is_empty() {
            return Err(RehearseError::NoPipelines);
        }
        if plan.machines.is_empty() {
            return Err(RehearseError::NoMachines);
        }
        for change in &plan.changes {
            change.apply(&mut pipelines);
        }
        let remarks = assume(&mut pipelines);
        let mut rehearsal = Rehearsal::open(plan, people, keep)?;
        rehearsal.remarks = remarks;
        for pipeline in &pipelines {
            rehearsal.start(pipeline)?;
        }
        rehearsal.turn(Vec::new())?;
        Ok(rehearsal)
    }

    fn open(plan: &Plan, people: People, keep: Keep) -> Result<Self, RehearseError> {
        let clock = SimClock::new();
        let mut state = State::default();
        let pages = Pages::new(keep);
        let mut begin = |event: Event| {
            state.evolve(&event, START);
            pages.note(START, event);
        };
        for chunk in plan.machines.chunks(1000) {
            begin(Event::Fleet(FleetEvent::MachinesJoined { machines: chunk.to_vec() }));
        }
        begin(BuildEvent::Verified { build: BUILD }.into());
        let mut world = World::new(clock.clone(), plan.seed, plan.faults);
        world.grid = Span::secs(1);
        world.know(plan.machines.len());
        for change in &plan.changes {
            if let Change::Lost(selector) = change {
                for machine in state.fleet.select(selector) {
                    world.machines[machine.index()].up = false;
                }
            }
        }
        let ledger = Notebook::new(state, pages.clone());
        let driver = Driver::open(ledger, world, clock.clone(), "rehearsal")?;
        Ok(Self {
            driver,
            clock,
            pages,
            people,
            wake: None,
            remarks: Vec::new(),
            progress: Vec::new(),
            coming: Vec::new(),
            looked: START,
            recorded: 0,
            granted: BTreeMap::new(),
            freed: BTreeSet::new(),
            halts: Vec::new(),
            missed: Vec::new(),
        })
    }

    fn start(&mut self, pipeline: &Pipeline) -> Result<(), RehearseError> {
        let command = RolloutCommand::Start {
            pipeline: Box::new(pipeline.clone()),
            build: BUILD,
            scope: Scope::Pipeline,
            reason: None,
        };
        let input = Input { actor: Actor::person("operator"), command: Command::Rollout(command), tag: 0 };
        match self.turn(vec![input])?.into_iter().next().map(|answer| answer.result) {
            Some(Err(why)) => {
                Err(RehearseError::Rejected { name: pipeline.name.to_string(), why: why.to_string() })
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Lets the next thing happen, unless that is later than `until`.
    pub(super) fn advance(&mut self, plan: &Plan, until: Timestamp) -> Result<Advance, RehearseError> {
        if self.driver.state().rollouts.active().next().is_none() {
            return Ok(Advance::Ended(Outcome::Finished));
        }
        let world = self.driver.executor_mut().queue.next_at();
        let people = self.coming.iter().map(|(at, _, _)| *at).min();
        let Some(next) = [world, self.wake, people].into_iter().flatten().min() else {
            if self.people(plan) {
                return Ok(Advance::Went);
            }
            return Ok(Advance::Ended(Outcome::Stuck(self.reasons())));
        };
        if next > until {
            return Ok(Advance::Quiet);
        }
        self.clock.advance_to(next);
        let now = self.clock.truth();
        let inputs = self.happened(now);
        self.turn(inputs)?;
        if now.since(self.looked) >= LOOK || people == Some(next) {
            self.looked = now;
            self.people(plan);
            self.watch();
            self.note(now);
        }
        Ok(Advance::Went)
    }

    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Result<Vec<Answer>, RehearseError> {
        let turn = self.driver.turn(inputs)?;
        self.recorded += turn.recorded;
        self.wake = turn.wake.map(|wake| wake.at);
        Ok(turn.answers)
    }

    fn happened(&mut self, now: Timestamp) -> Vec<Input> {
        let mut inputs = Vec::new();
        let smith = Actor::smith();
        let world = self.driver.executor_mut();
        while let Some(happening) = world.queue.pop_by(now) {
            match happening {
                Happening::Finish { machine, rollout, serial } => world.finish(machine, rollout, serial),
                Happening::Say(say) => {
                    inputs.push(Input { actor: smith.clone(), command: command_of(say), tag: 0 });
                }
                Happening::Scripted(_) => {}
            }
        }
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.coming).into_iter().partition(|(at, _, _)| *at <= now);
        self.coming = later;
        inputs.extend(due.into_iter().map(|(_, actor, command)| Input { actor, command, tag: 0 }));
        inputs
    }

    /// People see what waits for them; answers whether they have something to do.
    fn people(&mut self, plan: &Plan) -> bool {
        match self.people {
            People::Attentive => {}
            People::Absent => return false,
        }
        let now = self.clock.truth();
        for (since, actor, command) in wanted(self.driver.state()) {
            let at = (since + plan.approval).max(now);
            if !self.coming.iter().any(|(_, _, other)| *other == command) {
                self.coming.push((at, actor, command));
            }
        }
        self.repair(now);
        !self.coming.is_empty()
    }

    /// Steps that halted: the machines are repaired and the step goes on, as often as people have patience.
    fn repair(&mut self, now: Timestamp) {
        let state = self.driver.state();
        let mut coming = Vec::new();
        for rollout in state.rollouts.active() {
            for (number, (step, rule)) in (0_u16..).zip(rollout.steps.iter().zip(&rollout.pipeline.steps)) {
                let grant = match &step.state {
                    StepState::Halted(Halt::BudgetSpent { failed, lost, .. }) => failed + lost,
                    StepState::Halted(Halt::EverythingFails { .. }) => 1,
                    StepState::Halted(Halt::ChangeRefused { .. }) => 0,
                    StepState::Halted(Halt::NothingLeft { .. }) => 1,
                    StepState::Halted(
                        Halt::NothingSelected { .. }
                        | Halt::Overlap { .. }
                        | Halt::BuildWithdrawn { .. }
                        | Halt::TooManyRuns { .. },
                    )
                    | StepState::Waiting
                    | StepState::Reached
                    | StepState::Open
                    | StepState::Ended(StepEnd::Done | StepEnd::Aborted | StepEnd::NotAsked) => continue,
                };
                let command = Command::Rollout(RolloutCommand::Resume {
                    rollout: rollout.id,
                    step: rule.id.clone(),
                    grant,
                    reason: None,
                });
                coming.push(((rollout.id.0, number), now + REPAIR, Actor::person("operator"), command));
            }
        }
        self.free(now);
        for (step, at, actor, command) in coming {
            let known = self.coming.iter().any(|(_, _, other)| *other == command);
            let resumed = self.halts.iter().filter(|halted| **halted == step).count();
            if !known && resumed < RESUMES_MAX {
                self.halts.push(step);
                if let Command::Rollout(RolloutCommand::Resume { rollout, step, grant, .. }) = &command {
                    let rollouts = &self.driver.state().rollouts;
                    let pipeline = rollouts.get(*rollout).map(|one| one.pipeline.name.to_string());
                    let name = format!("{} {step}", pipeline.unwrap_or_default());
                    self.granted.entry(name).or_default().push(*grant);
                }
                self.coming.push((at, actor, command));
            }
        }
    }

    /// Machines that nobody has proven healthy and that hold all others up: somebody repairs them and vouches for them.
    fn free(&mut self, now: Timestamp) {
        let state = self.driver.state();
        let mut coming = Vec::new();
        for step in state.rollouts.active().flat_map(|rollout| &rollout.steps) {
            let Some(Call::HeldUp { by }) = &step.called else { continue };
            for machine in by.iter().filter(|machine| !state.gauges.grip(*machine).running) {
                let name = state.fleet.machine(machine).name();
                let Ok(selector) = Selector::parse(name) else { continue };
                if !state.gauges.grip(machine).disturbed {
                    continue;
                }
                let reason = "repaired by hand".to_owned();
                let command = Command::Rollout(RolloutCommand::SignOff { machines: selector, reason });
                coming.push((name.to_owned(), command));
            }
        }
        for (name, command) in coming {
            // Whoever has been repaired once is left out of its rollout, so everybody's turn comes.
            if self.freed.insert(name) {
                self.coming.push((now + REPAIR, Actor::person("operator"), command));
            }
        }
    }

    /// Notes windows that close before their step is done.
    fn watch(&mut self) {
        for rollout in self.driver.state().rollouts.active() {
            for (number, step) in (0_u16..).zip(&rollout.steps) {
                let closed = matches!(step.window, Window::Closed { .. }) && step.state == StepState::Open;
                let key = (rollout.id.0, number);
                match self.missed.iter_mut().find(|(r, s, _, _)| (*r, *s) == key) {
                    Some(entry) => {
                        if closed && !entry.2 {
                            entry.3 += 1;
                        }
                        entry.2 = closed;
                    }
                    None => self.missed.push((key.0, key.1, closed, u32::from(closed))),
                }
            }
        }
    }

    /// One point of the progress curve; the curve is thinned out when it grows too long.
    fn note(&mut self, at: Timestamp) {
        let moment = self.driver.state().rollouts.iter().map(|rollout| rollout.tally()).fold(
            Moment { at, done: 0, running: 0, failed: 0 },
            |sum, tally| Moment {
                at,
                done: sum.done + tally.done,
                running: sum.running + tally.running,
                failed: sum.failed + tally.failed + tally.lost,
            },
        );
        self.progress.push(moment);
        if self.progress.len() > MOMENTS * 2 {
            let mut odd = false;
            self.progress.retain(|_| {
                odd = !odd;
                odd
            });
        }
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        let state = self.driver.state();
        let mut lines = Vec::new();
        for rollout in state.rollouts.active() {
            for reason in why::rollout(state, rollout.id) {
                lines.push(format!("{}: {}", rollout.pipeline.name, reason.line(state)));
            }
        }
        lines
    }

    pub(super) fn report(mut self, plan: &Plan, outcome: Outcome) -> Report {
        let end = self.clock.truth();
        self.note(end);
        let world_spent = std::mem::take(&mut self.driver.executor_mut().spent);
        let state = self.driver.state();
        let bounds = bound::of(state, &world_spent, plan.approval);
        let mut steps = Vec::new();
        for rollout in state.rollouts.iter() {
            for (number, (step, rule)) in (0_u16..).zip(rollout.steps.iter().zip(&rollout.pipeline.steps)) {
                let missed = self.missed.iter().find(|(r, s, _, _)| (*r, *s) == (rollout.id.0, number));
                steps.push(StepReport {
                    pipeline: rollout.pipeline.name.to_string(),
                    step: rule.id.to_string(),
                    title: rule.title.clone(),
                    reached: step.reached_at,
                    opened: step.opened_at,
                    ended: step.ended_at,
                    tally: step.tally,
                    bound: bounds.step(rollout.id, number),
                    windows_missed: missed.map_or(0, |(_, _, _, count)| *count),
                    halts: self.halted(rollout.id.0, number, &step.state),
                });
            }
        }
        Report {
            seed: plan.seed,
            machines: u32::try_from(state.fleet.present_count()).unwrap_or(u32::MAX),
            clusters: bounds.clusters,
            outcome,
            start: START,
            end,
            steps,
            critical: bounds.critical(state, START, end),
            bound: bounds.whole(state),
            progress: self.progress,
            binding: bounds.binding(state),
            remarks: with_freed(with_granted(self.remarks, &self.granted), &self.freed),
            events: self.recorded,
        }
    }
    /// How often a step halted: repaired each time but perhaps the last.
    fn halted(&self, rollout: u32, step: u16, state: &StepState) -> u32 {
        let repaired = self.halts.iter().filter(|halt| **halt == (rollout, step)).count();
        let now = matches!(state, StepState::Halted(_)) && repaired == 0;
        u32::try_from(repaired).unwrap_or(u32::MAX).saturating_add(u32::from(now))
    }
}

/// What was assumed of steps that halted: one line a step.
fn with_granted(mut remarks: Vec<String>, granted: &BTreeMap<String, Vec<u32>>) -> Vec<String> {
    for (name, grants) in granted {
        let times = match grants.len() {
            1 => "halted".to_owned(),
            times => format!("halted {times} times"),
        };
        let sum: u64 = grants.iter().map(|grant| u64::from(*grant)).sum();
        remarks.push(format!("{name} {times}; an operator granted {sum} more failures"));
    }
    remarks
}

/// What was assumed of machines that held others up, in one line however many there were.
fn with_freed(mut remarks: Vec<String>, freed: &BTreeSet<String>) -> Vec<String> {
    let named: Vec<&str> = freed.iter().take(FREED_NAMED).map(String::as_str).collect();
    let named = named.join(", ");
    match freed.len() {
        0 => {}
        1 => remarks.push(format!("{named} held up others; an operator repaired it and signed it off")),
        few if few <= FREED_NAMED => {
            remarks.push(format!("{named} held up others; an operator repaired them and signed them off"));
        }
        many => {
            let others = many - FREED_NAMED;
            remarks.push(format!(
                "{named} and {others} others held up machines; an operator repaired them and signed them off"
            ));
        }
    }
    remarks
}
