//! How an operation ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::{Change, Checked, Facts, Healed, Patched, Piece, Rebooted};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing had to be done.
    AlreadySo(Done),
    Done(Done),
    Failed(Failure),
}

/// What an action found or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    Facts(Box<Facts>),
    Checked(Box<Checked>),
    Patched(Box<Patched>),
    Drained,
    Undrained,
    Rebooted(Rebooted),
    Healthy(Healed),
    /// The pieces of a report, which came before as replies of their own, by name.
    Reported(Vec<Piece>),
    Cleaned {
        operations: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub cause: Cause,
    /// One line for a person: what was expected and what was found.
    pub message: String,
    /// The last lines of what the failing program said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
    /// What was found of the machine's health, for `Cause::Unhealthy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Healed>,
    /// How the machine's packages differ from what they were when a change of them began that has not ended well, for a patch. An
    /// earlier operation may have begun it, so that this one need not have changed anything itself.
    #[serde(default, skip_serializing_if = "<[Change]>::is_empty")]
    pub changes: Box<[Change]>,
}

/// Why an action failed. The words are those of the rules of rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody else holds the package lock.
    Busy,
    MirrorUnreachable,
    BadSignature,
    HeldPackage,
    RemovalRefused,
    DiskFull,
    /// dpkg is in a state that could not be repaired.
    DpkgBroken,
    /// A package's own script failed.
    PackageFailed,
    /// What is there is not what was expected.
    Mismatch,
    DrainRefused,
    RebootTimeout,
    /// The machine runs another kernel than the newest that is installed.
    OldKernel,
    Unhealthy,
    /// The agent was killed, or the machine went down, in the middle.
    Interrupted,
    /// The action's own time limit passed.
    TimedOut,
}

impl Cause {
    pub const ALL: [Cause; 15] = [
        Cause::Busy,
        Cause::MirrorUnreachable,
        Cause::BadSignature,
        Cause::HeldPackage,
        Cause::RemovalRefused,
        Cause::DiskFull,
        Cause::DpkgBroken,
        Cause::PackageFailed,
        Cause::Mismatch,
        Cause::DrainRefused,
        Cause::RebootTimeout,
        Cause::OldKernel,
        Cause::Unhealthy,
        Cause::Interrupted,
        Cause::TimedOut,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Cause::Busy => "busy",
            Cause::MirrorUnreachable => "mirror-unreachable",
            Cause::BadSignature => "bad-signature",
            Cause::HeldPackage => "held-package",
            Cause::RemovalRefused => "removal-refused",
            Cause::DiskFull => "disk-full",
            Cause::DpkgBroken => "dpkg-broken",
            Cause::PackageFailed => "package-failed",
            Cause::Mismatch => "mismatch",
            Cause::DrainRefused => "drain-refused",
            Cause::RebootTimeout => "reboot-timeout",
            Cause::OldKernel => "old-kernel",
            Cause::Unhealthy => "unhealthy",
            Cause::Interrupted => "interrupted",
            Cause::TimedOut => "timed-out",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Failure {
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), tail: Vec::new(), health: None, changes: Box::default() }
    }
}
