//! What an ordered reboot leaves in its operation's folder.

use std::path::Path;

use serde::{Deserialize, Serialize};
use smith_agent::protocol::DeadMan;

use super::Boot;
use crate::files::{keep_record, load_record};

const FILE: &str = "reboot.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) before: Boot,
    pub(super) kernel_before: String,
    /// The machine's clock in seconds since 1970.
    pub(super) ordered_at: u64,
    /// The machine's uptime in seconds.
    pub(super) uptime_at: u64,
    pub(super) back_within_s: u32,
    pub(super) dead_man: Option<DeadMan>,
    /// The new boot was seen, and what is to be done once for it is done.
    #[serde(default)]
    pub(super) seen: Option<Boot>,
}

impl State {
    pub(super) fn keep(&self, folder: &Path) -> Result<(), String> {
        keep_record(folder, FILE, self).map_err(|error| error.to_string())
    }

    pub(super) fn load(folder: &Path) -> Result<Self, String> {
        load_record(folder, FILE)
    }

    pub(super) fn forget(folder: &Path) {
        // A state that stays is settled when its time is over; nothing worse comes of it.
        let _ = std::fs::remove_file(folder.join(FILE));
    }
}
