//! Rollouts and steps: from the start over gates, windows and halts to the end.

use crate::change::{ChangeEvent, Subject};
use crate::fleet::AttrId;
use crate::id::{BuildNumber, PipelineName, RolloutId, StepName, TicketId};
use crate::pipeline::{ChangeRule, Gate, Pipeline, SoakFrom};
use crate::rollout::budget::{BudgetLine, lines};
use crate::rollout::event::{RolloutEnd, RolloutEvent, RunSpec, Scope, StepEnd};
use crate::rollout::evolve::{job, lanes};
use crate::rollout::limit::{GaugeId, GaugeOf, Held};
use crate::rollout::runs::Runs;
use crate::rollout::schedule::{LaneId, Live, StepKey};
use crate::rollout::state::{
    BagRun, Blame, How, Job, JobState, Mode, Rollout, Run, RunState, ScopeState, Standing, StepRun,
    StepState, Window,
};
use crate::state::State;
use crate::ticket::TicketKind;
use crate::time::Timestamp;

pub(super) fn evolve(state: &mut State, event: &RolloutEvent, at: Timestamp, freed: &mut Vec<GaugeId>) {
    match event {
        RolloutEvent::Started { rollout, pipeline, build, by, scope, reason } => {
            let epic = state.tickets.epic(*build);
            let new = Rollout::new(*rollout, pipeline, *build, by, scope, at);
            started(state, Rollout { epic, reason: reason.clone(), ..new }, at);
        }
        RolloutEvent::StepReached { rollout, step } => {
            with_step(state, *rollout, *step, |run| {
                run.state = StepState::Reached;
                run.reached_at = Some(at);
            });
            refresh_gates(state);
        }
        RolloutEvent::GateOpened { rollout, step, gate } => {
            with_step(state, *rollout, *step, |run| run.gates[usize::from(*gate)].open = true);
        }
        RolloutEvent::GateApproved { rollout, step, gate, by, .. } => {
            with_step(state, *rollout, *step, |run| run.gates[usize::from(*gate)].approvals.push(by.clone()));
        }
        RolloutEvent::StepOpened { rollout, step, runs } => opened(state, *rollout, *step, runs, at),
        RolloutEvent::Scoped { rollout, step, run, bag, machines } => {
            scoped(state, StepKey { rollout: *rollout, step: *step }, *run, *bag, machines, freed);
        }
        RolloutEvent::ScopeComplete { rollout, step, cursor } => {
            with_step(state, *rollout, *step, |run| {
                run.cursor = *cursor;
                run.scope = ScopeState::Complete;
            });
            size_budgets(state, StepKey { rollout: *rollout, step: *step });
        }
        RolloutEvent::Swept { rollout, step, runs } => add_runs(state, *rollout, *step, runs),
        RolloutEvent::RunOpened { rollout, step, run } => run_opened(state, *rollout, *step, *run),
        RolloutEvent::RunClosed { rollout, step, run } => run_closed(state, *rollout, *step, *run),
        RolloutEvent::WindowOpened { rollout, step, until } => {
            with_step(state, *rollout, *step, |run| run.window = Window::Open { until: *until });
            refresh_live(state, *rollout, *step);
        }
        RolloutEvent::WindowClosed { rollout, step, opens, why } => {
            let window = Window::Closed { opens: *opens, why: why.clone() };
            with_step(state, *rollout, *step, |run| run.window = window);
            refresh_live(state, *rollout, *step);
        }
        RolloutEvent::Halted { rollout, step, why } => {
            with_step(state, *rollout, *step, |run| run.state = StepState::Halted(why.clone()));
            refresh_live(state, *rollout, *step);
            refresh_gates(state);
        }
        RolloutEvent::Called { rollout, step, why } => {
            with_step(state, *rollout, *step, |run| run.called = Some(why.clone()));
        }
        RolloutEvent::Resumed { rollout, step, grant, .. } => resumed(state, *rollout, *step, *grant),
        RolloutEvent::Paused { rollout, .. } => set_mode(state, *rollout, Mode::Paused),
        RolloutEvent::Unpaused { rollout, .. } => set_mode(state, *rollout, Mode::Running),
        RolloutEvent::Aborted { rollout, .. } => {
            set_mode(state, *rollout, Mode::Aborting);
            job::make_safe(state, *rollout, at, freed);
        }
        RolloutEvent::StepEnded { rollout, step, end } => step_ended(state, *rollout, *step, *end, at),
        RolloutEvent::Ended { rollout, end } => ended(state, *rollout, *end, at),
        RolloutEvent::Asked { .. }
        | RolloutEvent::Reported { .. }
        | RolloutEvent::Sought { .. }
        | RolloutEvent::Retried { .. }
        | RolloutEvent::Skipped { .. }
        | RolloutEvent::SignedOff { .. } => {}
    }
}

fn with_step(state: &mut State, rollout: RolloutId, step: u16, change: impl FnOnce(&mut StepRun)) {
    change(&mut state.rollouts.one_mut(rollout).steps[usize::from(step)]);
}

fn started(state: &mut State, mut rollout: Rollout, at: Timestamp) {
    count_limits(state, &rollout.pipeline);
    let id = rollout.id;
    for (number, step) in rollout.steps.iter_mut().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        match rollout.scope {
            Scope::Step { step: only } if only != number => {
                step.state = StepState::Ended(StepEnd::NotAsked);
                step.ended_at = Some(at);
            }
            Scope::Step { .. } | Scope::Pipeline | Scope::Request { .. } => {
                state.rollouts.watched.insert(StepKey { rollout: id, step: number });
            }
        }
    }
    let key = (rollout.pipeline.name.clone(), rollout.build);
    state.rollouts.by_build.entry(key).or_default().push(id);
    state.rollouts.active.insert(id);
    state.rollouts.all.push(rollout);
    refresh_gates(state);
}

/// From now on everything that the pipeline limits is counted.
fn count_limits(state: &mut State, pipeline: &Pipeline) {
    let bags = pipeline.steps.iter().flat_map(|step| &step.phases).flat_map(|phase| &phase.bags);
    let steps = pipeline.steps.iter().flat_map(|step| &step.limits);
    for limit in pipeline.limits.iter().chain(steps).chain(bags.flat_map(|bag| &bag.limits)) {
        state.gauges.ensure(&state.fleet, limit);
    }
}

/// Works out again what the gates of reached steps wait for. Called whenever a step opens or ends anywhere: seldom.
fn refresh_gates(state: &mut State) {
    let reached: Vec<StepKey> = state.rollouts.watched.iter().copied().collect();
    for key in reached {
        let rollout = state.rollouts.one(key.rollout);
        if rollout.step(key.step).state != StepState::Reached {
            continue;
        }
        let news: Vec<(Option<Timestamp>, bool)> =
            rollout.rule(key.step).gates.iter().map(|gate| gate_news(state, rollout, gate)).collect();
        let gates = &mut state.rollouts.one_mut(key.rollout).steps[usize::from(key.step)].gates;
        for (gate, (opens_at, met)) in gates.iter_mut().zip(news) {
            gate.opens_at = opens_at;
            gate.met = met;
        }
    }
}

/// When a soak is over, and whether another pipeline has succeeded.
fn gate_news(state: &State, rollout: &Rollout, gate: &Gate) -> (Option<Timestamp>, bool) {
    match gate {
        Gate::Approval { .. } => (None, false),
        Gate::Succeeded { pipeline } => (None, has_succeeded(state, pipeline, rollout.build)),
        Gate::Soak { pipeline, step, from, length } => {
            let newest = |name| soaked_since(state, name, rollout.build, step, *from);
            let since = match pipeline {
                // A rollout of one step looks for the others where they ran.
                None if is_not_asked(rollout, step) => newest(&rollout.pipeline.name),
                None => soaked(rollout, step, *from),
                Some(name) => newest(name),
            };
            (since.map(|since| since + *length), false)
        }
    }
}

/// Whether the newest rollout of a pipeline with a build has succeeded.
pub(crate) fn has_succeeded(state: &State, pipeline: &PipelineName, build: BuildNumber) -> bool {
    let newest = state.rollouts.of(pipeline, build).rev().find(|r| r.scope == Scope::Pipeline);
    newest.is_some_and(|r| matches!(r.mode, Mode::Ended { end: RolloutEnd::Succeeded, .. }))
}

/// Since when a build soaks in a step. One that was run again counts from the newest run, whatever became of that: a
/// build that soaked well and then failed has not soaked.
pub(crate) fn soaked_since(
    state: &State,
    pipeline: &PipelineName,
    build: BuildNumber,
    step: &StepName,
    from: SoakFrom,
) -> Option<Timestamp> {
    let mut runs = state.rollouts.of(pipeline, build).rev();
    soaked(runs.find(|other| has_opened(other, step))?, step, from)
}

fn is_not_asked(rollout: &Rollout, step: &StepName) -> bool {
    let number = rollout.pipeline.steps.iter().position(|rule| rule.id == *step);
    number.is_some_and(|number| rollout.steps[number].state == StepState::Ended(StepEnd::NotAsked))
}

fn has_opened(rollout: &Rollout, step: &StepName) -> bool {
    let number = rollout.pipeline.steps.iter().position(|rule| rule.id == *step);
    number.is_some_and(|number| rollout.steps[number].opened_at.is_some())
}

/// Since when a step soaks in a rollout. One that is halted does not: somebody has yet to say that the build is good.
fn soaked(rollout: &Rollout, step: &StepName, from: SoakFrom) -> Option<Timestamp> {
    let number = rollout.pipeline.steps.iter().position(|rule| rule.id == *step)?;
    let run = &rollout.steps[number];
    match (from, &run.state) {
        (_, StepState::Ended(StepEnd::Aborted | StepEnd::NotAsked) | StepState::Halted(_)) => None,
        (SoakFrom::Start, _) => run.opened_at,
        (SoakFrom::End, StepState::Ended(StepEnd::Done)) => run.ended_at,
        (SoakFrom::End, _) => None,
    }
}

fn opened(state: &mut State, rollout: RolloutId, step: u16, specs: &[RunSpec], at: Timestamp) {
    let rule = state.rollouts.one(rollout).pipeline.clone();
    let rule = &rule.steps[usize::from(step)];
    if let Some(name) = &rule.exclusive {
        state.rollouts.exclusive.insert(name.clone(), StepKey { rollout, step });
    }
    let budgets: Vec<BudgetLine> = lines(&rule.budget)
        .into_iter()
        .map(|(environment, amount)| {
            let gauge = state.gauges.add_own(GaugeOf::Budget, 0, 0);
            BudgetLine { environment, amount, gauge, machines: 0, failed: 0, lost: 0, granted: 0 }
        })
        .collect();
    with_step(state, rollout, step, |run| {
        run.state = StepState::Open;
        run.opened_at = Some(at);
        run.budgets = budgets;
        run.called = None;
    });
    add_runs(state, rollout, step, specs);
    refresh_gates(state);
}

fn add_runs(state: &mut State, rollout: RolloutId, step: u16, specs: &[RunSpec]) {
    let rollout = state.rollouts.one_mut(rollout);
    let pipeline = rollout.pipeline.clone();
    let phases = &pipeline.steps[usize::from(step)].phases;
    let run = &mut rollout.steps[usize::from(step)];
    run.runs.extend(specs.iter().map(|spec| Run {
        phase: spec.phase,
        value: spec.value.clone(),
        state: RunState::Waiting,
        bags: vec![BagRun::default(); phases[usize::from(spec.phase)].bags.len()],
        lanes: Vec::new(),
    }));
}

/// Takes machines into a bag, in the order in which they are to start.
fn scoped(state: &mut State, key: StepKey, run: u16, bag: u16, machines: &Runs, freed: &mut Vec<GaugeId>) {
    for machine in machines.iter() {
        let text = state.fleet.attr(machine, AttrId::ENVIRONMENT).map(|symbol| state.fleet.text(symbol));
        let rollout = state.rollouts.one(key.rollout);
        let budgets = &rollout.step(key.step).budgets;
        let line = budgets.iter().position(|line| line.environment.as_deref() == text && text.is_some());
        // The line for all other environments is the last.
        let line = line.unwrap_or(budgets.len().saturating_sub(1));
        let new = Job {
            machine,
            step: key.step,
            run,
            bag,
            budget: u16::try_from(line).unwrap_or(u16::MAX),
            lane: LaneId::NONE,
            role: state.fleet.attr(machine, AttrId::ROLE),
            serial: 0,
            state: JobState::Waiting,
        };
        let found = state.rollouts.one(key.rollout).jobs.find(machine).map(|(number, old)| (number, *old));
        if let Some((number, old)) = found {
            forget_gone(state, key.rollout, &old, freed);
            state.rollouts.one_mut(key.rollout).notes.remove(&number);
        }
        let rollout = state.rollouts.one_mut(key.rollout);
        let number = match found {
            Some((number, old)) => {
                rollout.jobs.put(number, Job { serial: old.serial, ..new });
                number
            }
            None => rollout.jobs.add(new),
        };
        let step = &mut rollout.steps[usize::from(key.step)];
        step.tally.add(Standing::Waiting);
        step.budgets[line].machines += 1;
        let bag = &mut step.runs[usize::from(run)].bags[usize::from(bag)];
        bag.tally.add(Standing::Waiting);
        bag.jobs.push(number);
    }
}

/// A machine that was gone and is taken anew is counted where it is taken, and nowhere else. What it had failed at is tried
/// again.
fn forget_gone(state: &mut State, rollout: RolloutId, old: &Job, freed: &mut Vec<GaugeId>) {
    let JobState::Gone(_) = old.state else { return };
    if state.rollouts.one(rollout).step(old.step).has_ended() {
        return;
    }
    if old.state.blame().is_some() {
        count_budget(state, rollout, old, Held::No, freed);
    }
    let step = &mut state.rollouts.one_mut(rollout).steps[usize::from(old.step)];
    step.tally.take(Standing::Gone);
    step.runs[usize::from(old.run)].bags[usize::from(old.bag)].tally.take(Standing::Gone);
    let line = &mut step.budgets[usize::from(old.budget)];
    line.machines -= 1;
    match old.state.blame() {
        Some(Blame::Failed) => line.failed -= 1,
        Some(Blame::Lost) => line.lost -= 1,
        None => {}
    }
}

/// Budgets in per cent follow the number of machines, and every budget follows what was granted.
fn size_budgets(state: &mut State, key: StepKey) {
    let step = state.rollouts.one(key.rollout).step(key.step);
    let sizes: Vec<(GaugeId, u32, u32)> =
        step.budgets.iter().map(|line| (line.gauge, line.machines, line.cap())).collect();
    for (id, machines, cap) in sizes {
        let gauge = state.gauges.gauge_mut(id);
        gauge.whole = machines;
        gauge.cap = cap;
        state.schedule.wake_all(&mut state.gauges, id);
    }
}

fn run_opened(state: &mut State, rollout: RolloutId, step: u16, run: u16) {
    let key = StepKey { rollout, step };
    with_step(state, rollout, step, |step| step.runs[usize::from(run)].state = RunState::Open);
    lanes::open(state, key, run);
    with_step(state, rollout, step, |step| step.live = false);
    refresh_live(state, rollout, step);
}

fn run_closed(state: &mut State, rollout: RolloutId, step: u16, run: u16) {
    lanes::close(state, StepKey { rollout, step }, run);
    with_step(state, rollout, step, |step| {
        step.runs[usize::from(run)].state = RunState::Closed;
        step.current = run + 1;
        step.live = false;
    });
}

fn resumed(state: &mut State, rollout: RolloutId, step: u16, grant: u32) {
    with_step(state, rollout, step, |run| {
        run.grants = run.grants.saturating_add(grant);
        run.budgets.iter_mut().for_each(|line| line.grant(grant));
        run.called = None;
        run.state = if run.opened_at.is_some() { StepState::Open } else { StepState::Reached };
    });
    let key = StepKey { rollout, step };
    let refused = state
        .rollouts
        .one(rollout)
        .step(step)
        .change
        .and_then(|change| state.changes.get(change))
        .is_some_and(|change| change.state.has_ended());
    if refused {
        // The refused change stays on record; the plan raises another.
        with_step(state, rollout, step, |run| run.change = None);
    }
    size_budgets(state, key);
    refresh_live(state, rollout, step);
    refresh_gates(state);
}

fn set_mode(state: &mut State, rollout: RolloutId, mode: Mode) {
    state.rollouts.one_mut(rollout).mode = mode;
    for step in 0..state.rollouts.one(rollout).steps.len() {
        refresh_live(state, rollout, u16::try_from(step).unwrap_or(u16::MAX));
    }
}

/// Whether machines of the step may be started, as far as rollout, step, window and change are concerned.
pub(crate) fn may_start(state: &State, rollout: &Rollout, step: u16) -> bool {
    let run = rollout.step(step);
    rollout.mode == Mode::Running
        && run.state == StepState::Open
        && run.scope == ScopeState::Complete
        && matches!(run.window, Window::Open { .. })
        && change_permits(state, rollout, step)
}

pub(crate) fn change_permits(state: &State, rollout: &Rollout, step: u16) -> bool {
    match rollout.rule(step).change {
        ChangeRule::None => true,
        ChangeRule::Record | ChangeRule::Approve { .. } => {
            let change = rollout.step(step).change.and_then(|change| state.changes.get(change));
            change.is_some_and(|change| change.state.permits())
        }
    }
}

fn refresh_live(state: &mut State, rollout: RolloutId, step: u16) {
    let run = state.rollouts.one(rollout).step(step);
    let wanted = run.open_run().is_some() && may_start(state, state.rollouts.one(rollout), step);
    if wanted != run.live {
        let live = if wanted { Live::Yes } else { Live::No };
        lanes::set_live(state, StepKey { rollout, step }, live);
    }
}

/// Calendars follow another clock from now on: what was known of windows is worth nothing.
pub(crate) fn clock_accepted(state: &mut State) {
    let watched: Vec<StepKey> = state.rollouts.watched.iter().copied().collect();
    for key in watched {
        with_step(state, key.rollout, key.step, |run| run.window = Window::Unknown);
        refresh_live(state, key.rollout, key.step);
    }
    super::settle(state, Vec::new());
}

/// A change of a step was drafted or moved.
pub(crate) fn change_moved(state: &mut State, rollout: RolloutId, step: u16, event: &ChangeEvent) {
    if let ChangeEvent::Drafted { change, subject: Subject::Step { .. }, .. } = event {
        with_step(state, rollout, step, |run| run.change = Some(*change));
    }
    if !state.rollouts.one(rollout).step(step).has_ended() {
        refresh_live(state, rollout, step);
        super::settle(state, Vec::new());
    }
}

pub(crate) fn ticket_drafted(state: &mut State, ticket: TicketId, kind: &TicketKind) {
    match kind {
        TicketKind::Epic { build } => {
            for rollout in state.rollouts.all.iter_mut().filter(|rollout| rollout.build == *build) {
                rollout.epic = Some(ticket);
            }
        }
        TicketKind::Step { rollout, step, .. } => {
            with_step(state, *rollout, *step, |run| run.ticket = Some(ticket));
        }
    }
}

fn step_ended(state: &mut State, rollout: RolloutId, step: u16, end: StepEnd, at: Timestamp) {
    let key = StepKey { rollout, step };
    for run in 0..state.rollouts.one(rollout).step(step).runs.len() {
        lanes::close(state, key, u16::try_from(run).unwrap_or(u16::MAX));
    }
    lanes::drop_bag_gauges(state, key);
    if end == StepEnd::Aborted {
        stop_waiting(state, key);
    }
    let budgets: Vec<GaugeId> =
        state.rollouts.one(rollout).step(step).budgets.iter().map(|b| b.gauge).collect();
    for gauge in budgets {
        state.gauges.drop_own(gauge);
    }
    with_step(state, rollout, step, |run| {
        run.state = StepState::Ended(end);
        run.ended_at = Some(at);
        run.live = false;
        run.called = None;
        run.again.clear();
    });
    state.rollouts.watched.remove(&key);
    state.rollouts.exclusive.retain(|_, holder| *holder != key);
    refresh_gates(state);
}

/// Machines that still waited when the rollout was aborted are left as they are.
fn stop_waiting(state: &mut State, key: StepKey) {
    let crate::state::Rollouts { all, aside, .. } = &mut state.rollouts;
    let rollout = &mut all[key.rollout.index() - 1];
    let step = &mut rollout.steps[usize::from(key.step)];
    for number in (0u32..).take(rollout.jobs.len()) {
        let job = *rollout.jobs.at(number);
        if job.step != key.step || job.state.standing() != Standing::Waiting {
            continue;
        }
        if job.state == JobState::Aside
            && let Some(jobs) = aside.get_mut(&job.machine)
        {
            jobs.retain(|waiting| *waiting != (key.rollout, number));
        }
        rollout.jobs.put(number, Job { state: JobState::Done(How::Stopped), ..job });
        step.tally.shift(Standing::Waiting, Standing::Skipped);
        let bag = &mut step.runs[usize::from(job.run)].bags[usize::from(job.bag)];
        bag.tally.shift(Standing::Waiting, Standing::Skipped);
    }
    aside.retain(|_, jobs| !jobs.is_empty());
}

fn ended(state: &mut State, rollout: RolloutId, end: RolloutEnd, at: Timestamp) {
    state.rollouts.one_mut(rollout).mode = Mode::Ended { end, at };
    state.rollouts.active.remove(&rollout);
    state.rollouts.watched.retain(|key| key.rollout != rollout);
    refresh_gates(state);
}

/// Counts a job on, or off, the gauge of its budget line.
pub(super) fn count_budget(
    state: &mut State,
    rollout: RolloutId,
    job: &Job,
    held: Held,
    freed: &mut Vec<GaugeId>,
) {
    let step = state.rollouts.one(rollout).step(job.step);
    if !step.has_ended() {
        let gauge = step.budgets[usize::from(job.budget)].gauge;
        state.gauges.count_own(gauge, held, freed);
    }
}
