//! Who is at work on the machine's packages: to go down in the middle of it leaves them half installed.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::files::text_of;
use crate::op::Host;

/// A line for each lock of every process.
const MOST: u64 = 4 << 20;

/// dpkg's own lock, and the one that apt holds around several runs of dpkg.
const LOCKS: [&str; 2] = ["/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend"];

/// The process that holds the package lock, for a person.
pub(crate) fn holder(host: &Host) -> Option<String> {
    let locks = text_of(&host.path("/proc/locks"), MOST).ok()?;
    let inodes: Vec<u64> =
        LOCKS.iter().filter_map(|path| fs::metadata(host.path(path)).ok()).map(|meta| meta.ino()).collect();
    let pid = locks.lines().find_map(|line| held(line, &inodes))?;
    let name = text_of(&host.path(&format!("/proc/{pid}/comm")), 64).unwrap_or_default();
    Some(format!("{} (process {pid})", if name.trim().is_empty() { "a program" } else { name.trim() }))
}

/// Such a line is `1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; one that waits for a lock has `->` as its second word. The
/// device is not compared: it is not the one that stat tells on btrfs and overlayfs.
fn held(line: &str, inodes: &[u64]) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[_, "POSIX", _, "WRITE", pid, place, ..] = words.as_slice() else { return None };
    let inode: u64 = place.rsplit(':').next()?.parse().ok()?;
    inodes.contains(&inode).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_waited_for_is_not_held() {
        assert_eq!(held("1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF", &[5678]), Some(1234));
        assert_eq!(held("1: -> POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF", &[5678]), None);
        assert_eq!(held("1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF", &[5678]), None);
        assert_eq!(held("1: POSIX  ADVISORY  WRITE 1234 08:01:5679 0 EOF", &[5678]), None);
    }
}
