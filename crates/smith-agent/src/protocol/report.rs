//! What actions found and did, in numbers and names.

use serde::{Deserialize, Serialize};

/// What the machine is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub agent: String,
    pub hostname: String,
    pub machine_id: String,
    pub boot: String,
    pub uptime_s: u64,
    /// The machine's clock in seconds since 1970.
    pub clock: u64,
    /// `ID`, `VERSION_ID` and `VERSION_CODENAME` of os-release.
    pub os: String,
    pub os_version: String,
    pub codename: String,
    pub architecture: String,
    /// What virtualises it: `none`, or the word of systemd-detect-virt.
    pub virtualization: String,
    pub kernel: Kernel,
    pub memory_kib: u64,
    pub disks: Vec<Disk>,
    pub packages: u32,
    /// SHA-256 over the sorted lines `name architecture version status` of the installed packages: machines with the
    /// same digest are the same to a build.
    pub packages_sha256: String,
    pub holds: Vec<String>,
    /// The first lines of `dpkg --audit`, empty where all is well.
    pub audit: Vec<String>,
    pub reboot_required: Vec<String>,
    /// The build that was last patched to, where its lists knew most of the machine's packages.
    pub build: Option<u32>,
    /// The number that the last patch was given, whatever its lists knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_claimed: Option<u32>,
    /// How many packages were found to be as its lists say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_verified: Option<u32>,
    /// How many installed packages its lists did not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_unknown: Option<u32>,
    /// What the machine did by itself when it missed its controller, if it did.
    pub dead_man: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kernel {
    pub running: String,
    /// Releases of the installed kernel packages, oldest first; a container has none of its own.
    pub installed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    pub path: String,
    pub size_kib: u64,
    pub free_kib: u64,
    pub free_inodes: u64,
}

/// What is to be done on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Everything is installed and in effect.
    Nothing,
    /// Everything is installed, and the machine runs something older.
    RebootOnly,
    #[default]
    Install,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    pub work: Work,
    pub changes: Vec<Change>,
    /// Held packages that the build has in another version.
    pub held: Vec<Package>,
    /// Packages that are newer than the build's.
    pub newer: Vec<Package>,
    pub download_bytes: u64,
    pub restarts: Vec<Restart>,
    pub reboot: Vec<String>,
}

/// A package before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    pub name: String,
    pub architecture: String,
    /// Absent where the package is new.
    pub from: Option<String>,
    /// Absent where the package goes.
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Package {
    pub name: String,
    pub architecture: String,
    pub installed: String,
    pub build: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Patched {
    pub build: u32,
    /// What differs between the package lists from before and after. Before is where `unfinished` began, if there was one.
    pub changes: Vec<Change>,
    /// What this patch brought to its end, which an earlier operation had begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
    /// Packages of the machine that the build knows, all at the build's version.
    pub verified: u32,
    /// Packages of the machine that the build does not know.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown: u32,
    /// All packages of the machine.
    #[serde(skip_serializing_if = "is_zero")]
    pub installed: u32,
    pub held: Vec<Package>,
    pub newer: Vec<Package>,
    /// dpkg had been interrupted, and this was done first.
    pub repaired: Vec<String>,
    pub kernels_purged: Vec<String>,
    /// Old kernels that could not be purged, and why.
    pub kernels_left: Vec<String>,
    /// Configuration files that the package brings anew and the machine has kept, or the other way round.
    pub conffiles: Vec<String>,
    pub download_bytes: u64,
    /// Why a reboot is needed; empty when none is.
    pub reboot: Vec<String>,
    pub restarts: Vec<Restart>,
    pub packages_sha256: String,
}

/// A change of packages that failed or was interrupted, and was never told as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Unfinished {
    /// When it began, by the machine's clock in seconds since 1970.
    pub since: u64,
    /// The operation that began it.
    pub operation: String,
}

/// Whether all that is installed is what runs. A check and a patch, the agent and the controller judge by this alone. Any process
/// counts, not only those of services: one that belongs to none can be restarted by nobody but the machine.
pub fn is_in_effect(restarts: &[Restart], reboot: &[String]) -> bool {
    restarts.is_empty() && reboot.is_empty()
}

/// A service that still maps a library that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Restart {
    /// The unit, or the program where there is none.
    pub unit: String,
    pub processes: u32,
    /// One that was replaced, and of several the one that matters most to security.
    pub library: String,
    /// How many other libraries and programs of it were replaced as well.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rebooted {
    pub boot_before: String,
    pub boot: String,
    pub kernel_before: String,
    pub kernel: String,
    /// From the order to the first sign of the new boot.
    pub took_s: u64,
}

/// What a health check looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Healed {
    pub findings: Vec<Finding>,
    pub units: Vec<Unit>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// `units`, `dpkg`, `route`, `names`, `disk`, `clock`, or the name of a file of `health.d`.
    pub what: String,
    pub good: bool,
    pub text: String,
    /// What the site's own file said, its end.
    pub tail: Vec<String>,
}

/// A unit that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Unit {
    pub name: String,
    /// It had failed before anything was changed, too.
    pub before: bool,
}

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Piece {
    pub name: String,
    pub bytes: u64,
    /// Only the end was taken.
    pub cut: bool,
    pub sha256: String,
}
