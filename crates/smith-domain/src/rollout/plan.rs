//! What rollouts want next: answers looked for, actions asked, steps opened and closed, machines started.

mod desk;
mod gate;
mod start;
mod step;

use crate::id::{MachineId, RolloutId};
use crate::plan::{Planner, WakeFor};
use crate::rollout::event::{RolloutEnd, RolloutEvent, StepEnd};
use crate::rollout::machine::Outcome;
use crate::rollout::schedule::StepKey;
use crate::rollout::state::{JobState, Mode, StepState, Turn};

/// How often an unanswered action is looked for before it counts as lost. With two minutes between two looks a
/// machine has time to finish a reboot that took longer than its timeout.
const SEEK_MAX: u8 = 3;

pub(crate) fn plan(planner: &mut Planner<'_>) {
    due_jobs(planner);
    let mut given = start::Given::default();
    let watched: Vec<StepKey> = planner.state.rollouts.watched.iter().copied().collect();
    for key in watched {
        if planner.is_full() {
            return;
        }
        step::plan(planner, key, &mut given);
    }
    ends(planner);
}

/// Actions whose time has come, and answers that are overdue.
fn due_jobs(planner: &mut Planner<'_>) {
    let state = planner.state;
    for (rollout, machine) in &state.rollouts.due_now {
        if planner.is_full() {
            return;
        }
        due_job(planner, *rollout, *machine);
    }
    for (at, rollout, machine) in &state.rollouts.due {
        if *at > planner.now.steady || planner.is_full() {
            planner.wake(*at, WakeFor::Machine);
            return;
        }
        due_job(planner, *rollout, *machine);
    }
}

fn due_job(planner: &mut Planner<'_>, rollout: RolloutId, machine: MachineId) {
    let Some(job) = planner.state.rollouts.one(rollout).job_of(machine) else { return };
    let JobState::Active(active) = job.state else { return };
    planner.push(match active.turn {
        Turn::Due(_) => {
            RolloutEvent::Asked { rollout, machine, serial: job.serial + 1, action: active.action }
        }
        Turn::Asked { sought, .. } if sought < SEEK_MAX => {
            RolloutEvent::Sought { rollout, machine, serial: job.serial, round: sought + 1 }
        }
        Turn::Asked { at: asked_at, .. } => RolloutEvent::Reported {
            rollout,
            machine,
            serial: job.serial,
            outcome: Outcome::Lost,
            took: planner.now.steady.since(asked_at),
            note: None,
            packages: None,
        },
    });
}

/// Rollouts none of whose steps is left.
fn ends(planner: &mut Planner<'_>) {
    for rollout in planner.state.rollouts.active() {
        let first = StepKey { rollout: rollout.id, step: 0 };
        let last = StepKey { rollout: rollout.id, step: u16::MAX };
        if planner.state.rollouts.watched.range(first..=last).next().is_some() {
            continue;
        }
        let aborted = rollout.steps.iter().any(|step| step.state == StepState::Ended(StepEnd::Aborted));
        let end = match rollout.mode {
            Mode::Aborting => RolloutEnd::Aborted,
            Mode::Running | Mode::Paused | Mode::Ended { .. } if aborted => RolloutEnd::Aborted,
            Mode::Running | Mode::Paused | Mode::Ended { .. } => RolloutEnd::Succeeded,
        };
        planner.push(RolloutEvent::Ended { rollout: rollout.id, end });
    }
}
