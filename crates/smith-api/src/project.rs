//! Projects: rollouts as people know them.

use serde::{Deserialize, Serialize};

/// How machines stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    pub machines: u32,
    pub pass: u32,
    pub failed: u32,
    pub lost: u32,
    pub skipped: u32,
    pub gone: u32,
    pub unstarted: u32,
    pub running: u32,
}

/// A project in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectLine {
    pub project: u32,
    pub pipeline: String,
    pub build: u32,
    pub by: String,
    pub started: String,
    pub ended: Option<String>,
    /// `running`, `paused`, `aborting`, `complete` or `aborted`.
    pub state: String,
    /// The change of the step that it is at, where there is one.
    pub change: Option<String>,
    pub totals: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    pub project: u32,
    pub pipeline: String,
    pub build: u32,
    pub by: String,
    pub reason: Option<String>,
    pub started: String,
    pub ended: Option<String>,
    /// `running`, `paused`, `aborting`, `complete` or `aborted`.
    pub state: String,
    pub totals: Counts,
    /// What it waits for, one line each.
    pub reasons: Vec<String>,
    /// Nothing once it has ended.
    pub expected: Option<Expected>,
    pub steps: Vec<Step>,
    /// Machines that failed or are lost, at most a hundred of them.
    pub failures: Vec<Failed>,
}

/// When it is expected to end, from what machines took so far; approvals, repairs and windows are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Expected {
    pub early: String,
    pub likely: String,
    pub late: String,
    pub critical: Vec<String>,
    /// Pipelines whose end steps of this one wait for: the times hold if they had ended already, and only then.
    pub waits_for: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    pub step: String,
    pub title: String,
    /// `unstarted`, `waiting`, `in progress`, `halted`, `complete`, `aborted` or `not asked for`.
    pub state: String,
    pub change: Option<String>,
    pub ticket: Option<String>,
    pub reached: Option<String>,
    pub opened: Option<String>,
    pub ended: Option<String>,
    pub totals: Counts,
    pub reasons: Vec<String>,
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Phase {
    pub title: String,
    pub state: String,
    pub bags: Vec<Bag>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bag {
    pub bag: String,
    /// The number of its change task.
    pub task: Option<String>,
    pub state: String,
    pub totals: Counts,
}

/// A machine that did not make it, and why, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failed {
    pub machine: String,
    pub step: String,
    pub why: String,
}

/// Which projects are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct ProjectQuery {
    /// `running`, `paused`, `aborting`, `complete`, `aborted`, or `open` for all that have not ended.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub pipeline: Option<String>,
    #[serde(default)]
    pub build: Option<u32>,
    /// What the page before gave as `next`.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many, up to 1,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// `patch BUILD config:NAME [step: ID : TITLE]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A number.
    pub build: u32,
    pub config: String,
    /// One step of it, by its id or as `ID : TITLE`.
    #[serde(default)]
    pub step: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// `smith-patch BUILD machines: LIST outage:MINUTES`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchRequest {
    /// A number, or the name of a channel such as `prod`.
    pub build: String,
    /// Names, addresses, patterns or a selector.
    pub machines: String,
    /// Minutes that the machines may be out of service together; 0 says nothing about it.
    #[serde(default)]
    pub outage: u32,
    /// Machines of several regions may be named.
    #[serde(default)]
    pub cross_region: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Started {
    pub project: u32,
    pub pipeline: String,
    pub build: u32,
    /// The change, once the desk has given it a number.
    pub change: Option<String>,
    /// What chat answers: `starting project ID: 1929 patch 725 onto config buildTestDevToStage`.
    pub text: String,
}

/// What is done, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    #[serde(default)]
    pub reason: Option<String>,
}

/// Lets a halted step go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Resume {
    pub step: String,
    /// So many more failures are accepted.
    #[serde(default)]
    pub grant: u32,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Failed and lost machines are tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// A selector; all of them unless said.
    #[serde(default)]
    pub machines: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Skip {
    pub machines: String,
    pub reason: String,
}

/// Says yes to an approval gate of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub step: String,
    /// The gate's name; the only one of the step unless said.
    #[serde(default)]
    pub gate: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}
