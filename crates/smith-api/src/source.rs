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
    pub since: String,
    /// Why somebody said that they are really gone: the next reading is taken.
    pub confirmed: Option<String>,
}
