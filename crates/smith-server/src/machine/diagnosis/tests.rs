//! Reports as machines write them, and what is made of them.

use smith_agent::protocol::{Disk, Facts, Kernel};

use super::diagnose;
use super::signs::{FULL, HELD_LOCK, NO_MIRROR};

/// 2026-11-20T17:00:00Z.
const NOW: u64 = 1_795_194_000;

/// The causes that are so now.
fn causes(facts: Option<&Facts>, pieces: &[(&str, &str)]) -> Vec<String> {
    told(facts, pieces, false)
}

fn earlier(facts: Option<&Facts>, pieces: &[(&str, &str)]) -> Vec<String> {
    told(facts, pieces, true)
}

fn told(facts: Option<&Facts>, pieces: &[(&str, &str)], is_over: bool) -> Vec<String> {
    let pieces = pieces.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let all = diagnose(facts, &pieces, NOW).into_iter();
    all.filter(|likely| likely.earlier.is_some() == is_over).map(|likely| likely.cause).collect()
}

fn well() -> Facts {
    let disks = vec![
        Disk { path: "/".into(), size_kib: 20 << 20, free_kib: 4 << 20, free_inodes: 900_000 },
        Disk { path: "/boot".into(), size_kib: 500 << 10, free_kib: 300 << 10, free_inodes: 60_000 },
    ];
    let kernel = Kernel { running: "6.1.0-10".into(), installed: vec!["6.1.0-9".into(), "6.1.0-10".into()] };
    Facts { disks, kernel, clock: NOW + 3, ..Facts::default() }
}

#[test]
fn a_healthy_machine_has_none() {
    let pieces = [
        ("dpkg.log", "status installed bash:amd64 5.2"),
        ("machine", "package lock: free\n/: 900 of 1000 MiB and 5 inodes free\n"),
        ("units", ""),
        ("hooks", "drain.d/10-balancer\nhealth.d/web: not executable\n"),
    ];
    assert_eq!(causes(Some(&well()), &pieces), Vec::<String>::new());
}

#[test]
fn facts_tell_causes() {
    let full = |path: &str| Disk { path: path.into(), size_kib: 20 << 20, free_kib: 90, free_inodes: 90_000 };
    let disks = vec![full("/"), Disk { free_inodes: 10, ..full("/var") }];
    let kernel = Kernel { running: "6.1.0-9".into(), installed: vec!["6.1.0-9".into(), "6.1.0-10".into()] };
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
            FULL,
            FULL,
            "a file system is out of inodes",
            "dpkg has packages that are half installed",
            "packages are held",
            "the clock is wrong",
            "the newest kernel does not run",
        ]
    );
}

#[test]
fn a_newer_kernel_and_that_of_a_container_are_no_cause() {
    let kernel =
        |running: &str| Kernel { running: running.into(), installed: vec!["5.10.0-9003-lab".into()] };
    let newer = Facts { kernel: kernel("6.18.5"), ..well() };
    let contained = Facts { kernel: kernel("5.10.0-1"), virtualization: "systemd-nspawn".into(), ..well() };
    let old = Facts { kernel: kernel("5.10.0-1"), virtualization: "kvm".into(), ..well() };
    assert_eq!(causes(Some(&newer), &[]), Vec::<String>::new());
    assert_eq!(causes(Some(&contained), &[]), Vec::<String>::new());
    assert_eq!(causes(Some(&old), &[]), ["the newest kernel does not run"]);
}

#[test]
fn what_is_so_now_is_a_cause() {
    for (piece, text, cause) in [
        ("machine", "package lock: perl (process 7)\n", HELD_LOCK),
        ("machine", "/var: 9 of 10 MiB and 5 inodes free, read-only\n", "a file system is read-only"),
        ("units", "boom.service loaded failed failed Boom\n", "a unit has failed"),
        ("hooks", "drain.d/10-x: of uid 7, not run\n", "a hook of the site cannot be run"),
        ("hooks", "health.d: writable by others\n", "a hook of the site cannot be run"),
        (
            "agent.log",
            "2026-11-20T16:59:58Z - /etc/smith/agent.json is not used: EOF\n",
            "the agent's settings are broken",
        ),
        (
            "agent.log",
            "T a health began\nT a ended: failed, unhealthy: web: expected exit code 0\n",
            "the machine is not well",
        ),
        (
            "agent.log",
            "T a drain began\nT a ended: failed, drain-refused: 10-x\n",
            "a file of drain.d refuses to take work off the machine",
        ),
        (
            "agent.log",
            "T a patch began\nT a ended: failed, timed-out: 60 s\n",
            "an operation ran out of its time",
        ),
    ] {
        assert_eq!(causes(Some(&well()), &[(piece, text)]), [cause], "{text}");
    }
    let mended = "2026-11-20T16:50:00Z - /etc/smith/agent.json is not used: EOF\n";
    assert_eq!(causes(Some(&well()), &[("agent.log", mended)]), Vec::<String>::new());
}

#[test]
fn half_installed_packages_are_named() {
    let audit = "The following packages are in a mess due to serious problems during\ninstallation.\n openssl  tools\n perl     language\n";
    let facts = Facts { audit: vec!["The following packages are in a mess".into()], ..well() };
    let pieces = [("dpkg-audit".to_owned(), audit.to_owned())].into();
    let [one] = &diagnose(Some(&facts), &pieces, NOW)[..] else { panic!() };
    assert_eq!(one.because, "dpkg-audit: openssl, perl");
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
        let pieces = [("agent.log", text.as_str()), ("operations", "No space left on device")];
        causes(None, &pieces).contains(&FULL.to_owned())
    };
    assert!(is_told(full.to_owned()));
    assert!(is_told(format!("{full}{other}")));
    assert!(!is_told(format!("{full}{good}")));
    assert!(is_told(format!("{good}{full}")));
}

#[test]
fn what_is_over_is_told_as_earlier() {
    let busy = "2026-11-20T16:00:00Z a patch began\n\
                2026-11-20T16:02:00Z a ended: failed, busy: expected /var/lib/dpkg/lock to be free, found it held by perl\n";
    let mirror = "2026-11-20T16:03:00Z b patch began\n\
                  2026-11-20T16:03:01Z b ended: failed, mirror-unreachable: m\n\
                  2026-11-20T16:03:01Z b   Could not connect to 10.0.0.1:80\n";
    // Another failure of the same action came after it.
    let both = format!("{busy}{mirror}");
    assert_eq!(causes(None, &[("agent.log", &both)]), [NO_MIRROR]);
    assert_eq!(earlier(None, &[("agent.log", &both)]), [HELD_LOCK]);
    // The lock is seen to be free.
    let pieces = [("agent.log", busy), ("machine", "package lock: free\n")];
    assert_eq!(causes(None, &pieces), Vec::<String>::new());
    let pieces = pieces.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let [one] = &diagnose(None, &pieces, NOW)[..] else { panic!() };
    assert_eq!(one.earlier.as_deref(), Some("2026-11-20T16:02:00Z"));
    // A disk that has room again.
    let full = "T c refused: CannotKeep { message: \"No space left on device\" }\n";
    assert_eq!(causes(Some(&well()), &[("agent.log", full)]), Vec::<String>::new());
    assert_eq!(earlier(Some(&well()), &[("agent.log", full)]), [FULL]);
}

#[test]
fn what_the_agent_itself_says_is_understood() {
    for (line, cause) in [
        (
            "busy: expected /var/lib/dpkg/lock to be free, found it held by perl (process 7) for 9 s",
            HELD_LOCK,
        ),
        (
            "package-failed: old kernels 5.10.0-1-x could not be purged: expected",
            "old kernels could not be purged",
        ),
        (
            "mirror-unreachable: Could not connect to 10.0.0.1:80 (10.0.0.1). - connect (113: No route to host)",
            NO_MIRROR,
        ),
        (
            "mismatch: E: Release file for http://m/InRelease is not valid yet (invalid for 1d)",
            "the clock is wrong",
        ),
        ("held-package: expected libc6 2, found it held at 1", "packages are held"),
    ] {
        let log = format!("T a patch began\nT a ended: failed, {line}\n");
        assert_eq!(causes(None, &[("agent.log", &log)]), [cause]);
    }
}
