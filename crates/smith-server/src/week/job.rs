//! One link to be done, with everything that the state says of it.

use smith_domain::change::{self, Subject};
use smith_domain::cycle::{Link, WeekPlan};
use smith_domain::errand::ErrandId;
use smith_domain::id::{BuildNumber, CycleId};
use smith_domain::state::State;

use super::shop::Trouble;
use crate::driver::Mode;

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) errand: ErrandId,
    pub(super) cycle: CycleId,
    pub(super) link: Link,
    pub(super) mode: Mode,
    pub(super) plan: WeekPlan,
    /// On whose behalf it is done: whoever started the cycle.
    pub(super) by: String,
    pub(super) made: Option<BuildNumber>,
    /// The regions of the plan with what the channel names there.
    pub(super) regions: Vec<Region>,
}

#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) points_to: Option<BuildNumber>,
    /// The change under which the channel is switched there.
    pub(super) change: Option<Change>,
}

#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) number: String,
    pub(super) approved_by: Vec<String>,
}

impl Job {
    /// Nothing where the cycle is gone.
    pub(super) fn of(
        state: &State,
        errand: ErrandId,
        (id, link): (CycleId, Link),
        mode: Mode,
    ) -> Option<Self> {
        let cycle = state.cycles.get(id)?;
        let plan = cycle.plan.clone();
        let train = cycle.train.and_then(|train| state.changes.train(train));
        let changes = train.map_or(&[][..], |train| train.changes.as_slice());
        let changes: Vec<_> = changes.iter().filter_map(|change| state.changes.get(*change)).collect();
        let region = |name: &String| Region {
            name: name.clone(),
            points_to: state.builds.in_channel(&plan.channel, name),
            change: changes.iter().find(|change| is_for(change, name)).map(|change| Change {
                number: change.name(),
                approved_by: change.approvals.iter().map(|approval| approval.by.clone()).collect(),
            }),
        };
        let regions = plan.regions.iter().map(region).collect();
        let (made, by) = (cycle.build, cycle.by.clone());
        Some(Self { errand, cycle: id, link, mode, plan, by, made, regions })
    }

    pub(super) fn build(&self) -> Result<BuildNumber, Trouble> {
        let none = || Trouble::Refused(format!("expected cycle {} to have a build, found none", self.cycle));
        self.made.ok_or_else(none)
    }

    /// The build as stores call it.
    pub(super) fn held(&self) -> Result<smith_repo::name::BuildNumber, Trouble> {
        Ok(smith_repo::name::BuildNumber(self.build()?.0))
    }

    pub(super) fn is_look(&self) -> bool {
        self.mode == Mode::Seek
    }
}

fn is_for(change: &change::Change, region: &str) -> bool {
    match &change.subject {
        Subject::Train { region: of, .. } => of == region,
        Subject::Step { .. } => false,
    }
}

/// What is answered to a look for something that did not come to its end.
pub(super) fn interrupted(link: Link) -> Trouble {
    Trouble::Failed(format!("{link} was interrupted"))
}
