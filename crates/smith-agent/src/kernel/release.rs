//! Releases of kernels as the names of packages say them.
//!
//! `6.1.0-37-cloud-amd64` is of the flavour `cloud-amd64`; the newest is asked for among kernels of one flavour, because the others
//! are on the machine for reasons of their own.

use std::cmp::Ordering;
use std::fs;

use smith_agent::protocol::{Failure, Kernel};

use crate::apt::{Machine, compare};
use crate::op::Host;

const IMAGES: [&str; 2] = ["linux-image-unsigned-", "linux-image-"];

pub(crate) fn facts(host: &Host) -> Result<Kernel, Failure> {
    // The architecture is only for showing names, which is not done here.
    Ok(of(host, &Machine::read(host, "")?))
}

/// The same from a database that was read already.
pub(crate) fn of(host: &Host, machine: &Machine) -> Kernel {
    let mut installed: Vec<String> =
        machine.packages.keys().filter_map(|key| release_of(&key.name)).map(str::to_owned).collect();
    installed.sort_by(|one, other| order(one, other));
    installed.dedup();
    Kernel { running: line(host, "/proc/sys/kernel/osrelease"), installed }
}

/// The release of a package that brings a kernel. Packages that only point to the newest one are none.
pub(crate) fn release_of(package: &str) -> Option<&str> {
    let release = IMAGES.into_iter().find_map(|prefix| package.strip_prefix(prefix))?;
    let mut numbers = release.splitn(3, '.');
    let is_number =
        |part: Option<&str>| part.is_some_and(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    let is_release = is_number(numbers.next()) && is_number(numbers.next()) && is_number(numbers.next());
    (is_release && !release.ends_with("-dbg") && !release.ends_with("-dbgsym")).then_some(release)
}

/// The kernel that should run: the newest of the running one's flavour, or of all where there is none of that flavour.
pub(crate) fn newest(kernel: &Kernel) -> Option<&str> {
    let mine = flavour(&kernel.running);
    let of_mine = kernel.installed.iter().rev().find(|release| flavour(release) == mine);
    of_mine.or(kernel.installed.last()).map(String::as_str)
}

/// Kernels that are neither running nor the newest of their flavour.
pub(crate) fn old(kernel: &Kernel) -> Vec<String> {
    let is_newest = |release: &String| {
        let same = |other: &&String| flavour(other) == flavour(release);
        kernel.installed.iter().rfind(same) == Some(release)
    };
    // Where it is not known what runs, every kernel may be the one.
    let is_old =
        |release: &&String| !kernel.running.is_empty() && **release != kernel.running && !is_newest(release);
    kernel.installed.iter().filter(is_old).cloned().collect()
}

/// Whether a package is of this release and of no other: its image, modules, headers, tools.
pub(crate) fn belongs(package: &str, release: &str) -> bool {
    let kind = package.strip_prefix("linux-").and_then(|rest| rest.strip_suffix(release));
    kind.is_some_and(|kind| kind.ends_with('-'))
}

/// Why a reboot is needed for the kernel.
pub(crate) fn needs(host: &Host, machine: &Machine) -> Option<String> {
    let kernel = of(host, machine);
    let newest = newest(&kernel)?;
    if kernel.running.is_empty() {
        return None;
    }
    if newest != kernel.running {
        return Some(format!("kernel {newest} is installed, {} runs", kernel.running));
    }
    // Debian gives the same release to several versions of a kernel and says in it which one runs.
    let told = line(host, "/proc/sys/kernel/version");
    let (_, running) = told.split_once(" Debian ")?;
    let running = running.split(' ').next()?;
    let is_its = |name: &str| release_of(name) == Some(newest);
    let (_, installed) = machine.packages.iter().find(|(key, _)| is_its(&key.name))?;
    let is_other = compare(&installed.version, running) == Ordering::Greater;
    is_other.then(|| format!("kernel {newest} is installed in version {}, {running} runs", installed.version))
}

/// What comes after the numbers of a release.
fn flavour(release: &str) -> &str {
    let starts_with_digit = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    let mut rest = release;
    while starts_with_digit(rest) {
        rest = rest.split_once('-').map_or("", |(_, rest)| rest);
    }
    rest
}

fn order(one: &str, other: &str) -> Ordering {
    let numbers = |release: &str| {
        release.strip_suffix(flavour(release)).unwrap_or(release).trim_end_matches('-').to_owned()
    };
    compare(&numbers(one), &numbers(other)).then_with(|| one.cmp(other))
}

fn line(host: &Host, path: &str) -> String {
    fs::read_to_string(host.path(path)).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(running: &str, installed: &[&str]) -> Kernel {
        let mut installed: Vec<String> = installed.iter().map(|one| (*one).to_owned()).collect();
        installed.sort_by(|one, other| order(one, other));
        Kernel { running: running.to_owned(), installed }
    }

    #[test]
    fn packages_that_bring_a_kernel() {
        assert_eq!(release_of("linux-image-6.1.0-37-amd64"), Some("6.1.0-37-amd64"));
        assert_eq!(release_of("linux-image-unsigned-5.15.0-1-generic"), Some("5.15.0-1-generic"));
        assert_eq!(release_of("linux-image-6.12.9+bpo-amd64"), Some("6.12.9+bpo-amd64"));
        for none in [
            "linux-image-amd64",
            "linux-image-generic-hwe-22.04",
            "linux-image-6.1-amd64",
            "linux-image-6.1.0-1-amd64-dbg",
            "linux-headers-6.1.0-1-amd64",
        ] {
            assert_eq!(release_of(none), None, "{none}");
        }
    }

    #[test]
    fn the_running_and_the_newest_of_each_flavour_stay() {
        let all = ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-37-amd64", "6.1.0-9-cloud-amd64"];
        let found = kernel("6.1.0-10-amd64", &all);
        assert_eq!(found.installed.last().map(String::as_str), Some("6.1.0-37-amd64"));
        assert_eq!(old(&found), ["6.1.0-9-amd64"]);
        assert_eq!(newest(&found), Some("6.1.0-37-amd64"));
        assert_eq!(newest(&kernel("6.1.0-9-cloud-amd64", &all)), Some("6.1.0-9-cloud-amd64"));
        assert_eq!(newest(&kernel("5.10.0-custom", &all)), Some("6.1.0-37-amd64"));
        assert!(old(&kernel("", &all)).is_empty(), "what runs is not known");
        assert_eq!(newest(&kernel("6.1.0", &[])), None);
    }

    #[test]
    fn what_belongs_to_a_kernel() {
        for (package, is_of) in [
            ("linux-image-6.1.0-9-amd64", true),
            ("linux-headers-6.1.0-9-amd64", true),
            ("linux-modules-extra-6.1.0-9-amd64", true),
            ("linux-image-6.1.0-9-cloud-amd64", false),
            ("linux-image-16.1.0-9-amd64", false),
            ("linux-image-amd64", false),
            ("zfs-modules-6.1.0-9-amd64", false),
        ] {
            assert_eq!(belongs(package, "6.1.0-9-amd64"), is_of, "{package}");
        }
    }
}
