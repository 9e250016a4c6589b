//! What one step wants next.

use crate::change::TaskMove;
use crate::decide::{BuildRejection, usable_build};
use crate::event::Event;
use crate::plan::Planner;
use crate::rollout::budget;
use crate::rollout::event::{Call, Halt, RolloutEvent, StepEnd};
use crate::rollout::evolve::may_start;
use crate::rollout::plan::start::Given;
use crate::rollout::plan::{desk, gate, start};
use crate::rollout::schedule::StepKey;
use crate::rollout::scope::{self, RunScope};
use crate::rollout::state::{Mode, RunState, StepState, Tally};

pub(super) fn plan(planner: &mut Planner<'_>, key: StepKey, given: &mut Given) {
    let rollout = planner.state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    match (rollout.mode, &step.state) {
        (Mode::Ended { .. }, _) | (_, StepState::Ended(_)) => {}
        (Mode::Aborting, StepState::Waiting | StepState::Reached) => end(planner, key, StepEnd::Aborted),
        (Mode::Aborting, StepState::Open | StepState::Halted(_)) => {
            if step.tally.running == 0 {
                end(planner, key, StepEnd::Aborted);
            }
        }
        (Mode::Running | Mode::Paused, StepState::Waiting) => waiting(planner, key),
        (Mode::Running | Mode::Paused, StepState::Reached) => reached(planner, key),
        (Mode::Running | Mode::Paused, StepState::Open) => open(planner, key, given),
        (Mode::Running | Mode::Paused, StepState::Halted(why)) => {
            if step.called.is_none() {
                let failed = desk::failed_words(planner.state, key);
                let text = format!("halted: {why}; {} is called{failed}", rollout.pipeline.owner);
                planner.push(RolloutEvent::Called {
                    rollout: key.rollout,
                    step: key.step,
                    why: Call::Halted,
                });
                desk::comment(planner, key, text);
            }
        }
    }
}

fn waiting(planner: &mut Planner<'_>, key: StepKey) {
    let rollout = planner.state.rollouts.one(key.rollout);
    let ready = rollout.rule(key.step).after.iter().all(|before| {
        matches!(rollout.step(*before).state, StepState::Ended(StepEnd::Done | StepEnd::NotAsked))
    });
    if ready {
        planner.push(RolloutEvent::StepReached { rollout: key.rollout, step: key.step });
    }
}

fn reached(planner: &mut Planner<'_>, key: StepKey) {
    let rollout = planner.state.rollouts.one(key.rollout);
    desk::prepare(planner, key);
    if let Some(why) = withdrawn(planner, key) {
        return halt(planner, key, why);
    }
    if let Some(reason) = desk::refusal(planner, key) {
        return halt(planner, key, Halt::ChangeRefused { reason });
    }
    let open = gate::all_open(planner, key);
    let free = match &rollout.rule(key.step).exclusive {
        None => true,
        Some(name) => {
            planner.state.rollouts.holder(name).is_none_or(|holder| holder == key) && !taken(planner, name)
        }
    };
    let first = !planner.opened.contains(&key.rollout);
    if open && free && first && rollout.mode == Mode::Running && change_permits(planner, key) {
        match scope::of_step(planner.state, rollout, key.step) {
            Err(why) => halt(planner, key, why),
            Ok(runs) => open_with(planner, key, &runs),
        }
    }
}

/// Whether a step that this very plan opens takes the exclusive name.
fn taken(planner: &Planner<'_>, name: &str) -> bool {
    planner.plan.events.iter().any(|event| {
        matches!(event, Event::Rollout(RolloutEvent::StepOpened { rollout, step, .. })
            if planner.state.rollouts.one(*rollout).rule(*step).exclusive.as_deref() == Some(name))
    })
}

/// A build that was withdrawn is put on no further machine.
fn withdrawn(planner: &Planner<'_>, key: StepKey) -> Option<Halt> {
    match usable_build(planner.state, planner.state.rollouts.one(key.rollout).build) {
        Err(BuildRejection::Withdrawn { reason, .. }) => Some(Halt::BuildWithdrawn { reason }),
        Ok(()) | Err(_) => None,
    }
}

fn change_permits(planner: &Planner<'_>, key: StepKey) -> bool {
    crate::rollout::evolve::change_permits(planner.state, planner.state.rollouts.one(key.rollout), key.step)
}

fn halt(planner: &mut Planner<'_>, key: StepKey, why: Halt) {
    planner.push(RolloutEvent::Halted { rollout: key.rollout, step: key.step, why });
}

fn open_with(planner: &mut Planner<'_>, key: StepKey, runs: &[RunScope]) {
    planner.opened.push(key.rollout);
    let rollout = planner.state.rollouts.one(key.rollout);
    let (id, step) = (key.rollout, key.step);
    let specs = runs.iter().map(|run| run.spec.clone()).collect();
    planner.push(RolloutEvent::StepOpened { rollout: id, step, runs: specs });
    for event in scope::events(rollout, step, 0, runs) {
        planner.push(event);
    }
    let cursor = planner.state.fleet.cursor();
    planner.push(RolloutEvent::ScopeComplete { rollout: id, step, cursor });
    desk::begin(planner, key);
}

fn open(planner: &mut Planner<'_>, key: StepKey, given: &mut Given) {
    let state = planner.state;
    let rollout = state.rollouts.one(key.rollout);
    let step = rollout.step(key.step);
    let window = gate::window(planner, key);
    if let Some(why) = withdrawn(planner, key) {
        return halt(planner, key, why);
    }
    if let Some(why) =
        budget::verdict(&rollout.rule(key.step).budget, &step.budgets, step.grants, step.proven)
    {
        return halt(planner, key, why);
    }
    match step.runs.get(usize::from(step.current)) {
        None if step.tally.all_ended() => sweep(planner, key),
        None => {}
        Some(run) if run.state == RunState::Waiting && rollout.mode == Mode::Running => {
            let (rollout, step, run) = (key.rollout, key.step, step.current);
            planner.push(RolloutEvent::RunOpened { rollout, step, run });
            desk::tasks(planner, key, run, TaskMove::Begin);
        }
        Some(run) if run.state == RunState::Open && run.bags.iter().all(|bag| bag.tally.all_ended()) => {
            let (rollout, step, run) = (key.rollout, key.step, step.current);
            planner.push(RolloutEvent::RunClosed { rollout, step, run });
            desk::tasks(planner, key, run, TaskMove::Complete);
        }
        Some(_) => {}
    }
    if window && may_start(state, rollout, key.step) {
        let before = planner.plan.events.len();
        start::machines(planner, key, given);
        if planner.plan.events.len() == before && step.live && step.called.is_none() {
            call(planner, key);
        }
    }
}

/// Nothing was started although something waits: if that cannot change by itself, a person is called.
fn call(planner: &mut Planner<'_>, key: StepKey) {
    if let Some(why) = start::held_up(planner.state, key) {
        let owner = &planner.state.rollouts.one(key.rollout).pipeline.owner;
        let text = format!("held up: every machine that waits is held up by failed ones; {owner} is called");
        planner.push(RolloutEvent::Called { rollout: key.rollout, step: key.step, why });
        desk::comment(planner, key, text);
    }
}

/// All machines have ended: those that have come meanwhile are taken in, or the step ends.
fn sweep(planner: &mut Planner<'_>, key: StepKey) {
    let rollout = planner.state.rollouts.one(key.rollout);
    if planner.opened.contains(&key.rollout) {
        return;
    }
    let runs = match scope::newcomers(planner.state, rollout, key.step) {
        Ok(runs) => runs,
        Err(why) => return halt(planner, key, why),
    };
    if runs.is_empty() {
        let step = rollout.step(key.step);
        let Tally { done, skipped, gone, .. } = step.tally;
        // Nobody has seen the build on any machine, so nothing that comes after may rely on it.
        return match gone > 0 && done + skipped == 0 && step.grants == 0 {
            true => halt(planner, key, Halt::NothingLeft { gone }),
            false => end(planner, key, StepEnd::Done),
        };
    }
    planner.opened.push(key.rollout);
    let (id, step) = (key.rollout, key.step);
    let first = u16::try_from(rollout.step(step).runs.len()).unwrap_or(u16::MAX);
    for runs in scope::specs(&runs) {
        planner.push(RolloutEvent::Swept { rollout: id, step, runs });
    }
    for event in scope::events(rollout, step, first, &runs) {
        planner.push(event);
    }
    let cursor = planner.state.fleet.cursor();
    planner.push(RolloutEvent::ScopeComplete { rollout: id, step, cursor });
}

fn end(planner: &mut Planner<'_>, key: StepKey, end: StepEnd) {
    planner.push(RolloutEvent::StepEnded { rollout: key.rollout, step: key.step, end });
    desk::close(planner, key, end);
}
