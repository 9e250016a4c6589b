//! What is known of a watch, and what the machine last did by itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::heard::Moment;
use super::watch::WATCH_MAX_S;
use crate::files::{keep_record, load_record};
use crate::op::Host;

const FILE: &str = "dead-man.json";

const STATE: &str = "/var/lib/smith";

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
        keep_record(folder, FILE, self).map_err(|error| error.to_string())
    }

    pub(super) fn load(folder: &Path) -> Result<Self, String> {
        load_record(folder, FILE)
    }

    pub(super) fn is_of_boot(&self, host: &Host) -> bool {
        self.armed.seconds_ago(host).is_some()
    }
}

/// Whether a process may be watching over this operation, and needs its folder.
pub(crate) fn is_watched(host: &Host, folder: &Path) -> bool {
    let Ok(watch) = Watch::load(folder) else { return false };
    let is_young = |seconds| seconds <= u64::from(watch.within_s).saturating_add(WATCH_MAX_S);
    watch.stage != Stage::Ended && watch.armed.seconds_ago(host).is_some_and(is_young)
}

/// What the machine last did because it missed its controller.
pub(crate) fn last(host: &Host) -> Option<Acted> {
    load_record(&host.path(STATE), FILE).ok()
}

pub(super) fn remember(host: &Host, acted: &Acted) -> Result<(), String> {
    keep_record(&host.path(STATE), FILE, acted).map_err(|error| error.to_string())
}
