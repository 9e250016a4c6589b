//! Cycles as they are: which links are done, under way, failed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cycle::model::{Link, WeekPlan};
use crate::errand::ErrandId;
use crate::id::{BuildNumber, CycleId, RolloutId, TrainId};
use crate::rollout::{GateRun, Rollout, Scope};
use crate::state::State;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    pub id: CycleId,
    pub plan: WeekPlan,
    pub by: String,
    pub due: Option<Timestamp>,
    pub started_at: Timestamp,
    pub build: Option<BuildNumber>,
    pub links: BTreeMap<Link, LinkRun>,
    /// As the plan's gates, in their order.
    pub gates: Vec<GateRun>,
    pub train: Option<TrainId>,
    pub state: CycleState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CycleState {
    Running,
    Ended { at: Timestamp },
    Stopped { reason: String, at: Timestamp },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkRun {
    pub state: LinkState,
    /// Its errand, while that is open.
    pub(crate) errand: Option<ErrandId>,
    /// What the outside said, until the plan has taken it up.
    pub answer: Option<Answer>,
    /// The newest rollout there was when the link began: an older one is not what it waits for.
    pub(crate) before: Option<RolloutId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LinkState {
    #[default]
    Waiting,
    Begun {
        at: Timestamp,
    },
    Done {
        at: Timestamp,
        note: String,
    },
    Failed {
        at: Timestamp,
        reason: String,
    },
    Skipped {
        at: Timestamp,
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Done { note: String },
    Built { build: BuildNumber, note: String },
    Refused { reason: String },
}

/// All cycles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cycles {
    pub(super) all: Vec<Cycle>,
    /// Those that have not ended: one for each channel.
    pub(super) active: BTreeSet<CycleId>,
    pub(super) by_build: BTreeMap<BuildNumber, CycleId>,
    /// When each schedule was last started or missed.
    pub(super) last_due: BTreeMap<String, Timestamp>,
}

impl LinkState {
    /// What comes after it may begin.
    pub fn is_behind(&self) -> bool {
        matches!(self, LinkState::Done { .. } | LinkState::Skipped { .. })
    }

    pub fn word(&self) -> &'static str {
        match self {
            LinkState::Waiting => "waiting",
            LinkState::Begun { .. } => "under way",
            LinkState::Done { .. } => "done",
            LinkState::Failed { .. } => "failed",
            LinkState::Skipped { .. } => "skipped",
        }
    }
}

impl Cycle {
    /// The state of a link; one that the plan does not have waits for ever.
    pub fn link(&self, link: Link) -> &LinkState {
        const WAITING: &LinkState = &LinkState::Waiting;
        self.links.get(&link).map_or(WAITING, |run| &run.state)
    }

    /// The rollout that a link waits for or has waited for, once there is one.
    pub fn rollout<'a>(&self, state: &'a State, link: Link) -> Option<&'a Rollout> {
        let before = self.links.get(&link)?.before;
        self.newest(state, link).filter(|rollout| Some(rollout.id) > before)
    }

    /// The newest rollout of a link's whole pipeline with the cycle's build. One of a single step proves nothing of the others.
    pub(super) fn newest<'a>(&self, state: &'a State, link: Link) -> Option<&'a Rollout> {
        let (name, build) = self.plan.pipeline(link).zip(self.build)?;
        state.rollouts.of(name, build).rev().find(|rollout| rollout.scope == Scope::Pipeline)
    }

    pub fn has_ended(&self) -> bool {
        self.state != CycleState::Running
    }
}

impl Cycles {
    /// Cycles are numbered from one.
    pub fn get(&self, id: CycleId) -> Option<&Cycle> {
        self.all.get((id.0 as usize).checked_sub(1)?)
    }

    pub(super) fn get_mut(&mut self, id: CycleId) -> Option<&mut Cycle> {
        self.all.get_mut((id.0 as usize).checked_sub(1)?)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Cycle> + '_ {
        self.all.iter()
    }

    pub fn active(&self) -> impl Iterator<Item = &Cycle> + '_ {
        self.active.iter().filter_map(|id| self.get(*id))
    }

    pub fn next_id(&self) -> CycleId {
        CycleId(u32::try_from(self.all.len() + 1).unwrap_or(u32::MAX))
    }

    /// The newest cycle for a build.
    pub fn of_build(&self, build: BuildNumber) -> Option<&Cycle> {
        self.get(*self.by_build.get(&build)?)
    }

    /// When a schedule was last started or missed: what was due by then is dealt with.
    pub fn last_due(&self, schedule: &str) -> Option<Timestamp> {
        self.last_due.get(schedule).copied()
    }
}
