//! Whether a plan fits onto the machine's disks.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{StatVfs, statvfs};
use smith_agent::protocol::{Cause, Failure};

use super::home::Home;
use super::lists::Offers;
use super::plan::Plan;
use super::status::{Key, Machine};
use crate::kernel;
use crate::op::Host;

/// Room that is left to logs and to what scripts write.
const SLACK: u64 = 16 << 20;

/// Files of a package that is new: the median of Debian's is 15, of its larger ones some hundred.
const FILES_OF_A_PACKAGE: u64 = 100;

/// What dpkg and apt need beside the packages' own files.
const FILES_OF_TOOLS: u64 = 500;

/// A kernel, its initial file system and its symbols where no other on the machine shows how large they are.
const BOOT_FILES: u64 = 128 << 20;

/// What a plan needs, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) download: u64,
    /// What the packages' files grow by, and the largest of them twice: dpkg has both while it changes one.
    growth: u64,
    kernels: u64,
    files: u64,
}

#[derive(Debug, Default)]
struct Wanted {
    path: &'static str,
    bytes: u64,
    files: u64,
}

pub(crate) fn need(plan: &Plan, machine: &Machine, offers: &Offers, home: &Home) -> Need {
    let mut need = Need { files: FILES_OF_TOOLS, ..Need::default() };
    let (mut more, mut less, mut largest) = (0, 0, 0);
    for (key, version) in &plan.install {
        let Some(offer) = offers.of_version(key, version) else { continue };
        if !is_downloaded(home, key, version, offer.size) {
            need.download += offer.size;
        }
        more += offer.installed_kib;
        largest = largest.max(offer.installed_kib);
        match machine.packages.get(key) {
            Some(present) => less += present.size_kib,
            None => {
                need.files += FILES_OF_A_PACKAGE;
                need.kernels += u64::from(kernel::release_of(&key.name).is_some());
            }
        }
    }
    need.growth = (more.saturating_sub(less) + largest) << 10;
    need
}

/// apt's name for what it has downloaded: the colon of the version is written out.
fn is_downloaded(home: &Home, key: &Key, version: &str, size: u64) -> bool {
    let is_there = |architecture: &str| {
        let name = format!("{}_{}_{architecture}.deb", key.name, version.replace(':', "%3a"));
        fs::metadata(home.archives().join(name)).is_ok_and(|found| found.len() == size)
    };
    is_there(&key.architecture) || is_there("all")
}

/// Compares what is needed with what is free, file system by file system, when these kernels are gone.
pub(crate) fn check(need: &Need, gone: &[String], host: &Host, home: &Home) -> Result<(), Failure> {
    let mut wanted: BTreeMap<u64, Wanted> = BTreeMap::new();
    let mut want = |path: &'static str, place: &Path, bytes: u64, files: u64| {
        if let Ok(found) = fs::metadata(place) {
            let entry = wanted.entry(found.dev()).or_default();
            entry.path = if entry.path.is_empty() { path } else { entry.path };
            entry.bytes += bytes;
            entry.files += files;
        }
    };
    want("/", &host.path("/"), SLACK, FILES_OF_TOOLS);
    want("/usr", &host.path("/usr"), need.growth, need.files);
    want("/var", &host.path("/var"), SLACK, FILES_OF_TOOLS);
    want("/var/cache/smith-agent", &home.archives(), need.download, FILES_OF_TOOLS);
    let of = boot_files(host);
    let largest = of.values().copied().max().unwrap_or(BOOT_FILES);
    let freed: u64 = gone.iter().filter_map(|release| of.get(release)).sum();
    want("/boot", &host.path("/boot"), (need.kernels * largest).saturating_sub(freed), FILES_OF_TOOLS);
    for one in wanted.values() {
        let Ok(free) = statvfs(host.path(one.path)) else { continue };
        compare(one, &free)?;
    }
    Ok(())
}

fn compare(wanted: &Wanted, free: &StatVfs) -> Result<(), Failure> {
    let full = |message: String| Err(Failure::new(Cause::DiskFull, message));
    let bytes = free.f_bavail.saturating_mul(free.f_frsize);
    if bytes < wanted.bytes {
        let (path, wanted, found) = (wanted.path, wanted.bytes.div_ceil(1 << 20), bytes >> 20);
        return full(format!("expected {wanted} MiB free on {path}, found {found} MiB"));
    }
    // Some file systems make files as they need them and say that there are none.
    if free.f_files > 0 && free.f_favail < wanted.files {
        let (path, wanted, found) = (wanted.path, wanted.files, free.f_favail);
        return full(format!("expected {wanted} free inodes on {path}, found {found}"));
    }
    Ok(())
}

/// What each kernel of the machine has in /boot.
fn boot_files(host: &Host) -> BTreeMap<String, u64> {
    let mut of: BTreeMap<String, u64> = BTreeMap::new();
    let Ok(folder) = fs::read_dir(host.path("/boot")) else { return of };
    for entry in folder.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((kind, release)) = name.split_once('-') else { continue };
        if matches!(kind, "vmlinuz" | "vmlinux" | "initrd.img" | "System.map" | "config") {
            *of.entry(release.to_owned()).or_default() += entry.metadata().map_or(0, |found| found.len());
        }
    }
    of
}
