//! Which faults there are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    FullDisk,
    DpkgLock,
    HeldPackage,
    FailingPostinst,
    NetworkLostOnRestart,
    SshdDead,
    NoReboot,
    ClockOff,
    MirrorUnreachable,
    Slow,
    KernelPurgeFailing,
}

/// Where a fault is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// A script on the machine, which gets `break` or `heal`.
    Script(&'static str),
    /// The keeper, which boots the machine or does not.
    Keeper,
    /// The network of the machine, seen from outside.
    Packets,
    /// The share of the processor and of the line that the machine gets.
    Share,
}

impl Fault {
    pub const ALL: [Fault; 11] = [
        Fault::FullDisk,
        Fault::DpkgLock,
        Fault::HeldPackage,
        Fault::FailingPostinst,
        Fault::NetworkLostOnRestart,
        Fault::SshdDead,
        Fault::NoReboot,
        Fault::ClockOff,
        Fault::MirrorUnreachable,
        Fault::Slow,
        Fault::KernelPurgeFailing,
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FullDisk => "full-disk",
            Self::DpkgLock => "dpkg-lock",
            Self::HeldPackage => "held-package",
            Self::FailingPostinst => "failing-postinst",
            Self::NetworkLostOnRestart => "network-lost-on-restart",
            Self::SshdDead => "sshd-dead",
            Self::NoReboot => "no-reboot",
            Self::ClockOff => "clock-off",
            Self::MirrorUnreachable => "mirror-unreachable",
            Self::Slow => "slow",
            Self::KernelPurgeFailing => "kernel-purge-failing",
        }
    }

    /// What is wrong then, in a few words.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::FullDisk => "not a block is free on the disk",
            Self::DpkgLock => "another program holds the locks of dpkg and does not let go",
            Self::HeldPackage => "the package openssl is on hold",
            Self::FailingPostinst => {
                "a package's postinst fails in the next run of dpkg that unpacks anything"
            }
            Self::NetworkLostOnRestart => {
                "a package restarts the network in the next run of dpkg that unpacks anything, and it does not come back"
            }
            Self::SshdDead => "sshd and its sessions are gone and do not come back",
            Self::NoReboot => "the machine goes down to reboot and does not come up",
            Self::ClockOff => "programs take the time for a year earlier than it is",
            Self::MirrorUnreachable => "no connection that the machine opens is answered",
            Self::Slow => "a tenth of a processor, and a line of 1 Mbit/s",
            Self::KernelPurgeFailing => "two old kernels are installed whose prerm fails",
        }
    }

    /// Whether sshd need not answer although the machine is up.
    pub(crate) fn silences(self) -> bool {
        match self {
            Self::SshdDead | Self::NetworkLostOnRestart => true,
            Self::FullDisk
            | Self::DpkgLock
            | Self::HeldPackage
            | Self::FailingPostinst
            | Self::NoReboot
            | Self::ClockOff
            | Self::MirrorUnreachable
            | Self::Slow
            | Self::KernelPurgeFailing => false,
        }
    }

    pub(super) fn means(self) -> Means {
        match self {
            Self::FullDisk => Means::Script(include_str!("full-disk.sh")),
            Self::DpkgLock => Means::Script(include_str!("dpkg-lock.sh")),
            Self::HeldPackage => Means::Script(include_str!("held-package.sh")),
            Self::FailingPostinst => Means::Script(concat!(
                include_str!("waiting-package.sh"),
                include_str!("failing-postinst.sh")
            )),
            Self::NetworkLostOnRestart => Means::Script(concat!(
                include_str!("waiting-package.sh"),
                include_str!("network-lost-on-restart.sh")
            )),
            Self::SshdDead => Means::Script(include_str!("sshd-dead.sh")),
            Self::ClockOff => Means::Script(include_str!("clock-off.sh")),
            Self::KernelPurgeFailing => Means::Script(include_str!("kernel-purge-failing.sh")),
            Self::NoReboot => Means::Keeper,
            Self::MirrorUnreachable => Means::Packets,
            Self::Slow => Means::Share,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, found {found:?}", Fault::ALL.map(Fault::word).join(", "))]
pub struct BadFault {
    found: String,
}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.word() == text);
        found.ok_or_else(|| BadFault { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for fault in Fault::ALL {
            assert_eq!(fault.word().parse(), Ok(fault));
            assert_eq!(serde_json::to_string(&fault).unwrap(), format!("{:?}", fault.word()));
        }
        assert!("disk-full".parse::<Fault>().unwrap_err().to_string().contains("full-disk, dpkg-lock"));
    }

    #[test]
    fn every_script_knows_both_directions() {
        let scripts = Fault::ALL.into_iter().filter_map(|fault| match fault.means() {
            Means::Script(script) => Some((fault, script)),
            Means::Keeper | Means::Packets | Means::Share => None,
        });
        for (fault, script) in scripts {
            assert!(script.contains("\nbreak)\n") && script.contains("\nheal)\n"), "{fault}");
            assert!(script.contains("set -eu"), "{fault}");
        }
    }
}
