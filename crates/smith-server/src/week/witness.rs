//! The journal as a switch of a channel sees it while it moves: what is recorded now, and what is to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::build::BuildState;
use smith_domain::change::ChangeState;
use smith_domain::cycle::{CycleState, Link, LinkState};
use smith_domain::decide::Command;
use smith_domain::id::BuildNumber;
use smith_domain::pipeline::ChangeRule;
use smith_domain::state::State;
use tokio::runtime::Handle;

use super::job::{Job, Region};
use crate::core::{Core, Refused};

/// Raised once the server ends. Whoever works for long looks at it and leaves what the next server finds again.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

/// How often somebody who waits looks whether the server ends.
const LOOK: Duration = Duration::from_millis(50);

impl Ending {
    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits; answers whether the server goes on.
    pub(super) fn rest(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while !self.is_raised() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }
}

/// What is recorded about a region at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) points_to: Option<BuildNumber>,
    /// Why the channel may not move there any more.
    pub(super) against: Option<String>,
}

/// Why something was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unrecorded {
    /// It is not allowed, or not any more.
    Rejected(String),
    /// Nothing can be recorded at the moment.
    NotNow(String),
    /// The server ends.
    Ending,
}

pub(super) type Look<'a> = &'a dyn Fn(&Region) -> Seen;
pub(super) type Record<'a> = &'a dyn Fn(Command) -> Result<(), Unrecorded>;

#[derive(Clone, Copy)]
pub(super) struct Witness<'a> {
    pub(super) look: Look<'a>,
    pub(super) record: Record<'a>,
    pub(super) ending: &'a Ending,
}

impl Seen {
    pub(super) fn of(state: &State, job: &Job, region: &Region) -> Self {
        let points_to = state.builds.in_channel(&job.plan.channel, &region.name);
        Self { points_to, against: against(state, job, region) }
    }
}

fn against(state: &State, job: &Job, region: &Region) -> Option<String> {
    let Some(cycle) = state.cycles.get(job.cycle) else {
        return Some(format!("expected cycle {}, found none", job.cycle));
    };
    match &cycle.state {
        CycleState::Running => {}
        CycleState::Ended { .. } => return Some(format!("cycle {} has ended", cycle.id)),
        CycleState::Stopped { reason, .. } => {
            return Some(format!("cycle {} was stopped: {reason}", cycle.id));
        }
    }
    let link = cycle.link(Link::Channel);
    if !matches!(link, LinkState::Begun { .. }) {
        return Some(format!("{} is {}, expected it to be under way", Link::Channel, link.word()));
    }
    let build = job.made.and_then(|build| state.builds.get(build));
    match build.map(|build| &build.state) {
        Some(BuildState::Verified) => {}
        Some(BuildState::Withdrawn { reason }) => {
            return Some(format!("the build was withdrawn: {reason}"));
        }
        None => return Some("expected a verified build, found one that is not known".to_owned()),
    }
    match &region.change {
        None if job.plan.rule == ChangeRule::None => None,
        None => Some(format!("expected a change for region {}, found none", region.name)),
        Some(change) => match state.changes.find(&change.number).map(|found| &found.state) {
            Some(ChangeState::Begun) => None,
            Some(other) => {
                Some(format!("{} is {}, expected it to be in progress", change.number, other.word()))
            }
            None => Some(format!("expected the change {}, found none", change.number)),
        },
    }
}

/// Tells the journal from a thread that waits for the answer.
pub(super) fn recorder(
    core: Core,
    runtime: Handle,
    by: &str,
) -> impl Fn(Command) -> Result<(), Unrecorded> + use<> {
    let smith = Actor::smith();
    let actor = if by == smith.name { smith } else { Actor::person(by) };
    move |command| match runtime.block_on(core.submit(actor.clone(), command)) {
        Ok(_) => Ok(()),
        Err(Refused::Rejected(why)) => Err(Unrecorded::Rejected(why.to_string())),
        Err(Refused::NotRecording { why }) => Err(Unrecorded::NotNow(why)),
        Err(Refused::Ending) => Err(Unrecorded::Ending),
    }
}
