//! What smith says of each fault of a machine, in one line, and that the machine comes to the build when the fault is healed.

use std::thread;

use super::site::{Package, Site};
use super::world::{Said, World};

const PLAIN: Package = Package { name: "", epoch: "", depends: "", conffile: "", postinst: "", unit: "" };

/// `openssl` is what the lab puts on hold, so the build has one, newer than any release's.
const PACKAGES: [Package; 3] = [
    Package { name: "openssl", epoch: "9:", ..PLAIN },
    Package { name: "plain", ..PLAIN },
    Package { name: "scripted", postinst: "true", ..PLAIN },
];

/// What a patch of a machine with the fault comes to.
struct Told {
    fault: &'static str,
    /// More words for `smith agent run NAME patch`.
    more: &'static [&'static str],
    /// The word before the machine's name.
    end: &'static str,
    /// Stands in the same line.
    because: &'static [&'static str],
    /// What `smith report` takes for a likely cause meanwhile.
    likely: &'static str,
}

const HERE: [Told; 5] = [
    Told {
        fault: "full-disk",
        more: &[],
        end: "disk-full",
        because: &["No space left on device"],
        likely: "a file system is full",
    },
    Told {
        fault: "held-package",
        more: &[],
        end: "held-package",
        because: &["expected no hold against build 1, found openssl 9:1.0 (the build has 9:2.0)"],
        likely: "packages are held",
    },
    Told {
        fault: "clock-off",
        more: &[],
        end: "mismatch",
        because: &["Release file", "is not valid yet", "364d"],
        likely: "the clock is wrong",
    },
    Told {
        fault: "mirror-unreachable",
        more: &[],
        end: "mirror-unreachable",
        because: &["expected the lists of the build, found: Could not connect to", "No route to host"],
        likely: "the mirror could not be reached",
    },
    Told {
        fault: "sshd-dead",
        more: &["--limit", "5"],
        end: "unreachable",
        because: &[":22: Connection refused"],
        likely: "",
    },
];

const THERE: [Told; 4] = [
    Told {
        fault: "dpkg-lock",
        // Half of what is left is waited for the lock.
        more: &["--limit", "10"],
        end: "busy",
        because: &["expected /var/lib/dpkg/lock-frontend to be free, found it held by perl (process "],
        likely: "another program holds the package lock",
    },
    Told {
        fault: "failing-postinst",
        more: &[],
        end: "package-failed",
        because: &["smith-lab-failing (--configure)", "post-installation script", "exit status 1"],
        likely: "a package's own script fails",
    },
    Told {
        fault: "kernel-purge-failing",
        more: &[],
        end: "package-failed",
        because: &["old kernels 5.10.0-9001-lab, 5.10.0-9002-lab could not be purged", "pre-removal script"],
        likely: "old kernels could not be purged",
    },
    Told {
        fault: "slow",
        more: &["--limit", "1"],
        end: "timed-out",
        because: &["the action's time"],
        likely: "",
    },
];

#[test]
fn faults_are_told_and_machines_recover() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(3);
    let site = Site::new(&world, &machines, &PACKAGES);
    let (world, site) = (&world, &site);
    let [here, there, third] = &machines[..] else { panic!("{machines:?}") };
    thread::scope(|scope| {
        scope.spawn(|| HERE.iter().for_each(|told| is_told(world, site, here, told)));
        scope.spawn(|| {
            THERE.iter().for_each(|told| is_told(world, site, there, told));
            a_lost_network_is_brought_back(world, site, there);
        });
        scope.spawn(|| no_reboot_is_told(world, third));
    });
}

fn is_told(world: &World, site: &Site<'_>, machine: &str, told: &Told) {
    let Told { fault, more, end, because, likely } = told;
    site.reset(machine);
    world.good(&["break", machine, fault]);
    let said = site.patch(machine, more);
    let line = said.line();
    assert_eq!(said.code, Some(1), "{fault}: {said:?}");
    assert!(line.starts_with(&format!("{end}: {machine} ")), "{fault}: {line}");
    for words in *because {
        assert!(line.contains(words), "{fault}: expected {words:?} in {line}");
    }
    if !likely.is_empty() {
        is_likely(world, site, machine, likely);
    }
    world.good(&["heal", machine, fault]);
    comes_to_the_build(site, machine);
}

fn is_likely(world: &World, site: &Site<'_>, machine: &str, likely: &str) {
    let into = site.path(&format!("report-{machine}"));
    let said = Said::of(&mut world.controller(&["report", machine, "--into", into.to_str().unwrap()]));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains(&format!("  likely: {likely}\n    because ")), "{likely}: {said:?}");
}

/// Under another name than the one that failed.
fn comes_to_the_build(site: &Site<'_>, machine: &str) {
    let said = site.patch(machine, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    site.is_at_build(machine);
}

/// The machine saves itself and says so; the patch has come to a good end meanwhile, of which the controller hears then.
fn a_lost_network_is_brought_back(world: &World, site: &Site<'_>, machine: &str) {
    site.reset(machine);
    world.good(&["break", machine, "network-lost-on-restart"]);
    let said = site.patch(machine, &["--dead-man", "5"]);
    let so = format!("done: {machine} build 1, 3 packages verified of ");
    assert!(said.line().starts_with(&so), "{said:?}");
    let health = world.agent(machine, &["health"]);
    let line = health.line();
    assert!(health.code == Some(1) && line.starts_with(&format!("unhealthy: {machine} ")), "{health:?}");
    for words in [
        "dead-man: the controller was not heard within 5 s after the change",
        "the network was started again as it was",
        "and a path works again",
    ] {
        assert!(health.out.contains(words), "expected {words:?} in {health:?}");
    }
    is_likely(world, site, machine, "it lost its controller after a change");
    world.good(&["heal", machine, "network-lost-on-restart"]);
    comes_to_the_build(site, machine);
    // What the machine had to do is told until somebody looks at the next change.
    assert_eq!(world.agent(machine, &["health"]).code, Some(1));
    let build = site.build();
    let build: Vec<&str> = build.iter().map(String::as_str).collect();
    world.agent_good(machine, &[&["check"], &build[..]].concat());
    world.agent_good(machine, &["health"]);
}

fn no_reboot_is_told(world: &World, machine: &str) {
    world.good(&["break", machine, "no-reboot"]);
    let said = world.agent(machine, &["reboot", "--limit", "15", "--id", "first"]);
    let line = said.line();
    assert!(said.code == Some(1) && line.starts_with(&format!("lost: {machine} ")), "{said:?}");
    // Which of its last two lines was heard depends on how fast it goes down.
    for words in [":22: ", "; the last it said: the machine ", " (operation first)"] {
        assert!(line.contains(words), "expected {words:?} in {line}");
    }
    world.good(&["heal", machine]);
    // Nobody knows whether the machine or its clock was away for so long, until the clock has had time to be set.
    let said = world.agent(machine, &["attach", "--to", "first", "--limit", "180"]);
    let line = said.line();
    assert!(said.code == Some(1) && line.starts_with(&format!("reboot-timeout: {machine} ")), "{said:?}");
    assert!(
        line.contains("expected the machine back within 15 s, found that it began its new boot"),
        "{line}"
    );
    let before = world.machine(machine)["boot_id"].clone();
    let again = world.agent_good(machine, &["reboot", "--id", "second"]);
    assert!(again.starts_with(&format!("done: {machine} boot ")), "{again}");
    assert_ne!(world.machine(machine)["boot_id"], before);
}
