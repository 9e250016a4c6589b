//! What packages and suites are to people: kernels, what needs a reboot, security, and which suites belong together.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::diff::Kind;
use crate::diff::change::{Flag, Offer};
use crate::manifest::BuildInfo;
use crate::name::UpstreamName;
use crate::release::Release;

/// Kernels as Debian and Ubuntu name them; `*` at the end is left away.
const KERNEL: [&str; 8] = [
    "linux-image",
    "linux-headers",
    "linux-modules",
    "linux-virtual",
    "linux-generic",
    "linux-signed",
    "linux-kbuild",
    "linux-cloud-tools",
];

/// Ubuntu's packages that draw a kernel in are called after where it runs.
const KERNEL_FLAVOURS: [&str; 9] = [
    "linux-aws",
    "linux-azure",
    "linux-gcp",
    "linux-oracle",
    "linux-kvm",
    "linux-lowlatency",
    "linux-oem",
    "linux-raspi",
    "linux-ibm",
];

const MICROCODE: [&str; 2] = ["intel-microcode", "amd64-microcode"];

/// Processes from boot on hold the old one of these open.
const REBOOT: [&str; 9] = [
    "libc6",
    "systemd",
    "libsystemd0",
    "libsystemd-shared",
    "openssl",
    "dbus",
    "dbus-daemon",
    "libdbus-1-3",
    "udev",
];

/// Parts of a distribution that apt takes from by itself: their packages are one offer with those of the distribution.
/// Backports and proposed updates are not: they are compared apart.
const POCKETS: [&str; 4] = ["-updates", "-security", "/updates", "-lts"];

/// A Release of a suite with many indexes has 300 KB.
const RELEASE_MAX: u64 = 32 << 20;

/// What a suite's packages are compared together with: `bookworm` for `bookworm-security`.
pub fn distribution_of(suite: &str) -> &str {
    POCKETS.iter().find_map(|pocket| suite.strip_suffix(pocket)).unwrap_or(suite)
}

fn is_kernel(name: &str) -> bool {
    KERNEL.iter().any(|start| name.starts_with(start))
        || MICROCODE.contains(&name)
        || KERNEL_FLAVOURS.iter().any(|start| {
            name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
}

/// Headers and tools do not run.
fn is_running_kernel(name: &str) -> bool {
    is_kernel(name) && !["headers", "kbuild", "tools"].iter().any(|word| name.contains(word))
}

fn needs_reboot(name: &str) -> bool {
    is_running_kernel(name)
        || REBOOT.contains(&name)
        || name.starts_with("libssl")
            && name["libssl".len()..].starts_with(|char: char| char.is_ascii_digit())
}

pub(super) fn says_security(text: &str) -> bool {
    text.to_ascii_lowercase().contains("security")
}

/// The flags of a change; of what is no longer offered, and of what only moved, nobody has to take notice.
pub(super) fn flags(
    name: &str,
    kind: Kind,
    new: Option<&Offer>,
    is_security: impl Fn(&str) -> bool,
) -> BTreeSet<Flag> {
    let mut flags = BTreeSet::new();
    if is_kernel(name) {
        flags.insert(Flag::Kernel);
    }
    let Some(new) = new else { return flags };
    if kind != Kind::Moved && needs_reboot(name) {
        flags.insert(Flag::Reboot);
    }
    if kind != Kind::Moved && new.suites.iter().any(|suite| is_security(suite)) {
        flags.insert(Flag::Security);
    }
    flags
}

/// The suites of a build whose Release calls itself security, whatever their own names are.
pub fn security_suites(build: &Path, info: &BuildInfo) -> io::Result<BTreeSet<(UpstreamName, String)>> {
    let mut found = BTreeSet::new();
    for upstream in &info.upstreams {
        let suite = upstream.suite.as_str();
        let folder = match upstream.suite.is_flat() {
            true => build.join(&upstream.name).join(suite),
            false => build.join(&upstream.name).join("dists").join(suite),
        };
        let path = folder.join("Release");
        let length = std::fs::metadata(&path)?.len();
        if length > RELEASE_MAX {
            let what = format!("{}: expected at most {RELEASE_MAX} bytes, found {length}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let release = Release::parse(&std::fs::read(&path)?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let words = [release.label, release.suite, release.codename];
        if words.iter().flatten().any(|word| says_security(word)) {
            found.insert((upstream.name.clone(), suite.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_and_what_needs_a_reboot_are_known_by_name() {
        for name in [
            "linux-image-6.1.0-25-cloud-amd64",
            "linux-headers-generic",
            "linux-modules-extra-6.8.0-1-generic",
            "linux-virtual",
            "linux-aws",
            "linux-azure-lts-22.04",
            "intel-microcode",
        ] {
            assert!(is_kernel(name), "{name}");
        }
        for name in ["linux-libc-dev", "linux-base", "linux-awsome", "util-linux", "microcode.ctl-doc"] {
            assert!(!is_kernel(name), "{name}");
        }
        for name in ["libssl3", "libssl1.1", "libssl3t64", "libc6", "linux-image-amd64", "amd64-microcode"] {
            assert!(needs_reboot(name), "{name}");
        }
        for name in ["libssl-dev", "libc6-dev", "linux-headers-amd64", "systemd-cron", "bash"] {
            assert!(!needs_reboot(name), "{name}");
        }
    }

    #[test]
    fn backports_are_a_distribution_of_their_own() {
        for (suite, distribution) in [
            ("bookworm", "bookworm"),
            ("bookworm-security", "bookworm"),
            ("noble-updates", "noble"),
            ("buster/updates", "buster"),
            ("bookworm-backports", "bookworm-backports"),
            ("noble-proposed", "noble-proposed"),
            ("./", "./"),
        ] {
            assert_eq!(distribution_of(suite), distribution);
        }
    }
}
