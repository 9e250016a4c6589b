//! What the machine was like before it was changed.
//!
//! It is remembered when a change is looked at (`check`). A second look after a change that was never found good keeps the
//! first: otherwise what the change broke would count as broken before.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use smith_agent::protocol::Failure;

use super::{dns, names, route, units};
use crate::files::{Sync, cause, keep, text_of};
use crate::op::{Context, Host};

const PATH: &str = "/var/lib/smith/baseline.json";

/// More than the names of every unit of a machine.
const MOST: u64 = 1 << 20;

/// A change that was not found good so long ago is taken for what the machine is: somebody has decided to live with it.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Baseline {
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// When a change was last looked at, in the same seconds: what the machine did by itself before that is told.
    pub(crate) looked: u64,
    /// A change began after it, and the machine was not found good since.
    pub(crate) changing: bool,
    pub(crate) failed: BTreeSet<String>,
    /// Units that were started again and again.
    pub(crate) restarting: BTreeSet<String>,
    pub(crate) routes: route::Families,
    /// What the name servers answered; absent where none is configured.
    pub(crate) names: Option<dns::Said>,
}

pub(crate) fn load(host: &Host) -> Option<Baseline> {
    let text = text_of(&host.path(PATH), MOST).ok()?;
    serde_json::from_str(&text).ok()
}

/// Remembers what the machine is like now.
pub(crate) fn remember(ctx: &mut Context<'_>) -> Result<(), Failure> {
    let now = seconds();
    if let Some(kept) = load(ctx.host).filter(|kept| kept.changing) {
        if now.saturating_sub(kept.at) < REMEMBERED.as_secs() {
            ctx.log("the machine was not found well since its last change: what it was like before is kept");
            return store(ctx.host, &Baseline { looked: now, ..kept });
        }
        ctx.log(
            "the machine was not found well since its last change, long ago: what it is like now is taken",
        );
    }
    let units = units::look(ctx.host).unwrap_or_default();
    let (settings, _) = crate::settings::read(ctx.host);
    let baseline = Baseline {
        at: now,
        looked: now,
        changing: false,
        failed: units.failed,
        restarting: units.restarting,
        routes: route::families(ctx.host).unwrap_or_default(),
        names: names::ask(ctx.host, settings.health.name.as_deref()).map(|asked| asked.best),
    };
    store(ctx.host, &baseline)
}

/// A change begins: what is broken from here on is its doing.
pub(crate) fn changing(ctx: &mut Context<'_>) -> Result<(), Failure> {
    let kept = load(ctx.host).unwrap_or_default();
    if kept.at == 0 {
        remember(ctx)?;
    }
    match load(ctx.host) {
        Some(kept) if !kept.changing => store(ctx.host, &Baseline { changing: true, ..kept }),
        _ => Ok(()),
    }
}

/// The machine is well: what is broken at the next look was not broken by the changes until now.
pub(super) fn well(host: &Host) -> Result<(), Failure> {
    match load(host) {
        Some(kept) if kept.changing => store(host, &Baseline { changing: false, ..kept }),
        _ => Ok(()),
    }
}

fn store(host: &Host, baseline: &Baseline) -> Result<(), Failure> {
    let kept = serde_json::to_vec(baseline)
        .map_err(io::Error::from)
        .and_then(|bytes| keep(&host.path(PATH), &bytes, Sync::Now));
    kept.map_err(|error| Failure::new(cause(&error), format!("expected to keep {PATH}, found {error}")))
}

/// A clock before 1970 is a clock at 1970.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
