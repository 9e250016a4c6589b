//! Sources of the inventory.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Source {
    pub source: String,
    /// Machines at the last reading that was taken.
    pub machines: u32,
    /// When that was recorded.
    pub read: String,
    /// It lost more machines than it may: its readings are not taken.
    pub held: Option<HeldSource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldSource {
    /// Machines that it has now; nothing where it was not read at all.
    pub machines: Option<u32>,
    /// Machines that it had and has not now.
    pub lost: u32,
    /// The names of those, the first thousand.
    pub machines_lost: Vec<String>,
    /// Of the names of all of them: who confirms says it of exactly these.
    pub fingerprint: String,
    pub since: String,
    /// Why somebody said that they are really gone: the next reading is taken.
    pub confirmed: Option<String>,
}

/// The machines that a source lost are really gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmSource {
    /// The fingerprint of the machines that were seen to be lost: when others are lost by then, nothing is confirmed.
    pub lost: String,
    pub reason: String,
}
