//! What is known of a watch, and what the machine last did by itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::heard::Moment;
use crate::files::{Sync, keep, text_of};
use crate::op::Host;

const FILE: &str = "dead-man.json";

const LAST: &str = "/var/lib/smith/dead-man.json";

const MOST: u64 = 1 << 16;

/// A watch over one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) within_s: u32,
    pub(super) armed: Moment,
    /// The kernel that ran before the change.
    pub(super) kernel_before: String,
    pub(super) stage: Stage,
}

/// How far it is. From `Acting` on nothing is done a second time, whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Armed,
    Acting,
    Ended,
}

/// What the machine did by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acted {
    pub(crate) operation: String,
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// One line for a person.
    pub(crate) text: String,
}

impl Watch {
    pub(super) fn keep(&self, folder: &Path) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        keep(&folder.join(FILE), &bytes, Sync::Now).map_err(|error| format!("{FILE} cannot be kept: {error}"))
    }

    pub(super) fn load(folder: &Path) -> Result<Self, String> {
        let text =
            text_of(&folder.join(FILE), MOST).map_err(|error| format!("{FILE} cannot be read: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{FILE} cannot be understood: {error}"))
    }
}

/// What the machine last did because it missed its controller.
pub(crate) fn last(host: &Host) -> Option<Acted> {
    serde_json::from_str(&text_of(&host.path(LAST), MOST).ok()?).ok()
}

pub(super) fn remember(host: &Host, acted: &Acted) -> Result<(), String> {
    let bytes = serde_json::to_vec(acted).map_err(|error| error.to_string())?;
    keep(&host.path(LAST), &bytes, Sync::Now).map_err(|error| error.to_string())
}
