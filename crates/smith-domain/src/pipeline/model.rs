//! The checked form of a pipeline: ordered steps with gates, phases, bags, limits and budgets.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::fleet::Selector;
use crate::id::{AttrName, BagName, PipelineName, StepName};
use crate::rollout::CauseKind;
use crate::time::Span;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    pub name: PipelineName,
    pub title: String,
    /// Who is called when a rollout of this pipeline needs a person.
    pub owner: Who,
    /// Bounds that hold in every step.
    #[serde(default)]
    pub limits: Vec<Limit>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepName,
    pub title: String,
    /// Steps of the same pipeline that must have ended well before; indexes into `Pipeline::steps`.
    #[serde(default)]
    pub after: Vec<u16>,
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Steps that share this name, in whatever rollout, never run at the same time.
    #[serde(default)]
    pub exclusive: Option<String>,
    /// When machines may be started.
    #[serde(default)]
    pub calendar: Calendar,
    pub budget: Budget,
    #[serde(default)]
    pub limits: Vec<Limit>,
    pub change: ChangeRule,
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    pub title: String,
    /// The phase runs once for each value of this attribute, in the order of the values.
    #[serde(default)]
    pub each: Option<AttrName>,
    pub bags: Vec<Bag>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bag {
    pub name: BagName,
    pub select: Selector,
    /// Only so many of the selected machines, spread over clusters; without it, all.
    #[serde(default)]
    pub take: Option<Take>,
    pub actions: Actions,
    pub parallel: Parallel,
    #[serde(default)]
    pub limits: Vec<Limit>,
    pub revisit: Revisit,
    pub if_empty: IfEmpty,
    pub retry: RetryRule,
    pub timeouts: Timeouts,
}

/// A share of the selected machines: those that `first` matches come first, the others are spread over clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    pub amount: Amount,
    #[serde(default)]
    pub first: Option<Selector>,
}

/// What is done to each machine, in this order: check, drain, patch, reboot, health check, undrain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    pub drain: Drain,
    pub patch: Patch,
    pub reboot: Reboot,
    pub health: Health,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drain {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Patch {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reboot {
    Never,
    IfNeeded,
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Yes,
    No,
}

/// How many machines of one bag run at once. In series is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parallel {
    AtMost(u32),
    /// As many as limits and budget allow.
    Unbounded,
}

/// Whether a bag takes machines again that an earlier step of the same rollout has dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revisit {
    Skip,
    Again,
}

/// What a bag without machines means. Refusing is the default: an empty selection is nearly always a typing error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfEmpty {
    Refuse,
    Allow,
}

/// At most `max` machines that share the values of `per` may be disturbed (or running) at once.
///
/// The machines counted are those of all rollouts. An empty `per` means one group: the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Limit {
    pub per: Vec<AttrName>,
    /// Only machines that match are counted and bounded.
    #[serde(default)]
    pub within: Option<Selector>,
    pub max: Amount,
    pub counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// From the start of a machine's procedure until it is proven healthy or signed off.
    Disturbed,
    /// From the start of a machine's procedure until the procedure ends, well or badly.
    Running,
}

/// A number, or a share of a whole in whole per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    Count(u32),
    Percent(u8),
}

impl Amount {
    /// The number that this is of `whole`, rounded down.
    pub fn of(self, whole: u32) -> u32 {
        match self {
            Amount::Count(n) => n,
            Amount::Percent(p) => u32::try_from(u64::from(whole) * u64::from(p) / 100).unwrap_or(u32::MAX),
        }
    }

    /// The number that this allows of `whole` at once: a percentage that rounds to nothing still allows one.
    pub fn at_least_one_of(self, whole: u32) -> u32 {
        self.of(whole).max(1)
    }

    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let bad = || AmountError { found: text.to_owned() };
        match text.strip_suffix('%') {
            Some(digits) => {
                let percent: u8 = digits.trim().parse().map_err(|_| bad())?;
                if percent <= 100 { Ok(Amount::Percent(percent)) } else { Err(bad()) }
            }
            None => text.parse().map(Amount::Count).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Count(n) => write!(f, "{n}"),
            Amount::Percent(p) => write!(f, "{p}%"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number or a percentage from 0% to 100%, found {found:?}")]
pub struct AmountError {
    pub found: String,
}

/// How many machines of a step may fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// For environments that have no budget of their own.
    pub failures: Amount,
    #[serde(default)]
    pub environments: BTreeMap<String, Amount>,
    /// When the first so many machines all fail, the build is suspected and the step halts whatever the budget says.
    pub all_failing: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// So much time has passed since a step started or ended well, with the same build.
    Soak { pipeline: Option<PipelineName>, step: StepName, from: SoakFrom, length: Span },
    /// People have said yes.
    Approval { name: String, who: Who, count: u32 },
    /// The newest rollout of another pipeline with the same build has succeeded.
    Succeeded { pipeline: PipelineName },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoakFrom {
    Start,
    End,
}

/// People by name, or everyone who has a role (`role:sre-lead`). Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Who(pub Vec<String>);

impl Who {
    /// The person's name stands in the list, or one of the person's roles does.
    pub fn includes(&self, name: &str, roles: &[String]) -> bool {
        self.0.iter().any(|entry| match entry.strip_prefix("role:") {
            Some(role) => roles.iter().any(|r| r == role),
            None => entry == name,
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// What a step needs from the change desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeRule {
    /// No change is raised.
    None,
    /// A change is raised and counts as approved once the desk has given it a number.
    Record,
    /// A change is raised and people other than the requester must approve it.
    Approve { who: Who, count: u32 },
}

/// How often an action is tried, and how long is waited in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRule {
    /// Tries of one action, the first included.
    pub attempts: u32,
    /// The wait before the second try; each further wait is twice as long, up to `longest`.
    pub first: Span,
    pub longest: Span,
    /// Tries for single causes. A cause that cannot go away by itself is never tried again.
    #[serde(default)]
    pub causes: BTreeMap<CauseKind, u32>,
}

/// How long an action may take before its answer counts as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    pub check: Span,
    pub drain: Span,
    pub patch: Span,
    pub reboot: Span,
    pub health: Span,
    pub undrain: Span,
}

impl Default for Timeouts {
    /// Twice what the slowest healthy machine was seen to take: package runs with a kernel build last half an hour,
    /// a server with much memory needs ten minutes to start.
    fn default() -> Self {
        Self {
            check: Span::mins(10),
            drain: Span::mins(30),
            patch: Span::mins(60),
            reboot: Span::mins(20),
            health: Span::mins(15),
            undrain: Span::mins(15),
        }
    }
}

impl Default for RetryRule {
    /// Three tries over a quarter of an hour ride out a switch reload or a mirror restart and no more.
    fn default() -> Self {
        Self { attempts: 3, first: Span::mins(2), longest: Span::mins(15), causes: BTreeMap::new() }
    }
}

impl Actions {
    /// What people mean by "patch": install, reboot if needed, prove that the machine is healthy.
    pub const PATCH: Actions =
        Actions { drain: Drain::No, patch: Patch::Yes, reboot: Reboot::IfNeeded, health: Health::Yes };
}
