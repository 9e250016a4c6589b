//! Finds the reasons.

use crate::change::ChangeState;
use crate::errand::ErrandKind;
use crate::id::{MachineId, RolloutId};
use crate::pipeline::{ChangeRule, Gate, Revisit};
use crate::rollout::{
    Bound, GaugeOf, How, Job, JobState, LaneId, Mode, Rollout, RunState, StepEnd, StepKey, StepState, Turn,
    Window,
};
use crate::state::State;
use crate::why::{Ended, FullOf, Reason, Why};

/// Machines that are named as holding up another.
const NAMED_MAX: usize = 5;

/// Why a machine is where it is: in the newest rollout that has something to say about it.
pub fn machine(state: &State, machine: MachineId) -> Why {
    let mut found: Option<Why> = None;
    for rollout in state.rollouts.iter().rev() {
        let job = rollout.job_of(machine);
        if let Some(job) = job.filter(|job| !job.state.has_ended()) {
            return Why { rollout: Some(rollout.id), reasons: of_job(state, rollout, job) };
        }
        // Reading selectors costs more than looking a job up, so it is done only until something is found.
        found = found.or_else(|| in_rollout(state, rollout, machine));
    }
    found.unwrap_or_else(|| Why { rollout: None, reasons: vec![Reason::NotInScope] })
}

/// Why a machine is where it is in one rollout.
pub fn machine_in(state: &State, rollout: RolloutId, machine: MachineId) -> Why {
    let found = state.rollouts.get(rollout).and_then(|one| in_rollout(state, one, machine));
    found.unwrap_or_else(|| Why { rollout: Some(rollout), reasons: vec![Reason::NotInScope] })
}

/// What became of a machine in the step of its job, or why that has not ended: whatever later steps want of the machine.
pub fn job(state: &State, rollout: &Rollout, job: &Job) -> Why {
    Why { rollout: Some(rollout.id), reasons: of_job(state, rollout, job) }
}

fn in_rollout(state: &State, rollout: &Rollout, machine: MachineId) -> Option<Why> {
    let job = rollout.job_of(machine);
    let reasons = match job.filter(|job| !job.state.has_ended()) {
        Some(job) => of_job(state, rollout, job),
        None => match to_come(state, rollout, machine) {
            Some(number) => step(state, rollout, number),
            None => of_job(state, rollout, job?),
        },
    };
    Some(Why { rollout: Some(rollout.id), reasons })
}

/// The first step that is to come and one of whose bags selects the machine. Machines are taken when a step opens; until
/// then what holds the step holds the machine.
fn to_come(state: &State, rollout: &Rollout, machine: MachineId) -> Option<u16> {
    if rollout.has_ended() || !state.fleet.is_present(machine) {
        return None;
    }
    let dealt_with = rollout.job_of(machine).is_some_and(|job| !matches!(job.state, JobState::Gone(_)));
    (0..).zip(&rollout.steps).find_map(|(number, run)| {
        if !matches!(run.state, StepState::Waiting | StepState::Reached) {
            return None;
        }
        let mut bags = rollout.rule(number).phases.iter().flat_map(|phase| &phase.bags);
        let selects = bags.any(|bag| {
            let skips = dealt_with && bag.revisit == Revisit::Skip;
            !skips && bag.select.compile(&state.fleet).matches(&state.fleet, machine)
        });
        selects.then_some(number)
    })
}

/// Why a rollout has not ended: the reasons of its open steps.
pub fn rollout(state: &State, id: RolloutId) -> Vec<Reason> {
    let Some(rollout) = state.rollouts.get(id) else { return Vec::new() };
    let mut reasons = Vec::new();
    for number in (0..).take(rollout.steps.len()) {
        let open = !matches!(rollout.step(number).state, StepState::Ended(_) | StepState::Waiting);
        if open {
            for reason in step(state, rollout, number) {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
    }
    reasons
}

/// Why a step has not ended.
pub fn step(state: &State, rollout: &Rollout, number: u16) -> Vec<Reason> {
    let run = rollout.step(number);
    let mut reasons = Vec::new();
    match rollout.mode {
        Mode::Ended { .. } => return reasons,
        Mode::Paused => reasons.push(Reason::Paused),
        Mode::Aborting => reasons.push(Reason::Aborting),
        Mode::Running => {}
    }
    match &run.state {
        StepState::Ended(_) => return Vec::new(),
        StepState::Waiting => {
            let missing = rollout.rule(number).after.iter().filter(|before| {
                !matches!(rollout.step(**before).state, StepState::Ended(StepEnd::Done | StepEnd::NotAsked))
            });
            let steps = missing.map(|before| rollout.rule(*before).id.clone()).collect();
            reasons.push(Reason::After { steps });
        }
        StepState::Reached => {
            reasons.extend(gates(rollout, number));
            reasons.extend(change(state, rollout, number));
            reasons.extend(exclusive(state, rollout, number));
        }
        StepState::Halted(why) => {
            reasons.push(Reason::Halted { why: why.clone(), owner: rollout.pipeline.owner.clone() });
        }
        StepState::Open => {
            reasons.extend(change(state, rollout, number));
            if let Window::Closed { opens, why } = &run.window {
                let opens = opens.map(|at| state.calendar_time(at));
                reasons.push(Reason::Window { opens, why: why.clone() });
                reasons.extend(state.clock_difference().map(Reason::Clock));
            }
            reasons.extend(fullest(state, rollout, number));
        }
    }
    if run.tally.running > 0 {
        reasons.push(Reason::Running { machines: run.tally.running });
    }
    if reasons.is_empty() {
        reasons.push(Reason::Next);
    }
    reasons
}

fn gates(rollout: &Rollout, number: u16) -> Vec<Reason> {
    let run = rollout.step(number);
    let closed = rollout.rule(number).gates.iter().zip(&run.gates).filter(|(_, gate)| !gate.open);
    closed
        .map(|(rule, gate)| match rule {
            Gate::Soak { pipeline, step, from, .. } => match gate.opens_at {
                Some(until) => Reason::Soak { step: step.clone(), from: *from, until },
                None => Reason::SoakNotBegun { pipeline: pipeline.clone(), step: step.clone(), from: *from },
            },
            Gate::Approval { name, who, count } => {
                let given = u32::try_from(gate.approvals.len()).unwrap_or(u32::MAX);
                Reason::Approval {
                    name: name.clone(),
                    missing: count.saturating_sub(given),
                    who: who.clone(),
                }
            }
            Gate::Succeeded { pipeline } => Reason::Pipeline { pipeline: pipeline.clone() },
        })
        .collect()
}

fn change(state: &State, rollout: &Rollout, number: u16) -> Option<Reason> {
    if rollout.rule(number).change == ChangeRule::None {
        return None;
    }
    let change = rollout.step(number).change.and_then(|id| state.changes.get(id));
    let Some(change) = change else { return Some(Reason::ChangeNotRaised { trouble: None }) };
    match &change.state {
        ChangeState::Drafted => {
            let errand = state.errands.open().find(|(_, e)| e.kind == ErrandKind::RaiseChange(change.id));
            Some(Reason::ChangeNotRaised { trouble: errand.and_then(|(_, errand)| errand.trouble.clone()) })
        }
        ChangeState::Raised => Some(Reason::ChangeNotApproved {
            number: change.name(),
            missing: change.approvals_missing(),
            who: change.approvers().cloned(),
        }),
        ChangeState::Revoked { by, reason } => {
            Some(Reason::ChangeRevoked { number: change.name(), by: by.clone(), reason: reason.clone() })
        }
        ChangeState::Approved
        | ChangeState::Begun
        | ChangeState::Refused { .. }
        | ChangeState::Closed { .. }
        | ChangeState::Cancelled { .. } => None,
    }
}

fn exclusive(state: &State, rollout: &Rollout, number: u16) -> Option<Reason> {
    let name = rollout.rule(number).exclusive.as_ref()?;
    let holder = state.rollouts.holder(name).filter(|holder| *holder != rollout.key(number))?;
    let step = state.rollouts.get(holder.rollout)?.rule(holder.step).id.clone();
    Some(Reason::Exclusive { name: name.clone(), rollout: holder.rollout, step })
}

/// The bound that holds up the most urgent lane of the open run.
fn fullest(state: &State, rollout: &Rollout, number: u16) -> Option<Reason> {
    let run = rollout.step(number).open_run()?;
    let waiting = run.lanes.iter().filter(|lane| state.schedule.lane(**lane).waiting() > 0);
    let (bound, _) = waiting
        .filter_map(|lane| {
            let bound = state.schedule.held_up(&state.gauges, *lane)?;
            Some((bound, state.schedule.lane(*lane).waiting()))
        })
        .max_by_key(|(_, waiting)| *waiting)?;
    Some(full(state, rollout.key(number), bound))
}

pub(crate) fn of_job(state: &State, rollout: &Rollout, job: &Job) -> Vec<Reason> {
    match job.state {
        JobState::Waiting | JobState::Again | JobState::Aside => waiting(state, rollout, job),
        JobState::Active(active) => vec![match active.turn {
            Turn::Due(at) => Reason::TryAgain { action: active.action, at },
            Turn::Asked { at, sought: 0, deadline } => {
                Reason::AtWork { action: active.action, since: at, deadline }
            }
            Turn::Asked { at, sought, .. } => Reason::Overdue { action: active.action, since: at, sought },
        }],
        JobState::Done(How::Rebooted) => {
            vec![Reason::Ended(Ended::Rebooted(rollout.bag(job).actions.patch))]
        }
        JobState::Done(how) => vec![Reason::Ended(Ended::Done(how))],
        JobState::Failed { action, cause } => {
            let note = note(rollout, job);
            vec![Reason::Ended(Ended::Failed { action, cause, note })]
        }
        JobState::Lost { action } => vec![Reason::Ended(Ended::Lost { action })],
        JobState::Skipped => vec![Reason::Ended(Ended::Skipped { note: note(rollout, job) })],
        JobState::Gone(left) => vec![Reason::Ended(Ended::Gone { left, note: note(rollout, job) })],
    }
}

/// What was said of the machine when it ended.
fn note(rollout: &Rollout, job: &Job) -> Option<String> {
    let (number, _) = rollout.jobs.find(job.machine)?;
    rollout.notes.get(&number).cloned()
}

/// Why a machine that waits does: its step first, then its phase, then its bounds.
fn waiting(state: &State, rollout: &Rollout, job: &Job) -> Vec<Reason> {
    let of_step = step(state, rollout, job.step);
    let holds =
        |reason: &Reason| !matches!(reason, Reason::Running { .. } | Reason::Full { .. } | Reason::Next);
    let mut reasons: Vec<Reason> = of_step.into_iter().filter(holds).collect();
    if !reasons.is_empty() {
        return reasons;
    }
    let step = rollout.step(job.step);
    if job.state == JobState::Aside || state.gauges.grip(job.machine).running {
        let at = state.rollouts.active().find(|other| {
            other.job_of(job.machine).is_some_and(|job| matches!(job.state, JobState::Active(_)))
        });
        return vec![at.map_or(Reason::Next, |other| Reason::Elsewhere { rollout: other.id })];
    }
    if job.state == JobState::Waiting && step.runs[usize::from(job.run)].state == RunState::Waiting {
        let title = |run: u16| {
            let run = &step.runs[usize::from(run)];
            let title = &rollout.rule(job.step).phases[usize::from(run.phase)].title;
            run.value.as_ref().map_or_else(|| title.clone(), |value| format!("{title} {value}"))
        };
        return vec![Reason::Phase { title: title(job.run), current: title(step.current) }];
    }
    let bounds: Vec<Bound> = if job.lane == LaneId::NONE || job.state != JobState::Waiting {
        crate::rollout::bounds_of(state, rollout.id, job)
    } else {
        state.schedule.lane(job.lane).bounds.to_vec()
    };
    let key = rollout.key(job.step);
    let own = state.gauges.grip(job.machine).disturbed;
    for bound in bounds.into_iter().filter(|bound| !state.gauges.has_room(*bound)) {
        // A machine that is disturbed itself is not held up by being counted as such.
        if !(own && state.gauges.counts_disturbed(bound.gauge)) {
            reasons.push(full(state, key, bound));
        }
    }
    if reasons.is_empty() {
        reasons.push(Reason::Next);
    }
    reasons
}

fn full(state: &State, key: StepKey, bound: Bound) -> Reason {
    let gauge = state.gauges.gauge(bound.gauge);
    let holds = |machine: &MachineId| state.gauges.stands_on(*machine, bound.gauge);
    let (of, by) = match &gauge.of {
        GaugeOf::Bag => (FullOf::Bag, Vec::new()),
        GaugeOf::Budget => {
            let rollout = state.rollouts.get(key.rollout);
            let budgets = rollout.map(|rollout| &rollout.step(key.step).budgets);
            let line = budgets.and_then(|lines| lines.iter().find(|line| line.gauge == bound.gauge));
            (FullOf::Budget { environment: line.and_then(|line| line.environment.clone()) }, Vec::new())
        }
        GaugeOf::Group { values, .. } => {
            let dimension = state.gauges.dimension_of(bound.gauge);
            let names = dimension.map(|key| key.per.as_slice()).unwrap_or_default();
            let text = |value: &Option<crate::fleet::Symbol>| {
                value.map_or_else(|| "(none)".to_owned(), |symbol| state.fleet.text(symbol).to_owned())
            };
            let per = names.iter().zip(values).map(|(name, value)| (name.to_string(), text(value))).collect();
            let within = dimension.and_then(|key| key.within.as_ref()).map(ToString::to_string);
            let counts = dimension.map_or(crate::pipeline::Counts::Disturbed, |key| key.counts);
            let by = state.gauges.disturbed().filter(holds).take(NAMED_MAX).collect();
            (FullOf::Limit { per, within, counts }, by)
        }
    };
    Reason::Full { gauge: bound.gauge, of, held: gauge.held, allowed: state.gauges.allowed(bound), by }
}
