//! What happened, who did it and when.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditLine {
    pub row: u64,
    pub at: String,
    pub by: String,
    pub kind: String,
    pub words: String,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    #[serde(default)]
    pub machine: Option<String>,
    #[serde(default)]
    pub project: Option<u32>,
    #[serde(default)]
    pub build: Option<u32>,
    /// The number of a change.
    #[serde(default)]
    pub change: Option<String>,
    #[serde(default)]
    pub actor: Option<String>,
    /// A day or a moment, included.
    #[serde(default)]
    pub since: Option<String>,
    /// A day, included, or a moment, excluded.
    #[serde(default)]
    pub until: Option<String>,
    /// What the page before gave as `next`.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many, up to 1,000.
    #[serde(default)]
    pub limit: Option<u32>,
}
