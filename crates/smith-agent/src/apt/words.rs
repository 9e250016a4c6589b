//! What apt and dpkg mean by what they say.
//!
//! Both answer 100 or 1 for everything that goes wrong, so that the cause is in their words, which have been the same since apt
//! 1.2; they are asked in the language C.

use smith_agent::protocol::{Cause, Failure};

/// Lines at the end of what was said that are given to a person.
const TAIL_LINES: usize = 20;

/// A line of them.
const LINE_CHARS: usize = 300;

/// Words and what they mean, the surest first: a full disk makes packages fail and signatures unreadable.
const MEANINGS: [(Cause, &[&str]); 10] = [
    (Cause::DiskFull, &["No space left on device", "have enough free space", "Disk quota exceeded"]),
    (
        Cause::Busy,
        &[
            "Could not get lock",
            "Unable to lock",
            "Unable to acquire the dpkg frontend lock",
            "is another process using it",
            "locked by another process",
        ],
    ),
    (
        Cause::Interrupted,
        &["Sub-process /usr/bin/dpkg received signal", "Sub-process /usr/bin/dpkg exited unexpectedly"],
    ),
    (
        Cause::DpkgBroken,
        &["dpkg was interrupted", "needs to be reinstalled, but", "reinstallation before attempting"],
    ),
    (Cause::PackageFailed, &["dpkg: error processing ", "Sub-process /usr/bin/dpkg returned an error"]),
    (
        Cause::BadSignature,
        &[
            "NO_PUBKEY",
            "BADSIG",
            "EXPKEYSIG",
            "REVKEYSIG",
            "ERRSIG",
            "signatures were invalid",
            "couldn't be verified",
            "signature verification failed",
            "signature verification",
            "Clearsigned file isn't valid",
            "GPG error",
            "OpenPGP signature",
            "cannot be authenticated",
        ],
    ),
    (
        Cause::Mismatch,
        &[
            "Hash Sum mismatch",
            "unexpected size",
            "is expired",
            "is not valid yet",
            "invalid since",
            "invalid for another",
        ],
    ),
    (
        Cause::RemovalRefused,
        &["remove is disabled", "Essential packages were removed", "essential packages will be removed"],
    ),
    (
        Cause::MirrorUnreachable,
        &[
            "Failed to fetch",
            "Unable to fetch some archives",
            "Some index files failed to download",
            "does not have a Release file",
            "no longer has a Release file",
            "Could not connect",
            "Could not resolve",
            "Temporary failure resolving",
            "Unable to connect",
            "Connection failed",
            "Connection timed out",
            "Undetermined Error",
            "File not found",
        ],
    ),
    // The least sure: apt says so of what it could not fetch, too.
    (Cause::BadSignature, &["is not signed", "no longer signed"]),
];

/// A failure of a program of apt or dpkg, from what it said. `expected` ends the sentence `expected …`.
pub(crate) fn failure(expected: &str, said: &str, ended: &str) -> Failure {
    let (cause, words) = meaning(said);
    let found = words.unwrap_or_else(|| format!("{ended} without a reason that is known here"));
    let mut failure = Failure::new(cause, format!("expected {expected}, found: {found}"));
    failure.tail = tail(said);
    failure
}

/// The cause, and the line that says so.
pub(crate) fn meaning(said: &str) -> (Cause, Option<String>) {
    if let Some(failed) = failed_packages(said) {
        let cause = if MEANINGS[0].1.iter().any(|words| said.contains(words)) {
            Cause::DiskFull
        } else {
            Cause::PackageFailed
        };
        return (cause, Some(failed));
    }
    for (cause, all) in MEANINGS {
        let line = said.lines().find(|line| all.iter().any(|words| line.contains(words)));
        if let Some(line) = line {
            return (cause, Some(cut(line.trim())));
        }
    }
    let line = said.lines().find(|line| line.starts_with("E: ") || line.starts_with("dpkg: error"));
    (Cause::Mismatch, line.map(cut))
}

/// Whether an update that ended well fell back on old lists: apt warns and answers 0.
pub(crate) fn is_update_incomplete(said: &str) -> bool {
    let is_bad = |line: &str| {
        ["Err:", "E: ", "W: Failed to fetch", "W: GPG error"].iter().any(|bad| line.starts_with(bad))
    };
    said.lines().any(is_bad)
}

/// dpkg names each package that failed in one line and the reason in the next.
fn failed_packages(said: &str) -> Option<String> {
    /// Enough to see what is wrong; packages that wait for the first fail too.
    const NAMED: usize = 3;
    let mut found = Vec::new();
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("dpkg: error processing ") else { continue };
        let what = rest.trim_start_matches("package ").trim_start_matches("archive ").trim_end_matches(':');
        // The package's own words come before; the reason of dpkg follows, indented, unless a warning comes between.
        let why = lines
            .clone()
            .take(3)
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with("dpkg: warning"));
        let what = what.rsplit('/').next().unwrap_or(what);
        if why.is_some_and(|why| why.starts_with("dependency problems")) {
            continue;
        }
        found.push(format!("{what}: {}", why.unwrap_or("no reason")));
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    (!found.is_empty()).then(|| cut(&found.join("; ")))
}

/// The last lines for a person.
pub(crate) fn tail(said: &str) -> Vec<String> {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| cut(line)).collect()
}

fn cut(line: &str) -> String {
    line.chars().filter(|sign| !sign.is_control()).take(LINE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_releases_of_apt() {
        for (cause, words) in [
            (
                Cause::Busy,
                "E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)",
            ),
            (
                Cause::Busy,
                "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (x)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
            ),
            (
                Cause::BadSignature,
                "W: GPG error: http://m s InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 648A\nE: The repository 'http://m s InRelease' is not signed.",
            ),
            (
                Cause::BadSignature,
                "Err:1 http://m s InRelease\n  Sub-process /usr/bin/sqv returned an error code (1), error message is: Missing key\nE: The repository is not signed.",
            ),
            (
                Cause::MirrorUnreachable,
                "E: Failed to fetch http://m/pool/a.deb  404  Not Found [IP: 1.2.3.4 80]",
            ),
            (
                Cause::MirrorUnreachable,
                "E: The repository 'http://m s InRelease' is not signed.\nE: Failed to fetch http://m/dists/s/InRelease  400  Bad Request",
            ),
            (Cause::BadSignature, "E: The repository 'http://m s Release' is not signed."),
            (
                Cause::MirrorUnreachable,
                "W: Failed to fetch http://m/dists/s/InRelease  Could not resolve 'm'",
            ),
            (
                Cause::MirrorUnreachable,
                "E: The repository 'http://m s Release' does not have a Release file.",
            ),
            (Cause::Mismatch, "E: Failed to fetch http://m/Packages.gz  Hash Sum mismatch"),
            (
                Cause::Mismatch,
                "E: Release file for http://m/InRelease is expired (invalid since 3d). Updates for this repository will not be applied.",
            ),
            (Cause::DiskFull, "E: Write error - write (28: No space left on device)"),
            (Cause::DiskFull, "E: You don't have enough free space in /var/cache/apt/archives/."),
            (
                Cause::DpkgBroken,
                "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.",
            ),
            (
                Cause::DpkgBroken,
                "E: The package a needs to be reinstalled, but I can't find an archive for it.",
            ),
            (Cause::RemovalRefused, "E: Packages need to be removed but remove is disabled."),
            (Cause::Mismatch, "E: something new"),
        ] {
            assert_eq!(meaning(words).0, cause, "{words}");
        }
    }

    #[test]
    fn the_package_and_its_script_are_named() {
        let said = "Setting up a (1) ...\nno luck\ndpkg: error processing package a (--configure):\n \
            installed a package post-installation script subprocess returned error exit status 3\n\
            dpkg: dependency problems prevent configuration of b:\n b depends on a.\n\ndpkg: error processing package b (--configure):\n dependency problems - leaving unconfigured\n\
            Errors were encountered while processing:\n a\n b\nE: Sub-process /usr/bin/dpkg returned an error code (1)";
        let failure = failure("packages to install", said, "exit code 100");
        assert_eq!(failure.cause, Cause::PackageFailed);
        assert_eq!(
            failure.message,
            "expected packages to install, found: a (--configure): installed a package post-installation script subprocess returned error exit status 3"
        );
        assert_eq!(failure.tail[1], "no luck");
        let full = "dpkg: error processing archive /var/cache/a_1_all.deb (--unpack):\n cannot copy extracted data for './x' to '/x.dpkg-new': failed to write (No space left on device)";
        assert_eq!(meaning(full), (Cause::DiskFull, Some("a_1_all.deb (--unpack): cannot copy extracted data for './x' to '/x.dpkg-new': failed to write (No space left on device)".to_owned())));
    }

    #[test]
    fn an_update_that_fell_back_is_no_update() {
        assert!(is_update_incomplete(
            "Hit:1 x\nW: Failed to fetch http://m  404\nW: Some index files failed to download."
        ));
        assert!(is_update_incomplete("Err:1 http://m s InRelease\n"));
        assert!(!is_update_incomplete(
            "Hit:1 x\nReading package lists...\nW: Download is performed unsandboxed as root"
        ));
    }
}
