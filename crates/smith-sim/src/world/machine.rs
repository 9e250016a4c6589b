//! One simulated machine: what is really installed, what really runs, and the last thing that was done.

use smith_domain::id::RolloutId;
use smith_domain::rollout::{Action, CauseKind, Outcome, RebootNeed, Work};
use smith_domain::time::Timestamp;

use crate::model::Fate;

/// The truth about a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub installed: u32,
    /// What is in effect: the kernel that runs, the libraries that services map.
    pub running: u32,
    pub up: bool,
    pub healthy: bool,
    pub drained: bool,
    /// It answers nobody until then, and goes on working.
    pub stalled_until: Timestamp,
    pub last: Option<Op>,
    /// The newest driver that it has heard.
    pub tenure: u64,
}

/// Something that was begun on a machine, under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    pub rollout: RolloutId,
    pub serial: u16,
    pub action: Action,
    pub build: u32,
    pub begun_at: Timestamp,
    pub ends_at: Timestamp,
    /// Known once it has ended, unless nobody will ever know.
    pub outcome: Option<Outcome>,
    /// Whether somebody listens for its end.
    pub told: bool,
    pub fate: Fate,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            installed: 1,
            running: 1,
            up: true,
            healthy: true,
            drained: false,
            stalled_until: Timestamp(0),
            last: None,
            tenure: 0,
        }
    }
}

impl Machine {
    pub(super) fn begin(&mut self, op: Op, tenure: u64) {
        self.tenure = tenure;
        if op.action == Action::Reboot {
            self.up = false;
        }
        self.last = Some(op);
    }

    /// What the action did, and what its agent has to say about it.
    pub(super) fn finish(&mut self, op: &Op, needs_reboot: bool) -> Option<Outcome> {
        match op.fate {
            Fate::NeverReturns => return None,
            Fate::Killed => {
                self.up = true;
                // It got half-way: what was unpacked is there, and nobody has checked it.
                if op.action == Action::Patch && op.serial.is_multiple_of(2) {
                    self.installed = op.build;
                }
                return Some(Outcome::Failed(CauseKind::Interrupted));
            }
            Fate::Fails(cause) => {
                self.up = true;
                if cause == CauseKind::PackageFailed {
                    self.healthy = op.serial.is_multiple_of(2);
                }
                return Some(Outcome::Failed(cause));
            }
            Fate::Good | Fate::Refused | Fate::Hung | Fate::Dropped | Fate::Twice | Fate::Late => {}
        }
        Some(match op.action {
            Action::Check => Outcome::Found(self.work(op.build)),
            Action::Drain => {
                self.drained = true;
                Outcome::Done
            }
            Action::Patch => {
                let was = self.installed;
                self.installed = op.build;
                if !needs_reboot && self.running == was {
                    self.running = op.build;
                }
                let needed = self.running != self.installed;
                Outcome::Patched(if needed { RebootNeed::Needed } else { RebootNeed::NotNeeded })
            }
            Action::Reboot => {
                self.up = true;
                self.running = self.installed;
                Outcome::Done
            }
            Action::Health if self.healthy => Outcome::Done,
            Action::Health => Outcome::Failed(CauseKind::Unhealthy),
            Action::Undrain => {
                self.drained = false;
                Outcome::Done
            }
        })
    }

    fn work(&self, build: u32) -> Work {
        if self.installed != build {
            Work::Install
        } else if self.running != build {
            Work::RebootOnly
        } else {
            Work::Nothing
        }
    }

    /// Out of service because of what was done to it.
    pub fn is_out(&self, now: Timestamp) -> bool {
        let disturbing = self.last.is_some_and(|op| {
            op.ends_at > now && matches!(op.action, Action::Drain | Action::Patch | Action::Reboot)
        });
        !self.up || self.drained || !self.healthy || disturbing
    }
}
