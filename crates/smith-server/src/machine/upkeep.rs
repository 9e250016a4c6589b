//! Has machines forget operations of long ago, at a time when nobody waits for them.
//!
//! Nothing says here that a machine's procedure has ended, so a machine that was asked for nothing for a while is taken to be done
//! with it. Nobody hears what comes of it: a machine that does not forget today does so the next time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smith_agent::protocol::{Action, Clean, Fence, Job, Name, NameError, VERSION};
use smith_domain::id::MachineId;

use super::address::Address;
use super::link::Links;
use super::operation::{Patience, perform};

/// A job is repeated for hours at most, and people look at what happened in the last weeks.
const KEEPS: Duration = Duration::from_secs(30 * 86_400);

/// A machine has a few operations a month; more often there is nothing to forget.
const BETWEEN: Duration = Duration::from_secs(86_400);

/// Forgetting a thousand operations takes a second; a disk that hangs is looked after by others.
const LIMIT_S: u32 = 60;

/// Who was asked when, for each machine.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<BTreeMap<MachineId, Past>>);

#[derive(Debug, Default)]
struct Past {
    /// How often it was asked for something.
    asked: u64,
    cleaned: Option<Instant>,
}

/// What a machine was asked last. It is at rest while that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    machine: MachineId,
    asked: u64,
}

impl Upkeep {
    /// The machine is asked for something.
    pub(super) fn begin(&self, machine: MachineId) -> Turn {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = known.entry(machine).or_default();
        past.asked += 1;
        Turn { machine, asked: past.asked }
    }

    /// Whether the machine was asked for nothing since, and is to be cleaned now; it is then taken to be.
    fn is_due(&self, turn: Turn, now: Instant) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = known.entry(turn.machine).or_default();
        let is_early = past.cleaned.is_some_and(|cleaned| now.duration_since(cleaned) < BETWEEN);
        if is_early || past.asked != turn.asked {
            return false;
        }
        past.cleaned = Some(now);
        true
    }

    /// Waits until the machine is at rest, if it comes to be, and has it forget what is old.
    pub(super) async fn clean(
        &self,
        turn: Turn,
        quiet: Duration,
        links: &Links,
        address: &Address,
        fence: Fence,
    ) {
        tokio::time::sleep(quiet).await;
        let Ok(job) = job_of(turn.machine, fence) else { return };
        if self.is_due(turn, Instant::now()) {
            let limit = Duration::from_secs(u64::from(LIMIT_S));
            let patience = Patience { reach: Duration::ZERO, whole: limit, silence: limit };
            let _ = perform(links, address, &job, patience, |_| ()).await;
        }
    }
}

/// Actions that are done in the talk are not kept, so the name is not used up.
fn job_of(machine: MachineId, fence: Fence) -> Result<Job, NameError> {
    let id: Name = format!("{}-m{}-clean", fence.controller, machine.0).parse()?;
    let action = Action::Clean(Clean { older_than_s: KEEPS.as_secs() });
    Ok(Job { protocol: VERSION, id, fence: Some(fence), limit_s: LIMIT_S, action })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_cleaned_at_rest_and_once_a_day() {
        let (upkeep, now) = (Upkeep::default(), Instant::now());
        let check = upkeep.begin(MachineId(1));
        let other = upkeep.begin(MachineId(2));
        let patch = upkeep.begin(MachineId(1));
        assert!(!upkeep.is_due(check, now), "it is at work");
        assert!(upkeep.is_due(patch, now) && upkeep.is_due(other, now));
        let next = upkeep.begin(MachineId(1));
        assert!(!upkeep.is_due(next, now + Duration::from_secs(86_399)));
        assert!(upkeep.is_due(next, now + Duration::from_secs(86_400)));
    }
}
