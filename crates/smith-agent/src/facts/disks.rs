//! The file systems that a patch or a log can fill.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::fs::statvfs;
use smith_agent::protocol::Disk;

use crate::op::{Host, read_bounded};

/// A host of containers has thousands of lines there.
const MOUNTS_MAX: u64 = 1 << 20;

/// More than a person looks at.
const DISKS_MAX: usize = 32;

/// Mounts of real devices, each device once, with the shortest of its paths; and `/`, whatever it is.
pub(crate) fn disks(host: &Host) -> Vec<Disk> {
    let content = read_bounded(&host.path("/proc/self/mounts"), MOUNTS_MAX).ok().flatten();
    let text = String::from_utf8_lossy(&content.unwrap_or_default()).into_owned();
    let paths = paths(&text);
    // What is mounted onto a single file, as containers have it, is not a place where anything is put.
    let folders = paths.iter().filter(|path| host.path(path).is_dir());
    folders.take(DISKS_MAX).filter_map(|path| disk(host, path)).collect()
}

fn paths(mounts: &str) -> Vec<String> {
    let mut devices: BTreeMap<&str, String> = BTreeMap::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(path), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        // An image of a snap is always full.
        let is_real = (device.starts_with("/dev/") || kind == "zfs") && kind != "squashfs";
        if !is_real && path != "/" {
            continue;
        }
        let path = unescape(path);
        devices
            .entry(device)
            .and_modify(|known| {
                if path.len() < known.len() {
                    known.clone_from(&path);
                }
            })
            .or_insert(path);
    }
    let mut paths: Vec<String> = devices.into_values().collect();
    paths.sort();
    paths.dedup();
    paths
}

/// The kernel writes a space as `\040`.
fn unescape(path: &str) -> String {
    ["\\040 ", "\\011\t", "\\012\n", "\\134\\"].iter().fold(path.to_owned(), |path, pair| {
        let (escaped, plain) = pair.split_at(4);
        path.replace(escaped, plain)
    })
}

fn disk(host: &Host, path: &str) -> Option<Disk> {
    let at = if path == "/" { host.root().to_owned() } else { host.path(path) };
    let kept = statvfs::<&Path>(&at).ok()?;
    let kib = |blocks: u64| {
        u64::try_from(u128::from(blocks) * u128::from(kept.f_frsize) / 1024).unwrap_or(u64::MAX)
    };
    Some(Disk {
        path: path.to_owned(),
        size_kib: kib(kept.f_blocks),
        free_kib: kib(kept.f_bavail),
        free_inodes: kept.f_favail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_once() {
        let mounts = "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /boot ext4 rw 0 0\n\
            /dev/sdb1 /srv/my\\040data xfs rw 0 0\n/dev/sda1 /mnt/boot/again ext4 rw 0 0\n/dev/loop1 /snap/a squashfs ro 0 0\n";
        assert_eq!(paths(mounts), ["/", "/boot", "/srv/my data"]);
    }

    #[test]
    fn a_disk_has_a_size() {
        let found = disk(&Host::at("/"), "/").unwrap();
        assert!(found.size_kib >= found.free_kib && found.size_kib > 0);
    }
}
