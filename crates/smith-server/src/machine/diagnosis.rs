//! Likely causes of what ails a machine, and what to do about them, from its facts and the pieces of its report.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use smith_agent::protocol::Facts;

/// One likely cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Likely {
    pub cause: String,
    /// What it is told by: a line of the report, or a fact.
    pub because: String,
    pub remedy: String,
}

/// A file system with less room than this cannot take a usual week's packages.
const ROOM_KIB: u64 = 512 << 10;
/// dpkg makes a few files for each package; a kernel with headers is thirty thousand.
const ROOM_INODES: u64 = 40_000;
/// Clocks that differ by more make signatures invalid and logs unreadable.
const SKEW_S: u64 = 60;

/// A line of a log that tells a cause.
struct Sign {
    /// All of these stand in the line.
    words: &'static [&'static str],
    cause: &'static str,
    remedy: &'static str,
}

const HELD_LOCK: &str = "another program holds the package lock";
const FREE_LOCK: &str =
    "see which one (`fuser -v /var/lib/dpkg/lock-frontend`), let it end or stop it, then try again";
const NO_MIRROR: &str = "the mirror could not be reached";
const REACH_MIRROR: &str = "check the network path from the machine to its mirror (`smith mirror status`)";

const SIGNS: &[Sign] = &[
    Sign {
        words: &["No space left on device"],
        cause: "a file system is full",
        remedy: "make room (`apt-get clean`, old logs, old kernels), then try again",
    },
    Sign {
        words: &["old kernels ", " could not be purged"],
        cause: "old kernels could not be purged",
        remedy: "purge them by hand (`apt-get purge linux-image-…`), then try again",
    },
    Sign {
        words: &["installation script", "returned error"],
        cause: "a package's own script fails",
        remedy: "see the package's lines above the error in apt/term.log; mend what it needs or exclude the package from the build",
    },
    Sign { words: &["Could not get lock"], cause: HELD_LOCK, remedy: FREE_LOCK },
    Sign { words: &["to be free, found it held by"], cause: HELD_LOCK, remedy: FREE_LOCK },
    Sign {
        words: &["dpkg was interrupted"],
        cause: "dpkg was interrupted in the middle",
        remedy: "the next patch repairs it first; by hand: `dpkg --configure -a`",
    },
    Sign {
        words: &["Temporary failure resolving"],
        cause: "names are not resolved",
        remedy: "check /etc/resolv.conf and the name servers in it",
    },
    Sign {
        words: &["is not valid yet"],
        cause: "the clock is wrong",
        remedy: "compare it with the mirror's (`date`), mend the time service of the one that is wrong, then try again",
    },
    Sign { words: &["Could not connect to"], cause: NO_MIRROR, remedy: REACH_MIRROR },
    Sign { words: &["Unable to connect to"], cause: NO_MIRROR, remedy: REACH_MIRROR },
    Sign {
        words: &["NO_PUBKEY"],
        cause: "the mirror's signature is of another key",
        remedy: "check which keys signed the build (`smith build show`), and that the mirror serves our builds",
    },
    Sign {
        words: &["Out of memory: Killed process"],
        cause: "the kernel killed a process for want of memory",
        remedy: "see which one in the kernel's log; give the machine memory or swap before it is patched",
    },
    Sign {
        words: &["I/O error"],
        cause: "a disk has errors",
        remedy: "have the disk looked at before anything is written to it",
    },
    Sign {
        words: &["Remounting filesystem read-only"],
        cause: "a file system went read-only after an error",
        remedy: "check the disk and the file system (`dmesg`, `fsck`), then reboot",
    },
];

const AGENT_LOG: &str = "agent.log";

/// Tells of each operation what the agent's log tells in the order of time.
const OPERATIONS: &str = "operations";

/// What was in the way of a patch was gone when a later one came to a good end. The lines are `TIME OPERATION WORDS`.
fn since_the_last_good_patch(log: &str) -> &str {
    let mut patches = BTreeSet::new();
    let mut from = 0;
    let mut at = 0;
    for line in log.split_inclusive('\n') {
        at += line.len();
        let mut words = line.trim_end().splitn(3, ' ').skip(1);
        let (Some(operation), Some(said)) = (words.next(), words.next()) else { continue };
        if said == "patch began" {
            patches.insert(operation);
        } else if matches!(said, "ended: done" | "ended: already so") && patches.contains(operation) {
            from = at;
        }
    }
    &log[from..]
}

/// What the facts and the report's lines tell, the strongest first. `now` is the controller's clock in seconds since 1970.
pub fn diagnose(facts: Option<&Facts>, pieces: &BTreeMap<String, String>, now: u64) -> Vec<Likely> {
    let mut found = Vec::new();
    if let Some(facts) = facts {
        from_facts(facts, now, &mut found);
    }
    for sign in SIGNS {
        let line = pieces.iter().filter(|(name, _)| *name != OPERATIONS).find_map(|(name, text)| {
            let text = if name == AGENT_LOG { since_the_last_good_patch(text) } else { text };
            let has_all = |line: &&str| sign.words.iter().all(|word| line.contains(word));
            // The newest line stands last.
            text.lines().rev().find(has_all).map(|line| format!("{name}: {}", line.trim()))
        });
        if let Some(because) = line
            && !found.iter().any(|known: &Likely| known.cause == sign.cause)
        {
            found.push(likely(sign.cause, because, sign.remedy));
        }
    }
    found
}

fn from_facts(facts: &Facts, now: u64, found: &mut Vec<Likely>) {
    for disk in &facts.disks {
        let (path, size, free) = (&disk.path, disk.size_kib, disk.free_kib);
        // A small /boot never has half a gibibyte.
        if free < ROOM_KIB.min(size / 10) {
            let because = format!("{path} has {} MiB of {} MiB free", free >> 10, size >> 10);
            found.push(likely(
                "a file system is full",
                because,
                "make room (`apt-get clean`, old logs, old kernels), then try again",
            ));
        }
        if disk.free_inodes > 0 && disk.free_inodes < ROOM_INODES {
            let because = format!("{path} has {} inodes free", disk.free_inodes);
            found.push(likely(
                "a file system is out of inodes",
                because,
                "remove many small files, then try again",
            ));
        }
    }
    if !facts.audit.is_empty() {
        let because = facts.audit[0].clone();
        found.push(likely(
            "dpkg has packages that are half installed",
            because,
            "the next patch repairs them first; by hand: `dpkg --configure -a` and `apt-get -f install`",
        ));
    }
    if !facts.holds.is_empty() {
        let because = facts.holds.join(", ");
        found.push(likely(
            "packages are held",
            because,
            "`apt-mark unhold` them, or let the pipeline leave holds",
        ));
    }
    if facts.clock > 0 && facts.clock.abs_diff(now) > SKEW_S {
        let because = format!("the machine's clock is {} s from ours", facts.clock.abs_diff(now));
        found.push(likely(
            "the clock is wrong",
            because,
            "mend its time service (`timedatectl`), then try again",
        ));
    }
    if let Some(newest) = facts.kernel.installed.last()
        && *newest != facts.kernel.running
    {
        let because = format!("it runs {}, {newest} is installed", facts.kernel.running);
        found.push(likely(
            "the newest kernel does not run",
            because,
            "reboot it; then see what the boot loader starts",
        ));
    }
    if let Some(what) = &facts.dead_man {
        found.push(likely(
            "it lost its controller after a change",
            what.clone(),
            "check what the change did to its network",
        ));
    }
}

fn likely(cause: &str, because: impl Into<String>, remedy: &str) -> Likely {
    Likely { cause: cause.to_owned(), because: because.into(), remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{Disk, Kernel};

    use super::*;

    fn causes(facts: Option<&Facts>, pieces: &[(&str, &str)]) -> Vec<String> {
        let pieces = pieces.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        diagnose(facts, &pieces, 1_000_000).into_iter().map(|likely| likely.cause).collect()
    }

    #[test]
    fn a_healthy_machine_has_none() {
        let disks = vec![
            Disk { path: "/".into(), size_kib: 20 << 20, free_kib: 4 << 20, free_inodes: 900_000 },
            Disk { path: "/boot".into(), size_kib: 500 << 10, free_kib: 300 << 10, free_inodes: 60_000 },
        ];
        let kernel = Kernel { running: "6.1.0-9".into(), installed: vec!["6.1.0-9".into()] };
        let facts = Facts { disks, kernel, clock: 1_000_003, ..Facts::default() };
        assert_eq!(
            causes(Some(&facts), &[("dpkg.log", "status installed bash:amd64 5.2")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn facts_tell_causes() {
        let disks = vec![Disk { path: "/".into(), size_kib: 20 << 20, free_kib: 90, free_inodes: 10 }];
        let kernel =
            Kernel { running: "6.1.0-8".into(), installed: vec!["6.1.0-8".into(), "6.1.0-9".into()] };
        let facts = Facts {
            disks,
            kernel,
            clock: 5,
            holds: vec!["libc6".into()],
            audit: vec!["half".into()],
            ..Facts::default()
        };
        assert_eq!(
            causes(Some(&facts), &[("term.log", "x\ncp: No space left on device\n")]),
            [
                "a file system is full",
                "a file system is out of inodes",
                "dpkg has packages that are half installed",
                "packages are held",
                "the clock is wrong",
                "the newest kernel does not run",
            ]
        );
    }

    #[test]
    fn the_newest_line_is_the_evidence() {
        let text = "old: installed a post-installation script subprocess returned error exit status 1\n\
                    new: installed b post-installation script subprocess returned error exit status 2\n";
        let pieces = [("apt/term.log".to_owned(), text.to_owned())].into();
        let [one] = &diagnose(None, &pieces, 0)[..] else { panic!() };
        assert_eq!(one.cause, "a package's own script fails");
        assert!(one.because.starts_with("apt/term.log: new: installed b"), "{}", one.because);
    }

    #[test]
    fn what_a_good_patch_came_after_is_no_cause_any_more() {
        let full = "T a patch began\nT a No space left on device\nT a ended: failed, disk-full: full\n";
        let good = "T b patch began\nT b ended: done\n";
        let other = "T c health began\nT c ended: done\n";
        let is_told = |text: String| {
            causes(None, &[("agent.log", &text), ("operations", "No space left on device")])
                .contains(&"a file system is full".to_owned())
        };
        assert!(is_told(full.to_owned()));
        assert!(is_told(format!("{full}{other}")));
        assert!(!is_told(format!("{full}{good}")));
        assert!(is_told(format!("{good}{full}")));
    }

    #[test]
    fn what_the_agent_itself_says_is_understood() {
        for (line, cause) in [
            (
                "T a expected /var/lib/dpkg/lock to be free, found it held by perl (process 7) for 9 s",
                HELD_LOCK,
            ),
            ("T a old kernels 5.10.0-1-x could not be purged: expected", "old kernels could not be purged"),
            ("T a Could not connect to 10.0.0.1:80 (10.0.0.1). - connect (113: No route to host)", NO_MIRROR),
            (
                "T a E: Release file for http://m/InRelease is not valid yet (invalid for 1d)",
                "the clock is wrong",
            ),
        ] {
            assert_eq!(causes(None, &[("agent.log", line)]), [cause]);
        }
    }
}
