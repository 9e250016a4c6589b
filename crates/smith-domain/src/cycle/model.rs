//! What a cycle is to do, and the links of its chain.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::TrainForm;
use crate::id::PipelineName;
use crate::pipeline::{ChangeRule, Gate, Who};
use crate::time::Span;

/// A week as its schedule describes it. A cycle keeps the plan that it was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekPlan {
    /// The schedule's name.
    pub name: String,
    /// Who is to look when a link fails.
    pub owner: Who,
    /// How the build is made; the outside knows the recipe by this name.
    pub recipe: String,
    /// The channel that is switched, and the regions that it is switched in.
    pub channel: String,
    pub regions: Vec<String>,
    /// The pipeline that tests the build before any production machine sees it.
    #[serde(default)]
    pub test: Option<PipelineName>,
    /// What must hold before the channel moves.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// The trains' form; `{build}`, `{prod}`, `{epic}` and `{stage-date}` are filled in, and the regions.
    #[serde(default)]
    pub train: Option<Box<TrainForm>>,
    pub rule: ChangeRule,
    #[serde(default)]
    pub canary: Option<PipelineName>,
    /// Started side by side once the canary has succeeded.
    #[serde(default)]
    pub rollouts: Vec<PipelineName>,
}

/// One link of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Build,
    /// What is new in it.
    Diff,
    /// Whether the fleet could install it.
    Check,
    /// To all mirrors.
    Sync,
    /// The mirrors have what was sent.
    Verify,
    Epic,
    Test,
    Gates,
    Trains,
    Channel,
    Canary,
    /// One of the rollouts that run side by side, by its place in the plan.
    Region(u8),
}

/// Who sees to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// It is done outside and answered.
    Outside,
    /// A rollout is started outside and watched here.
    Rollout,
    /// It is seen here.
    Here,
}

impl Link {
    pub(super) fn work(self) -> Work {
        match self {
            Link::Build | Link::Diff | Link::Check | Link::Sync | Link::Verify | Link::Channel => {
                Work::Outside
            }
            Link::Test | Link::Canary | Link::Region(_) => Work::Rollout,
            Link::Epic | Link::Gates | Link::Trains => Work::Here,
        }
    }

    /// How long its errand may take: twice what the slowest was seen to take. Builds and syncs of a whole distribution
    /// last an hour or two, and a slow mirror a night; a rollout is only started.
    pub fn deadline(self) -> Span {
        match self {
            Link::Build => Span::hours(12),
            Link::Sync => Span::hours(24),
            Link::Check | Link::Verify => Span::hours(6),
            Link::Diff | Link::Channel => Span::hours(2),
            Link::Test | Link::Canary | Link::Region(_) => Span::mins(10),
            Link::Epic | Link::Gates | Link::Trains => Span::mins(2),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Link::Build => "build",
            Link::Diff => "diff",
            Link::Check => "check",
            Link::Sync => "sync",
            Link::Verify => "verify",
            Link::Epic => "epic",
            Link::Test => "test",
            Link::Gates => "gates",
            Link::Trains => "trains",
            Link::Channel => "channel",
            Link::Canary => "canary",
            Link::Region(at) => return write!(f, "region-{}", u16::from(*at) + 1),
        })
    }
}

impl WeekPlan {
    /// The links that this plan has, in order.
    pub fn links(&self) -> Vec<Link> {
        use Link::{Build, Canary, Channel, Check, Diff, Epic, Gates, Sync, Test, Trains, Verify};
        let mut links = vec![Build, Diff, Check, Sync, Verify, Epic];
        links.extend(self.test.as_ref().map(|_| Test));
        links.extend([Gates, Trains, Channel]);
        links.extend(self.canary.as_ref().map(|_| Canary));
        links.extend((0..).take(self.rollouts.len()).map(Link::Region));
        links
    }

    /// What a link comes after at once, as far as the plan has it.
    fn needs(&self, link: Link) -> Vec<Link> {
        let tested = if self.test.is_some() { Link::Test } else { Link::Epic };
        match link {
            Link::Build => Vec::new(),
            Link::Diff | Link::Check | Link::Sync => vec![Link::Build],
            Link::Verify => vec![Link::Sync],
            Link::Epic => vec![Link::Diff, Link::Check, Link::Verify],
            Link::Test => vec![Link::Epic],
            Link::Gates => vec![tested],
            Link::Trains => vec![Link::Gates],
            Link::Channel => vec![Link::Trains],
            Link::Canary => vec![Link::Channel],
            Link::Region(_) if self.canary.is_some() => vec![Link::Canary],
            Link::Region(_) => vec![Link::Channel],
        }
    }

    /// All that must be behind before a link begins: what it comes after, and what that comes after. A link that is run again
    /// holds up everything that rests on it, however far that has come.
    pub fn rests_on(&self, link: Link) -> BTreeSet<Link> {
        let (mut found, mut open) = (BTreeSet::new(), self.needs(link));
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.needs(next));
            }
        }
        found
    }

    /// The pipeline that a link runs.
    pub fn pipeline(&self, link: Link) -> Option<&PipelineName> {
        match link {
            Link::Test => self.test.as_ref(),
            Link::Canary => self.canary.as_ref(),
            Link::Region(at) => self.rollouts.get(usize::from(at)),
            Link::Build
            | Link::Diff
            | Link::Check
            | Link::Sync
            | Link::Verify
            | Link::Epic
            | Link::Gates
            | Link::Trains
            | Link::Channel => None,
        }
    }
}
