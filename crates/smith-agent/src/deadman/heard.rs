//! Signs of life of the controller.

use serde::{Deserialize, Serialize};

use crate::files::{Sync, keep, text_of};
use crate::op::Host;
use crate::reboot::{Boot, age, uptime};

const PATH: &str = "/var/lib/smith/heard.json";

/// A moment of one boot. The clock may be set meanwhile, so that it is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) boot: Boot,
    pub(super) uptime_ms: u64,
}

impl Moment {
    pub(super) fn now(host: &Host) -> Result<Self, String> {
        let uptime_ms = u64::try_from(uptime(host).as_millis()).unwrap_or(u64::MAX);
        Ok(Self { boot: Boot::now(host)?, uptime_ms })
    }

    /// When the machine's first process began.
    pub(super) fn of_boot(host: &Host) -> Result<Self, String> {
        let now = Self::now(host)?;
        let age = u64::try_from(age(host).as_millis()).unwrap_or_default();
        Ok(Self { uptime_ms: now.uptime_ms.saturating_sub(age), ..now })
    }

    /// Seconds from this moment to now; `None` when the machine has booted since.
    pub(super) fn seconds_ago(&self, host: &Host) -> Option<u64> {
        let now = Self::now(host).ok().filter(|now| now.boot == self.boot)?;
        Some(now.uptime_ms.saturating_sub(self.uptime_ms) / 1000)
    }
}

/// A job of the controller has come. A note that cannot be kept costs at most a rescue too much, which is not worth a failure.
pub(crate) fn heard(host: &Host) {
    let kept = Moment::now(host).ok().and_then(|now| serde_json::to_vec(&now).ok());
    if let Some(bytes) = kept {
        let _ = keep(&host.path(PATH), &bytes, Sync::Soon);
    }
}

pub(super) fn was_heard_since(host: &Host, moment: &Moment) -> bool {
    let text = text_of(&host.path(PATH), 4096).unwrap_or_default();
    serde_json::from_str::<Moment>(&text)
        .is_ok_and(|heard| heard.boot == moment.boot && heard.uptime_ms > moment.uptime_ms)
}
