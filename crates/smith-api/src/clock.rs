//! The controller's clock, and the time that calendars follow.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Clock {
    /// What the clock of the controller's computer says.
    pub wall: String,
    /// What windows, freezes and schedules go by beside it: the time that has passed, from where it was last accepted.
    pub calendar: String,
    /// Seconds that the clock is ahead of it; below zero it is behind.
    pub ahead: i64,
    /// Whether windows and schedules wait until somebody accepts the clock, or until it is set right.
    pub differs: bool,
    /// The same in words.
    pub text: String,
}

/// The clock is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptClock {
    /// Seconds that it was seen to be ahead: when it is elsewhere by then, it is not accepted.
    pub ahead: i64,
    pub reason: String,
}
