//! What a cycle waits for, and whose turn it is.

use std::fmt;

use crate::cycle::model::Link;
use crate::cycle::state::{Cycle, LinkRun, LinkState};
use crate::id::{PipelineName, RolloutId, StepName};
use crate::pipeline::{Gate, Who};
use crate::rollout::soaked_since;
use crate::state::State;
use crate::time::Timestamp;

/// Why a cycle has not ended. One that runs has at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Wait {
    /// Something is done outside.
    Outside {
        link: Link,
        since: Timestamp,
        trouble: Option<String>,
    },
    /// A rollout runs.
    Rollout {
        link: Link,
        rollout: RolloutId,
    },
    Soak {
        step: StepName,
        until: Option<Timestamp>,
    },
    Pipeline {
        pipeline: PipelineName,
    },
    Approval {
        name: String,
        missing: u32,
        who: Who,
    },
    Changes {
        numbers: Vec<String>,
        who: Option<Who>,
    },
    Failed {
        link: Link,
        reason: String,
        owner: Who,
    },
    /// It is seen to at once.
    Next,
}

impl Wait {
    /// The people whose turn it is, where it is somebody's.
    pub fn waits_for(&self) -> Option<&Who> {
        match self {
            Wait::Approval { who, .. } | Wait::Failed { owner: who, .. } => Some(who),
            Wait::Changes { who, .. } => who.as_ref(),
            Wait::Outside { .. }
            | Wait::Rollout { .. }
            | Wait::Soak { .. }
            | Wait::Pipeline { .. }
            | Wait::Next => None,
        }
    }
}

/// Everything that a cycle waits for at this moment.
pub fn waits(state: &State, cycle: &Cycle) -> Vec<Wait> {
    if cycle.has_ended() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (link, run) in &cycle.links {
        match &run.state {
            LinkState::Failed { reason, .. } => {
                let (link, reason, owner) = (*link, reason.clone(), cycle.plan.owner.clone());
                found.push(Wait::Failed { link, reason, owner });
            }
            LinkState::Begun { at } => found.extend(begun(state, cycle, *link, run, *at)),
            // The channel may wait for a change whose approval was revoked.
            LinkState::Waiting if *link == Link::Channel && cycle.link(Link::Trains).is_behind() => {
                found.extend(changes(state, cycle));
            }
            LinkState::Waiting | LinkState::Done { .. } | LinkState::Skipped { .. } => {}
        }
    }
    if found.is_empty() {
        found.push(Wait::Next);
    }
    found
}

fn begun(state: &State, cycle: &Cycle, link: Link, run: &LinkRun, since: Timestamp) -> Vec<Wait> {
    match link {
        Link::Gates => gates(state, cycle),
        Link::Trains => changes(state, cycle).into_iter().collect(),
        Link::Epic => Vec::new(),
        Link::Build
        | Link::Diff
        | Link::Check
        | Link::Sync
        | Link::Verify
        | Link::Channel
        | Link::Test
        | Link::Canary
        | Link::Region(_) => {
            if let Some(rollout) = cycle.rollout(state, link) {
                return vec![Wait::Rollout { link, rollout: rollout.id }];
            }
            let errand = run.errand.and_then(|errand| state.errands.get(errand));
            vec![Wait::Outside { link, since, trouble: errand.and_then(|errand| errand.trouble.clone()) }]
        }
    }
}

fn gates(state: &State, cycle: &Cycle) -> Vec<Wait> {
    let closed = cycle.plan.gates.iter().zip(&cycle.gates).filter(|(_, gate)| !gate.open);
    closed
        .map(|(rule, gate)| match rule {
            Gate::Approval { name, who, count } => {
                let given = u32::try_from(gate.approvals.len()).unwrap_or(u32::MAX);
                let missing = count.saturating_sub(given);
                Wait::Approval { name: name.clone(), missing, who: who.clone() }
            }
            Gate::Succeeded { pipeline } => Wait::Pipeline { pipeline: pipeline.clone() },
            Gate::Soak { pipeline, step, from, length } => {
                let pipeline = pipeline.as_ref().or(cycle.plan.test.as_ref()).zip(cycle.build);
                let since = pipeline.and_then(|(name, build)| soaked_since(state, name, build, step, *from));
                Wait::Soak { step: step.clone(), until: since.map(|since| since + *length) }
            }
        })
        .collect()
}

fn changes(state: &State, cycle: &Cycle) -> Option<Wait> {
    let all = super::form::changes(state, cycle);
    let waiting: Vec<_> = all.iter().filter(|change| !change.state.permits()).collect();
    let who = waiting.first()?.approvers().cloned();
    Some(Wait::Changes { numbers: waiting.iter().map(|change| change.name()).collect(), who })
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Outside { link, since, trouble } => {
                write!(f, "{link} is under way since {since}")?;
                trouble.as_ref().map_or(Ok(()), |trouble| write!(f, ", {trouble}"))
            }
            Wait::Rollout { link, rollout } => write!(f, "{link}: project {rollout} runs"),
            Wait::Soak { step, until: Some(until) } => write!(f, "the soak of {step} ends {until}"),
            Wait::Soak { step, until: None } => write!(f, "the soak of {step} has not begun"),
            Wait::Pipeline { pipeline } => write!(f, "{pipeline} has not succeeded"),
            Wait::Approval { name, missing, who } => {
                write!(f, "\"{name}\" waits for {missing} of {who} to approve it")
            }
            Wait::Changes { numbers, who: Some(who) } => {
                write!(f, "{} wait for approval by {who}", numbers.join(", "))
            }
            Wait::Changes { numbers, who: None } => write!(f, "{} are not raised yet", numbers.join(", ")),
            Wait::Failed { link, reason, owner } => {
                write!(f, "{link} failed: {reason}; {owner} may run it again, leave it out or stop the cycle")
            }
            Wait::Next => f.write_str("the next link begins at once"),
        }
    }
}
