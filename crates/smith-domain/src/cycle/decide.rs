//! What people and schedules may do with cycles.

use crate::access::Access;
use crate::actor::Actor;
use crate::change::ChangeRejection;
use crate::cycle::event::CycleEvent;
use crate::cycle::form;
use crate::cycle::model::{Link, WeekPlan};
use crate::cycle::state::{Cycle, LinkState};
use crate::decide::{BuildRejection, usable_build};
use crate::event::Event;
use crate::id::{BuildNumber, CycleId};
use crate::pipeline::{ChangeRule, Gate};
use crate::plain;
use crate::reason::{self, BadReason};
use crate::state::State;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CycleCommand {
    Start {
        plan: Box<WeekPlan>,
        /// When the schedule wanted it; a schedule starts a cycle once for each time.
        due: Option<Timestamp>,
        /// A build that was made already.
        build: Option<BuildNumber>,
        reason: Option<String>,
    },
    ApproveGate {
        cycle: CycleId,
        gate: String,
        reason: Option<String>,
    },
    Rerun {
        cycle: CycleId,
        link: Link,
        reason: Option<String>,
    },
    /// Goes on without it. What people must say yes to is never left out.
    Skip {
        cycle: CycleId,
        link: Link,
        reason: String,
    },
    /// Nothing more is begun for it; rollouts that run go on.
    Stop {
        cycle: CycleId,
        reason: String,
    },
    /// A schedule was due while nobody drove.
    Missed {
        schedule: String,
        due: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CycleRejection {
    #[error(transparent)]
    Build(#[from] BuildRejection),
    #[error(transparent)]
    Change(#[from] ChangeRejection),
    #[error(transparent)]
    Reason(#[from] BadReason),
    #[error("no cycle has the number {cycle}, expected one from 1 to {last}")]
    Unknown { cycle: CycleId, last: u32 },
    #[error("cycle {cycle} has ended, expected one that runs")]
    Ended { cycle: CycleId },
    #[error("cycle {running} is at work on channel {channel}, expected it to have ended")]
    AlreadyRunning { running: CycleId, channel: String },
    #[error("schedule {schedule} was dealt with for {due}, expected a later time than {last}")]
    DueKnown { schedule: String, due: Timestamp, last: Timestamp },
    #[error("the plan's {what} has {found} bytes, expected 1 to {max} in one line")]
    Text { what: &'static str, found: usize, max: usize },
    #[error("the plan has {found} {what}, expected {min} to {max}")]
    Count { what: &'static str, found: usize, min: usize, max: usize },
    #[error("{text:?} stands twice in the plan's {what}, expected each once")]
    Twice { what: &'static str, text: String },
    #[error("the plan's changes need approval or a record and it has no train, expected the form of one")]
    NoTrain,
    #[error("the soak after {step} names no pipeline and the plan has no test, expected one of them")]
    SoakOfNothing { step: String },
    #[error("cycle {cycle} has no link {link}, expected one of {known}")]
    NoSuchLink { cycle: CycleId, link: Link, known: String },
    #[error("{link} is {found}, expected {expected}")]
    WrongLink { link: Link, found: &'static str, expected: &'static str },
    #[error("{link} cannot be left out: {why}")]
    CannotSkip { link: Link, why: &'static str },
    #[error("cycle {cycle} has no approval named {found}, expected one of {known}")]
    UnknownGate { cycle: CycleId, found: String, known: String },
    #[error("{told}, expected somebody else of {who}")]
    OwnCycle { told: String, who: String },
    #[error("{by} may not approve {gate}, expected one of {who}")]
    NotEntitled { by: String, gate: String, who: String },
    #[error("{by} has approved {gate} already, expected another of {who}")]
    ApprovedTwice { by: String, gate: String, who: String },
}

/// Schedules, recipes, channels and regions are named in a word.
const WORD_MAX: usize = 100;
/// Regions of a channel: several times those of the largest cloud.
const REGIONS_MAX: usize = 256;
/// Gates before a channel, and pipelines side by side: more than anybody can look at.
const GATES_MAX: usize = 32;
const ROLLOUTS_MAX: usize = 64;

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    command: CycleCommand,
) -> Result<Vec<Event>, CycleRejection> {
    match command {
        CycleCommand::Start { plan, due, build, reason } => {
            reason::check_given(reason.as_deref())?;
            start(state, actor, plan, (due, build), reason)
        }
        CycleCommand::ApproveGate { cycle, gate, reason } => {
            reason::check_given(reason.as_deref())?;
            Ok(vec![approve((running(state, cycle)?, &state.access), actor, &gate, reason)?.into()])
        }
        CycleCommand::Rerun { cycle, link, reason } => {
            reason::check_given(reason.as_deref())?;
            rerun(running(state, cycle)?, link)?;
            Ok(vec![CycleEvent::LinkRerun { cycle, link, reason }.into()])
        }
        CycleCommand::Skip { cycle, link, reason } => {
            reason::check(&reason)?;
            skip(running(state, cycle)?, link)?;
            Ok(vec![CycleEvent::LinkSkipped { cycle, link, reason }.into()])
        }
        CycleCommand::Stop { cycle, reason } => {
            reason::check(&reason)?;
            let given_up = form::given_up(state, running(state, cycle)?, &format!("stopped: {reason}"));
            let mut events = vec![CycleEvent::Stopped { cycle, reason }.into()];
            events.extend(given_up.into_iter().map(Event::from));
            Ok(events)
        }
        CycleCommand::Missed { schedule, due } => {
            check_word("name", &schedule)?;
            // Whoever notices it twice has nothing new to say.
            let known = state.cycles.last_due(&schedule).is_some_and(|last| due <= last);
            Ok(if known { Vec::new() } else { vec![CycleEvent::Missed { schedule, due }.into()] })
        }
    }
}

fn running(state: &State, id: CycleId) -> Result<&Cycle, CycleRejection> {
    let last = state.cycles.next_id().0.saturating_sub(1);
    let cycle = state.cycles.get(id).ok_or(CycleRejection::Unknown { cycle: id, last })?;
    if cycle.has_ended() { Err(CycleRejection::Ended { cycle: id }) } else { Ok(cycle) }
}

fn start(
    state: &State,
    actor: &Actor,
    plan: Box<WeekPlan>,
    (due, build): (Option<Timestamp>, Option<BuildNumber>),
    reason: Option<String>,
) -> Result<Vec<Event>, CycleRejection> {
    plan.check()?;
    if let Some((due, last)) = due.zip(state.cycles.last_due(&plan.name)).filter(|(due, last)| due <= last) {
        return Err(CycleRejection::DueKnown { schedule: plan.name, due, last });
    }
    if let Some(running) = state.cycles.active().find(|cycle| cycle.plan.channel == plan.channel) {
        return Err(CycleRejection::AlreadyRunning { running: running.id, channel: plan.channel });
    }
    if let Some(build) = build {
        usable_build(state, build)?;
    }
    let (cycle, by) = (state.cycles.next_id(), actor.name.clone());
    Ok(vec![CycleEvent::Started { cycle, plan, by, due, build, reason }.into()])
}

impl WeekPlan {
    /// Whether a cycle can be started from it.
    pub fn check(&self) -> Result<(), CycleRejection> {
        check(self)
    }
}

fn check(plan: &WeekPlan) -> Result<(), CycleRejection> {
    let words = [("name", &plan.name), ("recipe", &plan.recipe), ("channel", &plan.channel)];
    words.into_iter().try_for_each(|(what, text)| check_word(what, text))?;
    check_count("regions", plan.regions.len(), 1, REGIONS_MAX)?;
    check_count("owners", plan.owner.0.len(), 1, GATES_MAX)?;
    check_count("gates", plan.gates.len(), 0, GATES_MAX)?;
    check_count("rollouts", plan.rollouts.len(), 0, ROLLOUTS_MAX)?;
    plan.regions.iter().chain(&plan.owner.0).try_for_each(|text| check_word("region or owner", text))?;
    check_once("regions", plan.regions.iter().map(String::as_str))?;
    let pipelines = plan.test.iter().chain(&plan.canary).chain(&plan.rollouts);
    check_once("pipelines", pipelines.map(crate::id::PipelineName::as_str))?;
    check_once("approvals", plan.gates.iter().filter_map(approval).map(|(name, _)| name))?;
    for gate in &plan.gates {
        match gate {
            Gate::Soak { pipeline: None, step, .. } if plan.test.is_none() => {
                return Err(CycleRejection::SoakOfNothing { step: step.to_string() });
            }
            Gate::Approval { name, .. } => check_word("approval", name)?,
            Gate::Soak { .. } | Gate::Succeeded { .. } => {}
        }
    }
    match &plan.train {
        None if plan.rule != ChangeRule::None => Err(CycleRejection::NoTrain),
        None => Ok(()),
        Some(form) => {
            let regions = plan.regions.clone();
            Ok(crate::change::TrainForm { environment: regions, ..(**form).clone() }.check()?)
        }
    }
}

fn check_word(what: &'static str, text: &str) -> Result<(), CycleRejection> {
    let found = text.len();
    if found == 0 || found > WORD_MAX || plain::hidden_in_line(text).is_some() {
        return Err(CycleRejection::Text { what, found, max: WORD_MAX });
    }
    Ok(())
}

fn check_count(what: &'static str, found: usize, min: usize, max: usize) -> Result<(), CycleRejection> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(CycleRejection::Count { what, found, min, max }) }
}

fn check_once<'a>(what: &'static str, texts: impl Iterator<Item = &'a str>) -> Result<(), CycleRejection> {
    let mut seen = std::collections::BTreeSet::new();
    for text in texts {
        if !seen.insert(text) {
            return Err(CycleRejection::Twice { what, text: text.to_owned() });
        }
    }
    Ok(())
}

fn approval(gate: &Gate) -> Option<(&str, &crate::pipeline::Who)> {
    match gate {
        Gate::Approval { name, who, .. } => Some((name, who)),
        Gate::Soak { .. } | Gate::Succeeded { .. } => None,
    }
}

fn approve(
    (cycle, access): (&Cycle, &Access),
    actor: &Actor,
    gate: &str,
    reason: Option<String>,
) -> Result<CycleEvent, CycleRejection> {
    let state = cycle.link(Link::Gates);
    // Before the test has succeeded there is nothing to say yes to.
    if !matches!(state, LinkState::Begun { .. }) {
        let (link, found, expected) = (Link::Gates, state.word(), "under way, after the test");
        return Err(CycleRejection::WrongLink { link, found, expected });
    }
    let mut approvals = (0..).zip(&cycle.plan.gates).filter_map(|(at, rule)| Some((at, approval(rule)?)));
    let Some((at, (_, who))) = approvals.find(|(_, (name, _))| *name == gate) else {
        let known: Vec<&str> = cycle.plan.gates.iter().filter_map(approval).map(|(name, _)| name).collect();
        let known = if known.is_empty() { "none: it needs no approval".to_owned() } else { known.join(", ") };
        return Err(CycleRejection::UnknownGate { cycle: cycle.id, found: gate.to_owned(), known });
    };
    let (by, gate, who_text) = (actor.name.clone(), gate.to_owned(), who.to_string());
    if let Some(tie) = access.tie(&cycle.by, &by) {
        let told = tie.cannot_approve(&format!("started cycle {}", cycle.id));
        return Err(CycleRejection::OwnCycle { told, who: who_text });
    }
    if !who.includes(&by, &actor.roles) {
        return Err(CycleRejection::NotEntitled { by, gate, who: who_text });
    }
    let mut approvals = cycle.gates.get(usize::from(at)).into_iter().flat_map(|run| &run.approvals);
    if let Some(tie) = approvals.find_map(|known| access.tie(known, &by)) {
        return Err(CycleRejection::ApprovedTwice { by: tie.subject(), gate, who: who_text });
    }
    Ok(CycleEvent::GateApproved { cycle: cycle.id, gate: at, by, reason })
}

fn known(cycle: &Cycle, link: Link) -> Result<&LinkState, CycleRejection> {
    if cycle.links.contains_key(&link) {
        return Ok(cycle.link(link));
    }
    let known: Vec<String> = cycle.links.keys().map(ToString::to_string).collect();
    Err(CycleRejection::NoSuchLink { cycle: cycle.id, link, known: known.join(", ") })
}

/// What failed or was left out may be run again, and so may what is done, where nothing that came of it is undone by that.
fn rerun(cycle: &Cycle, link: Link) -> Result<(), CycleRejection> {
    let state = known(cycle, link)?;
    let again = match link {
        Link::Diff
        | Link::Check
        | Link::Sync
        | Link::Verify
        | Link::Test
        | Link::Canary
        | Link::Region(_) => true,
        Link::Trains => {
            *cycle.link(Link::Channel) == LinkState::Waiting || is_failed(cycle.link(Link::Channel))
        }
        Link::Build | Link::Epic | Link::Gates | Link::Channel => false,
    };
    match state {
        LinkState::Failed { .. } | LinkState::Skipped { .. } => Ok(()),
        LinkState::Done { .. } if again => Ok(()),
        LinkState::Done { .. } | LinkState::Waiting | LinkState::Begun { .. } => {
            Err(CycleRejection::WrongLink { link, found: state.word(), expected: "failed or skipped" })
        }
    }
}

fn is_failed(state: &LinkState) -> bool {
    matches!(state, LinkState::Failed { .. })
}

fn skip(cycle: &Cycle, link: Link) -> Result<(), CycleRejection> {
    let state = known(cycle, link)?;
    let why = match link {
        Link::Build if cycle.build.is_none() => Some("nothing can be done without a build, stop the cycle"),
        Link::Gates | Link::Trains => Some("people approve it, or the cycle is stopped"),
        Link::Build
        | Link::Diff
        | Link::Check
        | Link::Sync
        | Link::Verify
        | Link::Epic
        | Link::Test
        | Link::Channel
        | Link::Canary
        | Link::Region(_) => None,
    };
    match (why, state) {
        (Some(why), _) => Err(CycleRejection::CannotSkip { link, why }),
        (None, LinkState::Done { .. } | LinkState::Skipped { .. }) => {
            Err(CycleRejection::WrongLink { link, found: state.word(), expected: "one that is not done" })
        }
        (None, LinkState::Waiting | LinkState::Begun { .. } | LinkState::Failed { .. }) => Ok(()),
    }
}
