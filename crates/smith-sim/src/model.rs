//! How long things take and how often they go wrong.

use smith_domain::rollout::{Action, CauseKind};

use crate::rng::Rng;

/// A duration model: what an action takes on a machine of a role, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    pub check: (u64, u64),
    pub drain: (u64, u64),
    pub patch: (u64, u64),
    pub reboot: (u64, u64),
    pub health: (u64, u64),
    pub undrain: (u64, u64),
}

impl Durations {
    /// What the role's machines take, mean and spread. Masters carry more packages and start slower than workers;
    /// proxies are small.
    pub fn of_role(role: &str) -> Self {
        let scale = match role {
            "master" => 14,
            "haproxy" => 7,
            _ => 10,
        };
        let scaled = |mean: u64, spread: u64| (mean * 1000 * scale / 10, spread * 1000 * scale / 10);
        Self {
            check: scaled(8, 4),
            drain: scaled(60, 30),
            patch: scaled(240, 120),
            reboot: scaled(180, 60),
            health: scaled(30, 15),
            undrain: scaled(15, 5),
        }
    }

    pub fn draw(&self, action: Action, rng: &mut Rng) -> u64 {
        let (mean, spread) = match action {
            Action::Check => self.check,
            Action::Drain => self.drain,
            Action::Patch => self.patch,
            Action::Reboot => self.reboot,
            Action::Health => self.health,
            Action::Undrain => self.undrain,
        };
        rng.around(mean, spread)
    }
}

/// How often what goes wrong, in ten thousand actions. All zero: a world without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// ssh is refused or times out before anything begins.
    pub refused: u32,
    /// The connection hangs; nothing begins and nothing is answered.
    pub hung: u32,
    /// The connection drops after the action began; it goes on, and nobody is told.
    pub dropped: u32,
    pub answered_twice: u32,
    pub answered_late: u32,
    /// The agent is killed in the middle.
    pub killed: u32,
    pub reboot_never_returns: u32,
    pub old_kernel: u32,
    pub unhealthy: u32,
    /// The package lock is held, the mirror is away, a package's script fails, the disk is full, a package is held.
    pub busy: u32,
    pub mirror: u32,
    pub package_failed: u32,
    pub disk_full: u32,
    pub held_package: u32,
    pub drain_refused: u32,
    /// Of ten thousand machines that were patched, so many need a reboot.
    pub needs_reboot: u32,
    /// Of ten thousand machines, so many are at the build before anything is done.
    pub already_so: u32,
}

impl Faults {
    /// A weekly patch without a mishap: three machines in four get a new kernel.
    pub const NONE: Faults = Faults {
        refused: 0,
        hung: 0,
        dropped: 0,
        answered_twice: 0,
        answered_late: 0,
        killed: 0,
        reboot_never_returns: 0,
        old_kernel: 0,
        unhealthy: 0,
        busy: 0,
        mirror: 0,
        package_failed: 0,
        disk_full: 0,
        held_package: 0,
        drain_refused: 0,
        needs_reboot: 7_500,
        already_so: 100,
    };

    /// What a well-kept fleet sees: about one machine in three hundred needs a person.
    pub const USUAL: Faults = Faults {
        refused: 30,
        hung: 5,
        dropped: 10,
        answered_twice: 5,
        answered_late: 5,
        killed: 5,
        reboot_never_returns: 4,
        old_kernel: 2,
        unhealthy: 20,
        busy: 40,
        mirror: 10,
        package_failed: 4,
        disk_full: 5,
        held_package: 5,
        drain_refused: 20,
        needs_reboot: 7_500,
        already_so: 100,
    };

    /// A swarm: of all kinds of faults most are off in one run, and the others come often.
    pub fn swarm(rng: &mut Rng) -> Self {
        let mut often = |per_10_000: u64| {
            let on = rng.happens(3_000);
            let rate = rng.between(per_10_000 / 4, per_10_000);
            if on { u32::try_from(rate).unwrap_or(0) } else { 0 }
        };
        Self {
            refused: often(1_500),
            hung: often(800),
            dropped: often(1_000),
            answered_twice: often(3_000),
            answered_late: often(800),
            killed: often(800),
            reboot_never_returns: often(700),
            old_kernel: often(700),
            unhealthy: often(2_000),
            busy: often(1_500),
            mirror: often(1_000),
            package_failed: often(800),
            disk_full: often(500),
            held_package: often(500),
            drain_refused: often(1_500),
            needs_reboot: u32::try_from(rng.below(10_001)).unwrap_or(0),
            already_so: u32::try_from(rng.below(3_000)).unwrap_or(0),
        }
    }
}

/// What becomes of one try of an action, before what the machine is like is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Good,
    Refused,
    Hung,
    /// It goes on; the answer never comes by itself.
    Dropped,
    Twice,
    Late,
    Killed,
    NeverReturns,
    Fails(CauseKind),
}

impl Faults {
    pub fn fate(&self, action: Action, rng: &mut Rng) -> Fate {
        let any = [
            (self.refused, Fate::Refused),
            (self.hung, Fate::Hung),
            (self.dropped, Fate::Dropped),
            (self.answered_twice, Fate::Twice),
            (self.answered_late, Fate::Late),
            (self.killed, Fate::Killed),
        ];
        let own: &[(u32, Fate)] = match action {
            Action::Check => &[(self.busy, Fate::Fails(CauseKind::Busy))],
            Action::Drain => &[(self.drain_refused, Fate::Fails(CauseKind::DrainRefused))],
            Action::Patch => &[
                (self.busy, Fate::Fails(CauseKind::Busy)),
                (self.mirror, Fate::Fails(CauseKind::MirrorUnreachable)),
                (self.package_failed, Fate::Fails(CauseKind::PackageFailed)),
                (self.disk_full, Fate::Fails(CauseKind::DiskFull)),
                (self.held_package, Fate::Fails(CauseKind::HeldPackage)),
            ],
            Action::Reboot => &[
                (self.reboot_never_returns, Fate::NeverReturns),
                (self.old_kernel, Fate::Fails(CauseKind::OldKernel)),
            ],
            Action::Health => &[(self.unhealthy, Fate::Fails(CauseKind::Unhealthy))],
            Action::Undrain => &[],
        };
        let mut at = rng.below(10_000);
        for (rate, fate) in any.iter().chain(own) {
            if at < u64::from(*rate) {
                return *fate;
            }
            at -= u64::from(*rate);
        }
        Fate::Good
    }
}
