//! Everything that is so at a moment: the fold of all events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::{Access, Digest, Token};
use crate::build::Builds;
use crate::change::Changes;
use crate::clock::SeenClock;
use crate::cycle::Cycles;
use crate::errand::Errands;
use crate::fleet::Fleet;
use crate::id::{BuildNumber, MachineId, PipelineName, RolloutId};
use crate::notice::Notices;
use crate::rollout::{Gauges, Learned, Rollout, Schedule, StepKey};
use crate::ticket::Tickets;
use crate::time::{Now, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    pub fleet: Fleet,
    pub builds: Builds,
    pub gauges: Gauges,
    pub schedule: Schedule,
    pub rollouts: Rollouts,
    pub changes: Changes,
    pub tickets: Tickets,
    pub errands: Errands,
    pub access: Access,
    pub notices: Notices,
    pub cycles: Cycles,
    pub learned: Learned,
    /// The steady time of the newest event.
    pub at: Timestamp,
    /// Which driver in a row is at work; machines refuse an older one than they have seen.
    pub tenure: u64,
    /// What is added to the steady time to get the time of calendars, in milliseconds.
    pub clock_offset: i64,
    pub seen_clock: SeenClock,
}

impl State {
    /// What calendars say at the most: the later one of the two clocks. Whatever ends by the calendar ends as soon as one of
    /// them says so.
    pub fn clock(&self, now: Now) -> Timestamp {
        now.wall.max(Timestamp(now.steady.0.saturating_add(self.clock_offset)))
    }

    /// The token whose secret has this digest, if it holds.
    pub fn token(&self, digest: &Digest, now: Now) -> Option<&Token> {
        self.access.find(digest).filter(|token| token.is_valid(self.clock(now)))
    }
}

/// All rollouts, and what the plan looks at first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rollouts {
    pub(crate) all: Vec<Rollout>,
    /// Steps that have not ended, of rollouts that have not ended.
    pub(crate) watched: BTreeSet<StepKey>,
    /// Rollouts that have not ended.
    pub(crate) active: BTreeSet<RolloutId>,
    /// When a job's next action is to be asked, or its answer looked for.
    pub(crate) due: BTreeSet<(Timestamp, RolloutId, MachineId)>,
    /// Jobs whose next action is to be asked at once. Nearly every answer leads here, and what is asked leaves again in
    /// the next plan, so it is kept out of the long list.
    pub(crate) due_now: BTreeSet<(RolloutId, MachineId)>,
    /// Jobs that wait for a machine which is at work in another rollout.
    pub(crate) aside: BTreeMap<MachineId, Vec<(RolloutId, u32)>>,
    /// Which step holds which exclusive name.
    pub(crate) exclusive: BTreeMap<String, StepKey>,
    pub(crate) by_build: BTreeMap<(PipelineName, BuildNumber), Vec<RolloutId>>,
}

impl Rollouts {
    pub fn get(&self, id: RolloutId) -> Option<&Rollout> {
        self.all.get((id.0 as usize).checked_sub(1)?)
    }

    /// A rollout that an accepted event names.
    pub(crate) fn one(&self, id: RolloutId) -> &Rollout {
        &self.all[id.index() - 1]
    }

    pub(crate) fn one_mut(&mut self, id: RolloutId) -> &mut Rollout {
        &mut self.all[id.index() - 1]
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Rollout> + '_ {
        self.all.iter()
    }

    pub fn active(&self) -> impl Iterator<Item = &Rollout> + '_ {
        self.active.iter().map(|id| self.one(*id))
    }

    /// The number that the next rollout gets. People know it as the project id; it starts at one.
    pub fn next_id(&self) -> RolloutId {
        RolloutId(u32::try_from(self.all.len() + 1).unwrap_or(u32::MAX))
    }

    /// Rollouts of a pipeline with a build, the oldest first.
    pub fn of(
        &self,
        pipeline: &PipelineName,
        build: BuildNumber,
    ) -> impl DoubleEndedIterator<Item = &Rollout> + '_ {
        let ids = self.by_build.get(&(pipeline.clone(), build)).map_or(&[][..], Vec::as_slice);
        ids.iter().map(|id| self.one(*id))
    }

    /// The pipelines that were rolled out with a build.
    pub fn pipelines_of(&self, build: BuildNumber) -> impl Iterator<Item = &PipelineName> + '_ {
        self.by_build.keys().filter(move |(_, of)| *of == build).map(|(name, _)| name)
    }

    /// The step that holds an exclusive name.
    pub fn holder(&self, name: &str) -> Option<StepKey> {
        self.exclusive.get(name).copied()
    }

    pub(crate) fn add_due(&mut self, at: Timestamp, rollout: RolloutId, machine: MachineId) {
        self.due.insert((at, rollout, machine));
    }

    pub(crate) fn forget_due(&mut self, at: Timestamp, rollout: RolloutId, machine: MachineId) {
        if !self.due_now.remove(&(rollout, machine)) {
            self.due.remove(&(at, rollout, machine));
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _, _)| *at)
    }
}
