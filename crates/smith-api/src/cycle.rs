//! The week: the chain from a build to the last region.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cycle {
    pub cycle: u32,
    /// The week's name in the settings.
    pub week: String,
    pub channel: String,
    pub build: Option<u32>,
    pub by: String,
    pub started: String,
    pub ended: Option<String>,
    /// `running`, `failed`, `complete` or `stopped`.
    pub state: String,
    /// What it waits for, one line each.
    pub waits: Vec<String>,
    pub links: Vec<CycleLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CycleLink {
    pub link: String,
    /// `waiting`, `under way`, `done`, `failed` or `skipped`.
    pub state: String,
    pub note: Option<String>,
    pub at: Option<String>,
}

/// A week of the settings, which a schedule or a person starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Week {
    pub week: String,
    pub channel: String,
    /// Who is to look when a link fails.
    pub owner: String,
    pub links: Vec<String>,
    /// The pattern and the zone of its schedule; nothing where it is started by hand only.
    pub schedule: Option<String>,
    /// When the schedule starts it next, by the clock on the wall.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartCycle {
    /// The week's name in the settings.
    pub week: String,
    /// A build that is there already; a new one is made unless said.
    #[serde(default)]
    pub build: Option<u32>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Says yes before the channel moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApproveCycle {
    /// The approval's name; the only one of the week unless said.
    #[serde(default)]
    pub gate: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Runs a link again, or leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SteerLink {
    /// Its name, or that of its pipeline.
    pub link: String,
    /// Needed where it is left out.
    #[serde(default)]
    pub reason: Option<String>,
}
