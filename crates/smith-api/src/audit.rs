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
    /// The project that it belongs to.
    #[serde(default)]
    pub project: Option<u32>,
    /// The number of the change under which it happened.
    #[serde(default)]
    pub change: Option<String>,
    /// Why, in the words of whoever did it.
    #[serde(default)]
    pub reason: Option<String>,
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
    /// A day, a time with its zone, or how long ago: `2026-11-20`, `2026-11-20T10:00+01:00`, `7d`. Included.
    #[serde(default)]
    pub since: Option<String>,
    /// The same; a day is included, a moment excluded.
    #[serde(default)]
    pub until: Option<String>,
    /// What the page before gave as `next`.
    #[serde(default)]
    pub after: Option<String>,
    /// Of the newest rows only those before this one: what the answer before gave as `next`.
    #[serde(default)]
    pub before: Option<String>,
    /// At most so many, up to 1,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Which rows an export has in full, and what else is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
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
    /// A day, a time with its zone, or how long ago. Included.
    #[serde(default)]
    pub since: Option<String>,
    /// The same; a day is included, a moment excluded.
    #[serde(default)]
    pub until: Option<String>,
    /// All rows are told, and those that the filter chooses are marked.
    #[serde(default)]
    pub everything: bool,
    /// The package lists that the rows name are in it.
    #[serde(default)]
    pub packages: bool,
    /// The rows of checkpoints that it is to be compared with, at most 1,000: `1200,7003`.
    #[serde(default)]
    pub checkpoints: Option<String>,
}

/// A document that the system wrote about what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvidenceLine {
    /// The name of its file, which `/v1/evidence/{name}` knows it by.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What a patch changed on a machine, and where the whole of it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatchRecord {
    pub machine: String,
    pub project: u32,
    pub build: u32,
    /// Of the list, as the journal names it.
    pub sha256: String,
    /// What the machine said: each package with its version before and after, and what else a patch tells.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub packages: serde_json::Value,
}

/// Which patch of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct PackagesQuery {
    /// In this project; in the newest that has one unless said.
    #[serde(default)]
    pub project: Option<u32>,
}
