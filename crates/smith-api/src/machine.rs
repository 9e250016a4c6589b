//! Machines, and what is known of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Machine {
    pub machine: String,
    pub addresses: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    /// The build that it was last proven to be at.
    pub build: Option<u32>,
    /// When.
    pub patched: Option<String>,
    /// One line, in lists only where it was asked for.
    pub why: Option<String>,
}

/// Which machines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Names, addresses, patterns or a selector; everything unless said.
    #[serde(default)]
    pub select: Option<String>,
    /// Machines of several regions may be named.
    #[serde(default)]
    pub cross_region: bool,
    /// What the page before gave as `next`.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many, up to 1,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Why a machine is not patched, or how it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Why {
    pub machine: String,
    pub project: Option<u32>,
    pub why: String,
    pub reasons: Vec<WhyReason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhyReason {
    pub reason: String,
    /// Whose turn it is, where it is somebody's.
    pub waits_for: Option<String>,
}

/// Machines that no bag of any pipeline selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gaps {
    pub machines: u32,
    pub covered: u32,
    pub exempt: u32,
    pub missed: Vec<String>,
    pub empty_bags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Exemption {
    pub exemption: u32,
    pub select: String,
    pub reason: String,
    pub owner: String,
    pub until: String,
    /// Whether it has not ended.
    pub holds: bool,
    /// How many of its machines are in bags of the site's pipelines, which patch them nonetheless: an exemption only excuses a
    /// machine from being in a bag. Told when it is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_bags: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    pub select: String,
    pub reason: String,
    pub owner: String,
    /// A day, at whose beginning in UTC it ends, or a moment: `2026-12-01`, `2026-12-01T00:00:00Z`.
    pub until: String,
}
