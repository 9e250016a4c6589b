//! Builds and channels as rollouts know them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Build {
    pub build: u32,
    /// `verified` or `withdrawn`.
    pub state: String,
    pub reason: Option<String>,
    pub verified: String,
    /// `channel@region` for everything that points to it.
    pub channels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Channel {
    pub channel: String,
    pub region: String,
    pub build: u32,
}

/// Says that a channel of a region names a build now: under a change for it that is in progress, or without one by an admin
/// who gives a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetChannel {
    pub region: String,
    pub build: u32,
    #[serde(default)]
    pub change: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}
