//! What people and executors may do with rollouts.

use crate::access::{Access, Digest};
use crate::actor::Actor;
use crate::decide::{BuildRejection, usable_build};
use crate::event::Event;
use crate::fleet::Selector;
use crate::id::{BuildNumber, MachineId, RolloutId, StepName};
use crate::pipeline::{Gate, Pipeline};
use crate::reason::{self, BadReason};
use crate::rollout::budget;
use crate::rollout::event::{Halt, RolloutEvent, Scope};
use crate::rollout::machine::Outcome;
use crate::rollout::runs::Runs;
use crate::rollout::selected::Matchers;
use crate::rollout::state::{JobState, Mode, Rollout, StepState, Turn};
use crate::state::State;
use crate::time::Span;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutCommand {
    Start {
        pipeline: Box<Pipeline>,
        build: BuildNumber,
        scope: Scope,
        reason: Option<String>,
    },
    ApproveGate {
        rollout: RolloutId,
        step: StepName,
        gate: String,
        reason: Option<String>,
    },
    Pause {
        rollout: RolloutId,
        reason: Option<String>,
    },
    /// Takes a pause back.
    Unpause {
        rollout: RolloutId,
        reason: Option<String>,
    },
    Abort {
        rollout: RolloutId,
        reason: Option<String>,
    },
    /// Lets a halted step go on, with so many more failures allowed.
    Resume {
        rollout: RolloutId,
        step: StepName,
        grant: u32,
        reason: Option<String>,
    },
    /// Failed and lost machines are tried again: those that the selector names, or all.
    Retry {
        rollout: RolloutId,
        machines: Option<Selector>,
        reason: Option<String>,
    },
    Skip {
        rollout: RolloutId,
        machines: Selector,
        reason: String,
    },
    /// Somebody vouches for machines that nobody has proven healthy.
    SignOff {
        machines: Selector,
        reason: String,
    },
    /// An executor answered.
    Report {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        outcome: Outcome,
        took: Span,
        note: Option<String>,
        /// Of the list of what was changed, which is on the disk already.
        packages: Option<Digest>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutRejection {
    #[error(transparent)]
    Build(#[from] BuildRejection),
    #[error("no rollout has the project id {rollout}, expected one from 1 to {last}")]
    Unknown { rollout: RolloutId, last: u32 },
    #[error("project {running} runs {pipeline} with build {build} already, expected it to have ended")]
    AlreadyRunning { running: RolloutId, pipeline: String, build: BuildNumber },
    #[error("the pipeline has no step {found}, expected one of {known}")]
    UnknownStep { found: String, known: String },
    #[error("step {step} has no approval named {found}, expected one of {known}")]
    UnknownGate { step: StepName, found: String, known: String },
    #[error("project {rollout} is {found}, expected it to be {expected}")]
    WrongMode { rollout: RolloutId, expected: &'static str, found: &'static str },
    #[error("step {step} is {found}, expected it to be {expected}")]
    WrongStep { step: StepName, expected: &'static str, found: &'static str },
    #[error("{told}, expected somebody else of {who}")]
    OwnRollout { told: String, who: String },
    #[error("{by} may not approve {gate}, expected one of {who}")]
    NotEntitled { by: String, gate: String, who: String },
    #[error("{by} has approved {gate} already, expected another of {who}")]
    ApprovedTwice { by: String, gate: String, who: String },
    #[error(
        "the step would halt again at once: {why}; retry, skip or sign off machines, or grant more failures"
    )]
    StillHalted { why: Halt },
    #[error(
        "no machine of project {rollout} that is named, and that its bag still selects, has failed or is lost in a step \
         that has not ended"
    )]
    NothingToRetry { rollout: RolloutId },
    #[error("no machine that is named can be skipped: {why}")]
    NothingToSkip { why: &'static str },
    #[error("no machine that is named is disturbed and at rest, expected one that failed or is lost")]
    NothingToSignOff,
    #[error(transparent)]
    Reason(#[from] BadReason),
}

/// An executor's words about a failure: the end of a log, not the whole. What an executor says must always fit into the
/// journal, or one machine could stop the driver.
const NOTE_MAX: usize = 4096;

/// The end of a note that is too long: errors stand last.
fn shortened(note: &str) -> String {
    let mut from = note.len().saturating_sub(NOTE_MAX);
    while !note.is_char_boundary(from) {
        from += 1;
    }
    note[from..].to_owned()
}

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    command: &RolloutCommand,
) -> Result<Vec<Event>, RolloutRejection> {
    reason::check_given(optional_reason(command))?;
    let events = match command {
        RolloutCommand::Start { pipeline, build, scope, reason } => {
            vec![start(state, actor, pipeline, (*build, scope), reason)?]
        }
        RolloutCommand::ApproveGate { rollout, step, gate, reason } => {
            vec![approve((find(state, *rollout)?, &state.access), actor, step, gate, reason)?]
        }
        RolloutCommand::Pause { rollout, reason } => {
            in_mode(find(state, *rollout)?, Mode::Running)?;
            vec![RolloutEvent::Paused { rollout: *rollout, reason: reason.clone() }]
        }
        RolloutCommand::Unpause { rollout, reason } => {
            in_mode(find(state, *rollout)?, Mode::Paused)?;
            vec![RolloutEvent::Unpaused { rollout: *rollout, reason: reason.clone() }]
        }
        RolloutCommand::Abort { rollout, reason } => vec![abort(find(state, *rollout)?, reason)?],
        RolloutCommand::Resume { rollout, step, grant, reason } => {
            vec![resume(state, find(state, *rollout)?, step, *grant, reason)?]
        }
        RolloutCommand::Retry { rollout, machines, reason } => {
            retry(state, find(state, *rollout)?, machines.as_ref(), reason)?
        }
        RolloutCommand::Skip { rollout, machines, reason } => {
            vec![skip(state, find(state, *rollout)?, machines, reason)?]
        }
        RolloutCommand::SignOff { machines, reason } => vec![sign_off(state, machines, reason)?],
        RolloutCommand::Report { rollout, machine, serial, outcome, took, note, packages } => {
            let rollout = find(state, *rollout)?;
            if !awaited(rollout, *machine, *serial, *outcome) {
                return Ok(Vec::new());
            }
            vec![RolloutEvent::Reported {
                rollout: rollout.id,
                machine: *machine,
                serial: *serial,
                outcome: *outcome,
                took: *took,
                note: note.as_deref().map(shortened),
                packages: packages.clone(),
            }]
        }
    };
    Ok(events.into_iter().map(Event::from).collect())
}

/// The reason of a command that may do without one.
fn optional_reason(command: &RolloutCommand) -> Option<&str> {
    match command {
        RolloutCommand::Start { reason, .. }
        | RolloutCommand::ApproveGate { reason, .. }
        | RolloutCommand::Pause { reason, .. }
        | RolloutCommand::Unpause { reason, .. }
        | RolloutCommand::Abort { reason, .. }
        | RolloutCommand::Resume { reason, .. }
        | RolloutCommand::Retry { reason, .. } => reason.as_deref(),
        RolloutCommand::Skip { .. } | RolloutCommand::SignOff { .. } | RolloutCommand::Report { .. } => None,
    }
}

fn find(state: &State, id: RolloutId) -> Result<&Rollout, RolloutRejection> {
    let last = state.rollouts.next_id().0.saturating_sub(1);
    state.rollouts.get(id).ok_or(RolloutRejection::Unknown { rollout: id, last })
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Running => "running",
        Mode::Paused => "paused",
        Mode::Aborting => "aborting",
        Mode::Ended { .. } => "ended",
    }
}

fn in_mode(rollout: &Rollout, expected: Mode) -> Result<(), RolloutRejection> {
    if rollout.mode == expected {
        return Ok(());
    }
    let (expected, found) = (mode_word(expected), mode_word(rollout.mode));
    Err(RolloutRejection::WrongMode { rollout: rollout.id, expected, found })
}

fn start(
    state: &State,
    actor: &Actor,
    pipeline: &Pipeline,
    (build, scope): (BuildNumber, &Scope),
    reason: &Option<String>,
) -> Result<RolloutEvent, RolloutRejection> {
    usable_build(state, build)?;
    let running = state.rollouts.of(&pipeline.name, build).find(|rollout| !rollout.has_ended());
    if let Some(running) = running {
        let (running, pipeline) = (running.id, pipeline.name.to_string());
        return Err(RolloutRejection::AlreadyRunning { running, pipeline, build });
    }
    if let Scope::Step { step } = scope
        && usize::from(*step) >= pipeline.steps.len()
    {
        return Err(unknown_step(pipeline, &step.to_string()));
    }
    Ok(RolloutEvent::Started {
        rollout: state.rollouts.next_id(),
        pipeline: Box::new(pipeline.clone()),
        build,
        by: actor.name.clone(),
        scope: scope.clone(),
        reason: reason.clone(),
    })
}

fn unknown_step(pipeline: &Pipeline, found: &str) -> RolloutRejection {
    let known: Vec<&str> = pipeline.steps.iter().map(|step| step.id.as_str()).collect();
    RolloutRejection::UnknownStep { found: found.to_owned(), known: known.join(", ") }
}

fn step_number(rollout: &Rollout, step: &StepName) -> Result<u16, RolloutRejection> {
    let number = rollout.pipeline.steps.iter().position(|rule| rule.id == *step);
    let number = number.ok_or_else(|| unknown_step(&rollout.pipeline, step.as_str()))?;
    Ok(u16::try_from(number).unwrap_or(u16::MAX))
}

fn step_word(state: &StepState) -> &'static str {
    match state {
        StepState::Waiting => "waiting for other steps",
        StepState::Reached => "waiting for its gates",
        StepState::Open => "open",
        StepState::Halted(_) => "halted",
        StepState::Ended(_) => "ended",
    }
}

fn approve(
    (rollout, access): (&Rollout, &Access),
    actor: &Actor,
    step: &StepName,
    gate: &str,
    reason: &Option<String>,
) -> Result<RolloutEvent, RolloutRejection> {
    let number = step_number(rollout, step)?;
    let run = rollout.step(number);
    if !matches!(run.state, StepState::Waiting | StepState::Reached) {
        let (step, found) = (step.clone(), step_word(&run.state));
        return Err(RolloutRejection::WrongStep { step, expected: "waiting for its gates", found });
    }
    let approvals: Vec<(u16, &String, &crate::pipeline::Who)> = (0..)
        .zip(&rollout.rule(number).gates)
        .filter_map(|(at, rule)| match rule {
            Gate::Approval { name, who, .. } => Some((at, name, who)),
            Gate::Soak { .. } | Gate::Succeeded { .. } => None,
        })
        .collect();
    let Some((at, _, who)) = approvals.iter().find(|(_, name, _)| *name == gate) else {
        let known: Vec<&str> = approvals.iter().map(|(_, name, _)| name.as_str()).collect();
        let known = if known.is_empty() { "none: it needs no approval".to_owned() } else { known.join(", ") };
        return Err(RolloutRejection::UnknownGate { step: step.clone(), found: gate.to_owned(), known });
    };
    let (by, gate) = (actor.name.clone(), gate.to_owned());
    if let Some(tie) = access.tie(&rollout.by, &by) {
        let told = tie.cannot_approve(&format!("started project {}", rollout.id));
        return Err(RolloutRejection::OwnRollout { told, who: who.to_string() });
    }
    if !who.includes(&actor.name, &actor.roles) {
        return Err(RolloutRejection::NotEntitled { by, gate, who: who.to_string() });
    }
    let mut approvals = run.gates[usize::from(*at)].approvals.iter();
    if let Some(tie) = approvals.find_map(|known| access.tie(known, &by)) {
        return Err(RolloutRejection::ApprovedTwice { by: tie.subject(), gate, who: who.to_string() });
    }
    Ok(RolloutEvent::GateApproved {
        rollout: rollout.id,
        step: number,
        gate: *at,
        by,
        reason: reason.clone(),
    })
}

fn abort(rollout: &Rollout, reason: &Option<String>) -> Result<RolloutEvent, RolloutRejection> {
    match rollout.mode {
        Mode::Running | Mode::Paused => {
            Ok(RolloutEvent::Aborted { rollout: rollout.id, reason: reason.clone() })
        }
        Mode::Aborting | Mode::Ended { .. } => Err(RolloutRejection::WrongMode {
            rollout: rollout.id,
            expected: "running or paused",
            found: mode_word(rollout.mode),
        }),
    }
}

fn resume(
    state: &State,
    rollout: &Rollout,
    step: &StepName,
    grant: u32,
    reason: &Option<String>,
) -> Result<RolloutEvent, RolloutRejection> {
    if rollout.has_ended() || rollout.mode == Mode::Aborting {
        let (expected, found) = ("running or paused", mode_word(rollout.mode));
        return Err(RolloutRejection::WrongMode { rollout: rollout.id, expected, found });
    }
    let number = step_number(rollout, step)?;
    let run = rollout.step(number);
    if !matches!(run.state, StepState::Halted(_)) {
        let (step, found) = (step.clone(), step_word(&run.state));
        return Err(RolloutRejection::WrongStep { step, expected: "halted", found });
    }
    let mut lines = run.budgets.clone();
    lines.iter_mut().for_each(|line| line.grant(grant));
    let grants = run.grants.saturating_add(grant);
    let left = matches!(run.state, StepState::Halted(Halt::NothingLeft { .. })) && grants == 0;
    let still = match (&run.state, usable_build(state, rollout.build)) {
        (_, Err(BuildRejection::Withdrawn { reason, .. })) => Some(Halt::BuildWithdrawn { reason }),
        (StepState::Halted(why), _) if left => Some(why.clone()),
        (_, _) => budget::verdict(&rollout.rule(number).budget, &lines, grants, run.proven),
    };
    match still {
        Some(why) => Err(RolloutRejection::StillHalted { why }),
        None => {
            Ok(RolloutEvent::Resumed { rollout: rollout.id, step: number, grant, reason: reason.clone() })
        }
    }
}

/// Failed and lost machines of steps that have not ended, step by step.
fn retry(
    state: &State,
    rollout: &Rollout,
    machines: Option<&Selector>,
    reason: &Option<String>,
) -> Result<Vec<RolloutEvent>, RolloutRejection> {
    if rollout.has_ended() || rollout.mode == Mode::Aborting {
        let (expected, found) = ("running or paused", mode_word(rollout.mode));
        return Err(RolloutRejection::WrongMode { rollout: rollout.id, expected, found });
    }
    let matcher = machines.map(|selector| selector.compile(&state.fleet));
    let mut events = Vec::new();
    // What its bag does not select any more is another's now, or nobody's.
    let mut selected = Matchers::default();
    for step in (0..).take(rollout.steps.len()) {
        if rollout.step(step).has_ended() {
            continue;
        }
        let wanted = rollout.jobs.iter().filter(|job| {
            job.step == step
                && matches!(job.state, JobState::Failed { .. } | JobState::Lost { .. })
                && matcher.as_ref().is_none_or(|matcher| matcher.matches(&state.fleet, job.machine))
                && selected.is_selected(state, rollout, job)
        });
        let machines: Runs = wanted.map(|job| job.machine).collect();
        if !machines.is_empty() {
            events.push(RolloutEvent::Retried {
                rollout: rollout.id,
                step,
                machines,
                reason: reason.clone(),
            });
        }
    }
    if events.is_empty() {
        return Err(RolloutRejection::NothingToRetry { rollout: rollout.id });
    }
    Ok(events)
}

fn skip(
    state: &State,
    rollout: &Rollout,
    machines: &Selector,
    reason: &str,
) -> Result<RolloutEvent, RolloutRejection> {
    reason::check(reason)?;
    let matcher = machines.compile(&state.fleet);
    let named: Vec<_> =
        rollout.jobs.iter().filter(|job| matcher.matches(&state.fleet, job.machine)).collect();
    let can_skip = |state: &JobState| match state {
        JobState::Waiting
        | JobState::Aside
        | JobState::Again
        | JobState::Failed { .. }
        | JobState::Lost { .. } => true,
        JobState::Active(_) | JobState::Done(_) | JobState::Skipped | JobState::Gone(_) => false,
    };
    let open = named.iter().filter(|job| !rollout.step(job.step).has_ended() && can_skip(&job.state));
    let machines: Runs = open.map(|job| job.machine).collect();
    if machines.is_empty() {
        let at_work = named.iter().any(|job| matches!(job.state, JobState::Active(_)));
        let why = match (named.is_empty(), at_work) {
            (true, _) => "none is in the scope of an open step",
            (false, true) => "they are at work, wait for their end or abort",
            (false, false) => "they have ended already",
        };
        return Err(RolloutRejection::NothingToSkip { why });
    }
    Ok(RolloutEvent::Skipped { rollout: rollout.id, machines, reason: reason.to_owned() })
}

fn sign_off(state: &State, machines: &Selector, reason: &str) -> Result<RolloutEvent, RolloutRejection> {
    reason::check(reason)?;
    let matcher = machines.compile(&state.fleet);
    let at_rest =
        |machine: &MachineId| !state.gauges.grip(*machine).running && matcher.matches(&state.fleet, *machine);
    let machines: Runs = state.gauges.disturbed().filter(at_rest).collect();
    if machines.is_empty() {
        return Err(RolloutRejection::NothingToSignOff);
    }
    Ok(RolloutEvent::SignedOff { machines, reason: reason.to_owned() })
}

/// Whether somebody waits for this answer. One that comes twice or too late is not an error: it changes nothing.
fn awaited(rollout: &Rollout, machine: MachineId, serial: u16, outcome: Outcome) -> bool {
    let Some(job) = rollout.job_of(machine).filter(|job| job.serial == serial) else { return false };
    match job.state {
        JobState::Active(active) => matches!(active.turn, Turn::Asked { .. }),
        JobState::Lost { .. } => {
            outcome != Outcome::Lost && !rollout.step(job.step).has_ended() && rollout.mode != Mode::Aborting
        }
        JobState::Waiting
        | JobState::Aside
        | JobState::Again
        | JobState::Done(_)
        | JobState::Failed { .. }
        | JobState::Skipped
        | JobState::Gone(_) => false,
    }
}
