//! Why an action on a machine did not succeed, and whether trying again can help.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a failure, as executors report it and as pipelines name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// No connection could be made.
    Unreachable,
    /// The machine answered and refused the key, or showed another host key than the recorded one.
    KeyRefused,
    /// The agent on the machine is too old for this controller.
    AgentOld,
    /// Something else on the machine holds the package lock or an earlier action still runs.
    Busy,
    MirrorUnreachable,
    BadSignature,
    HeldPackage,
    RemovalRefused,
    DiskFull,
    /// dpkg is in a state that the agent could not repair.
    DpkgBroken,
    /// A package's own script failed.
    PackageFailed,
    /// What is installed afterwards is not what the build says.
    Mismatch,
    DrainRefused,
    /// The machine did not come back in time.
    RebootTimeout,
    /// The machine came back with the kernel it had before.
    OldKernel,
    Unhealthy,
    /// The agent was killed before it could finish.
    Interrupted,
    /// No answer came before the deadline and none could be found out afterwards.
    Lost,
}

impl CauseKind {
    pub const ALL: [CauseKind; 18] = [
        CauseKind::Unreachable,
        CauseKind::KeyRefused,
        CauseKind::AgentOld,
        CauseKind::Busy,
        CauseKind::MirrorUnreachable,
        CauseKind::BadSignature,
        CauseKind::HeldPackage,
        CauseKind::RemovalRefused,
        CauseKind::DiskFull,
        CauseKind::DpkgBroken,
        CauseKind::PackageFailed,
        CauseKind::Mismatch,
        CauseKind::DrainRefused,
        CauseKind::RebootTimeout,
        CauseKind::OldKernel,
        CauseKind::Unhealthy,
        CauseKind::Interrupted,
        CauseKind::Lost,
    ];

    /// Whether waiting can make it go away. A held package or a full disk stays until a person acts.
    pub fn may_pass(self) -> bool {
        match self {
            CauseKind::Unreachable
            | CauseKind::Busy
            | CauseKind::MirrorUnreachable
            | CauseKind::DrainRefused
            | CauseKind::RebootTimeout
            | CauseKind::Unhealthy
            | CauseKind::Interrupted
            | CauseKind::DpkgBroken
            | CauseKind::PackageFailed => true,
            CauseKind::KeyRefused
            | CauseKind::AgentOld
            | CauseKind::BadSignature
            | CauseKind::HeldPackage
            | CauseKind::RemovalRefused
            | CauseKind::DiskFull
            | CauseKind::Mismatch
            | CauseKind::OldKernel
            | CauseKind::Lost => false,
        }
    }

    /// The word in files, in events and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            CauseKind::Unreachable => "unreachable",
            CauseKind::KeyRefused => "key-refused",
            CauseKind::AgentOld => "agent-old",
            CauseKind::Busy => "busy",
            CauseKind::MirrorUnreachable => "mirror-unreachable",
            CauseKind::BadSignature => "bad-signature",
            CauseKind::HeldPackage => "held-package",
            CauseKind::RemovalRefused => "removal-refused",
            CauseKind::DiskFull => "disk-full",
            CauseKind::DpkgBroken => "dpkg-broken",
            CauseKind::PackageFailed => "package-failed",
            CauseKind::Mismatch => "mismatch",
            CauseKind::DrainRefused => "drain-refused",
            CauseKind::RebootTimeout => "reboot-timeout",
            CauseKind::OldKernel => "old-kernel",
            CauseKind::Unhealthy => "unhealthy",
            CauseKind::Interrupted => "interrupted",
            CauseKind::Lost => "lost",
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
