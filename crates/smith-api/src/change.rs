//! Changes, their tasks, and trains.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// The desk's number, or the journal's name for it where the desk has not answered.
    pub number: String,
    pub title: String,
    pub by: String,
    /// `drafted`, `waiting for approval`, `approved`, `in progress`, `revoked`, `rejected`, `closed` or `cancelled`.
    pub state: String,
    pub raised: String,
    /// The project of a step's change.
    pub project: Option<u32>,
    pub step: Option<String>,
    /// The region of a train's change.
    pub region: Option<String>,
    /// Who may approve it.
    pub approvers: Option<String>,
    pub approvals: Vec<String>,
    pub approvals_missing: u32,
    pub tasks: Vec<Task>,
    /// What it was closed with.
    pub evidence: Option<String>,
    pub test_url: Option<String>,
    pub test_passed: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    pub number: String,
    pub title: String,
    pub state: String,
}

/// Approves, rejects, revokes or cancels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Needed for everything but an approval.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The text of the template, as it is sent to the bot: `Squad: …`, `Service: …`, one field a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RaiseTrain {
    pub template: String,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrainRaised {
    pub train: u32,
    /// One for each region, once the desk has given them.
    pub changes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Train {
    pub train: u32,
    pub title: String,
    pub by: String,
    pub changes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartTrain {
    pub changes: Vec<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompleteTrain {
    pub changes: Vec<String>,
    pub test_url: String,
    pub test_passed: bool,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub summary: Option<String>,
}
