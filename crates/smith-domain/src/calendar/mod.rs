//! Maintenance windows and freezes in a time zone.

use serde::{Deserialize, Serialize};

/// When machines may be started. The default is always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {}

impl Calendar {
    /// No window and no freeze: open at any time.
    pub fn is_always(&self) -> bool {
        true
    }
}
