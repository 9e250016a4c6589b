//! Which boot this is, and how old it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::files::text_of;
use crate::op::Host;

/// Files of the kernel that are one line long.
const MOST: u64 = 4096;

/// Of the times in `/proc/PID/stat`, the same on every architecture that Debian runs on.
const TICKS: u64 = 100;

/// A boot of the machine. The kernel draws an identity for each; some containers see the identity of their host's, which
/// stays, and there the moment at which the first process began tells one boot from the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Boot {
    pub(crate) id: String,
    pub(crate) init: u64,
}

impl Boot {
    pub(crate) fn now(host: &Host) -> Result<Self, String> {
        let path = "/proc/sys/kernel/random/boot_id";
        let id =
            text_of(&host.path(path), MOST).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let id = id.trim().to_owned();
        if id.is_empty() {
            return Err(format!("expected the identity of the boot in {path}, found nothing"));
        }
        Ok(Self { id, init: init(host).unwrap_or_default() })
    }
}

/// When the first process began, in ticks since the kernel did. It is the 22nd word of its line; its name, the second, stands
/// in brackets and may hold anything.
fn init(host: &Host) -> Option<u64> {
    let text = text_of(&host.path("/proc/1/stat"), MOST).ok()?;
    text.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// Since the kernel began; a clock that is set does not change it.
pub(crate) fn uptime(host: &Host) -> Duration {
    let text = text_of(&host.path("/proc/uptime"), MOST).unwrap_or_default();
    let seconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Since the machine's first process began: in a container the kernel is older than the machine.
pub(crate) fn age(host: &Host) -> Duration {
    uptime(host).saturating_sub(Duration::from_millis(init(host).unwrap_or_default() * (1000 / TICKS)))
}

pub(crate) fn running(host: &Host) -> String {
    text_of(&host.path("/proc/sys/kernel/osrelease"), MOST).unwrap_or_default().trim().to_owned()
}

/// The machine runs its host's kernel.
pub(super) fn is_container(host: &Host) -> bool {
    ["/run/systemd/container", "/run/.containerenv", "/.dockerenv"]
        .iter()
        .any(|path| host.path(path).exists())
        || text_of(&host.path("/proc/1/environ"), 1 << 16)
            .is_ok_and(|text| text.split('\0').any(|pair| pair.starts_with("container=")))
}
