//! Lines of logs that tell a cause.

use super::history::History;
use super::likely::{Known, Likely};

/// A line of a log that tells a cause.
pub(super) struct Sign {
    /// All of these stand in the line.
    words: &'static [&'static str],
    cause: &'static str,
    remedy: &'static str,
}

pub(super) const FULL: &str = "a file system is full";
pub(super) const MAKE_ROOM: &str = "make room (`apt-get clean`, old logs, old kernels), then try again";
pub(super) const HELD_LOCK: &str = "another program holds the package lock";
pub(super) const FREE_LOCK: &str =
    "let that program end or stop it (`package lock` in machine.txt has its process), then try again";
pub(super) const NO_MIRROR: &str = "the mirror could not be reached";
pub(super) const REACH_MIRROR: &str =
    "check the network path from the machine to its mirror (`smith mirror status`)";
pub(super) const INTERRUPTED: &str = "dpkg was interrupted in the middle";
pub(super) const SCRIPT_FAILS: &str = "a package's own script fails";
pub(super) const MEND_SCRIPT: &str = "see the package's lines above the error in apt-term.log.txt; mend what it needs or exclude the package from the build";
pub(super) const CLOCK: &str = "the clock is wrong";
const NO_MEMORY: &str = "the kernel killed a process for want of memory";

const SIGNS: &[Sign] = &[
    Sign { words: &["No space left on device"], cause: FULL, remedy: MAKE_ROOM },
    Sign {
        words: &["old kernels ", " could not be purged"],
        cause: "old kernels could not be purged",
        remedy: "see in apt-term.log.txt why the package's script fails and mend that, or leave them (`--leave-kernels`)",
    },
    Sign { words: &["installation script", "returned error"], cause: SCRIPT_FAILS, remedy: MEND_SCRIPT },
    Sign { words: &["Could not get lock"], cause: HELD_LOCK, remedy: FREE_LOCK },
    Sign { words: &["to be free, found it held by"], cause: HELD_LOCK, remedy: FREE_LOCK },
    Sign {
        words: &["dpkg was interrupted"],
        cause: INTERRUPTED,
        remedy: "the next patch repairs it first; by hand: `dpkg --configure -a`",
    },
    Sign {
        words: &["Temporary failure resolving"],
        cause: "names are not resolved",
        remedy: "check /etc/resolv.conf and the name servers in it",
    },
    Sign {
        words: &["is not valid yet"],
        cause: CLOCK,
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
        cause: NO_MEMORY,
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

/// What these lines tell, by the first sign that any of them bears; the newest line, which stands last, is the evidence.
pub(super) fn of_lines(piece: &str, lines: &[&str]) -> Option<Likely> {
    all_of_lines(piece, lines).next()
}

fn all_of_lines<'a>(piece: &'a str, lines: &'a [&'a str]) -> impl Iterator<Item = Likely> + 'a {
    SIGNS.iter().filter_map(move |sign| {
        let has_all = |line: &&&str| sign.words.iter().all(|word| line.contains(word));
        let line = lines.iter().rev().find(has_all)?;
        Some(Likely::new(sign.cause, format!("{piece}: {}", line.trim()), sign.remedy))
    })
}

/// The agent's own log is [`History`], which tells the same in the order of time; the others are not about the machine's past.
const NOT_READ: [&str; 6] = ["agent.log", "operations", "processes", "sources", "units", "machine"];

/// What apt and dpkg did under a new header is the newest that they did.
const HEADER: &str = "Log started:";

pub(super) fn in_other_logs(known: Known<'_>, history: &History<'_>) -> Vec<Likely> {
    let mut found = Vec::new();
    for (piece, text) in known.pieces.iter().filter(|(name, _)| !NOT_READ.contains(&name.as_str())) {
        let text = text.rfind(HEADER).map_or(text.as_str(), |at| &text[at..]);
        let lines: Vec<&str> = text.lines().collect();
        for likely in all_of_lines(piece, &lines) {
            let is_over = match piece.as_str() {
                // The journal of a unit that has failed, and the kernel's own complaints of this boot.
                name if name.starts_with("journal-") => false,
                "dmesg" => likely.cause == NO_MEMORY && !history.has_failed(),
                _ => history.is_patched() || super::present::is_over(known, &likely.cause),
            };
            found.push(if is_over { likely.over("before") } else { likely });
        }
    }
    found
}
