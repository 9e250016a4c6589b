//! The lock of dpkg, and who holds it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use smith_agent::protocol::{Cause, Failure};

use crate::op::{Context, Host};

/// Held by whoever changes packages.
pub(crate) const OF_PACKAGES: [&str; 2] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];

/// Held by an apt of ours that a killed agent left behind, until it ends by itself.
pub(crate) const OF_OURS: [&str; 2] =
    ["/var/cache/smith-agent/lists/lock", "/var/cache/smith-agent/archives/lock"];

/// Between two looks. Whoever holds the lock holds it for seconds.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until nobody holds one of the locks, at most `limit`. Nothing is kept locked: apt takes the lock itself and
/// waits once more if somebody came between.
pub(crate) fn wait(ctx: &mut Context<'_>, locks: &[&'static str], limit: Duration) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut told = String::new();
    while let Some((lock, holder)) = held(ctx.host, locks) {
        if begun.elapsed() >= ctx.left(limit)? {
            let waited = begun.elapsed().as_secs();
            let message = format!("expected {lock} to be free, found it held by {holder} for {waited} s");
            return Err(Failure::new(Cause::Busy, message));
        }
        if told != holder {
            ctx.progress("wait", None, &format!("{holder} holds {lock}"));
            told = holder;
        }
        sleep(LOOK.min(limit));
    }
    Ok(())
}

/// The first lock that somebody holds, and who it is.
fn held(host: &Host, locks: &[&'static str]) -> Option<(&'static str, String)> {
    locks.iter().find_map(|&lock| {
        // Where there is no such file, there is nobody who could have locked it; xenial has no `lock-frontend`.
        let file = File::options().read(true).write(true).open(host.path(lock)).ok()?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            // It is given back where the file is closed.
            Ok(()) => None,
            Err(_) => {
                Some((lock, holder(&file).unwrap_or_else(|| "a process that cannot be seen".to_owned())))
            }
        }
    })
}

/// The program and the process that hold a lock on a file, from the kernel's list.
fn holder(file: &File) -> Option<String> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // `1: POSIX ADVISORY WRITE 4711 fd:00:262 0 EOF`; waiting ones have an arrow in between and are passed over.
        let [_, "POSIX", _, _, pid, place, ..] = words.as_slice() else { return None };
        place.rsplit(':').next().filter(|found| *found == inode).map(|_| (*pid).to_owned())
    })?;
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let program = if program.trim().is_empty() { "a program" } else { program.trim() };
    Some(format!("{program} (process {pid})"))
}
