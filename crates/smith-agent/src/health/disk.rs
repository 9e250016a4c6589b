//! Room on the file systems, in bytes and in inodes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use smith_agent::protocol::Finding;

use super::check::{bad, good};
use crate::op::Host;
use crate::settings::{Free, Settings};

/// What a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) size_kib: u64,
    pub(crate) free_kib: u64,
    /// 0 where the file system makes inodes as they are needed.
    pub(crate) inodes: u64,
    pub(crate) free_inodes: u64,
    pub(crate) read_only: bool,
}

pub(crate) fn space(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    let kib = |blocks: u64| blocks.saturating_mul(found.f_frsize) / 1024;
    Ok(Space {
        size_kib: kib(found.f_blocks),
        // Root may use what is reserved for it, but a machine that lives on its reserve is full.
        free_kib: kib(found.f_bavail),
        inodes: found.f_files,
        free_inodes: found.f_favail,
        read_only: found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

/// One finding for all file systems, or one for each that is not well. A file system is looked at once, by the first of the
/// folders that lie on it.
pub(super) fn judge(host: &Host, settings: &Settings) -> Vec<Finding> {
    let (mut seen, mut wrong, mut fine) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (path, wanted) in &settings.health.disks {
        let at = host.path(path);
        // A folder that is not there has no room to lack.
        let Ok(meta) = fs::metadata(&at) else { continue };
        if !seen.insert(meta.dev()) {
            continue;
        }
        match space(&at) {
            Ok(space) => match lacks(path, space, *wanted) {
                Some(text) => wrong.push(bad("disk", text)),
                None => fine.push(format!("{path} has {} MiB", space.free_kib / 1024)),
            },
            Err(error) => wrong.push(bad("disk", format!("{path} cannot be looked at: {error}"))),
        }
    }
    if wrong.is_empty() {
        wrong.push(good("disk", fine.join(", ")));
    }
    wrong
}

fn lacks(path: &str, space: Space, wanted: Free) -> Option<String> {
    let free = space.free_kib / 1024;
    // A kernel that finds an error on a file system often takes it for reading only from then on.
    if space.read_only && path != "/boot" {
        return Some(format!("expected {path} to be writable, found it mounted read-only"));
    }
    if free < wanted.mib {
        return Some(format!("expected {} MiB free on {path}, found {free} MiB", wanted.mib));
    }
    // In whole numbers, and without an overflow on file systems that promise 2^64 inodes.
    let percent = (u128::from(space.free_inodes) * 100).checked_div(u128::from(space.inodes))?;
    (percent < u128::from(wanted.inodes_percent)).then(|| {
        format!("expected {} % of the inodes free on {path}, found {percent} %", wanted.inodes_percent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Space =
        Space { size_kib: 9 << 20, free_kib: 300 << 10, inodes: 1000, free_inodes: 20, read_only: false };

    #[test]
    fn room_is_bytes_and_inodes_and_leave_to_write() {
        let wanted = Free { mib: 300, inodes_percent: 2 };
        assert_eq!(lacks("/", ROOM, wanted), None);
        let full = Space { free_kib: (300 << 10) - 1, ..ROOM };
        assert_eq!(lacks("/", full, wanted), Some("expected 300 MiB free on /, found 299 MiB".to_owned()));
        let many = Space { free_inodes: 19, ..ROOM };
        assert_eq!(
            lacks("/", many, wanted),
            Some("expected 2 % of the inodes free on /, found 1 %".to_owned())
        );
        assert_eq!(lacks("/", Space { inodes: 0, free_inodes: 0, ..ROOM }, wanted), None);
        let fixed = Space { read_only: true, ..ROOM };
        assert_eq!(
            lacks("/", fixed, wanted),
            Some("expected / to be writable, found it mounted read-only".to_owned())
        );
        assert_eq!(lacks("/boot", fixed, wanted), None);
    }

    #[test]
    fn a_file_system_is_looked_at_once() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("var")).unwrap();
        let host = Host::at(root.path());
        let mut settings = Settings::default();
        for free in settings.health.disks.values_mut() {
            *free = Free { mib: 0, inodes_percent: 0 };
        }
        let findings = judge(&host, &settings);
        assert!(findings.len() == 1 && findings[0].text.matches(" has ").count() == 1, "{findings:?}");
        settings.health.disks.insert("/".to_owned(), Free { mib: u64::MAX, inodes_percent: 0 });
        let findings = judge(&host, &settings);
        assert!(findings.len() == 1 && !findings[0].good, "{findings:?}");
    }
}
