//! What is wrong with a machine at this moment: its facts, and pieces that say how it is and not how it was.

use smith_agent::protocol::Facts;
use smith_repo::version::compare;

use super::likely::{Known, Likely};
use super::signs::{CLOCK, FREE_LOCK, FULL, HELD_LOCK, INTERRUPTED, MAKE_ROOM};

/// Marks evidence that is told beside other evidence of the same cause: two full disks are two things to do.
pub(super) const FACT: &str = "\u{1}";

pub(super) const HOLDS: &str = "packages are held";
pub(super) const HALF: &str = "dpkg has packages that are half installed";
pub(super) const OLD_KERNEL: &str = "the newest kernel does not run";

/// A file system with less room than this cannot take a usual week's packages.
const ROOM_KIB: u64 = 512 << 10;
/// dpkg makes a few files for each package; a kernel with headers is thirty thousand.
const ROOM_INODES: u64 = 40_000;
/// Clocks that differ by more make signatures invalid and logs unreadable.
const SKEW_S: u64 = 60;
/// A talk writes what is wrong with the settings when it begins; a report is two of them.
const TALK_S: i64 = 10;
/// Names in one line; the piece has all.
const NAMES: usize = 12;

/// What systemd-detect-virt calls containers: their kernel is their host's.
const CONTAINERS: [&str; 10] = [
    "systemd-nspawn",
    "lxc",
    "lxc-libvirt",
    "docker",
    "podman",
    "rkt",
    "openvz",
    "wsl",
    "proot",
    "container-other",
];

pub(super) fn causes(known: Known<'_>) -> Vec<Likely> {
    let mut found = Vec::new();
    if let Some(facts) = known.facts {
        disks(facts, &mut found);
    }
    found.extend(lock(known));
    found.extend(read_only(known));
    if let Some(facts) = known.facts {
        packages(facts, known, &mut found);
        rest(facts, known.now, &mut found);
    }
    found.extend(units(known));
    found.extend(settings(known));
    found.extend(hooks(known));
    found
}

/// Whether what was once the cause is known to be so no more.
pub(super) fn is_over(known: Known<'_>, cause: &str) -> bool {
    let facts = |is_well: fn(&Facts) -> bool| known.facts.is_some_and(is_well);
    match cause {
        HELD_LOCK => machine(known, "package lock").is_some_and(|holder| holder == "free"),
        FULL => facts(|facts| !facts.disks.is_empty() && !facts.disks.iter().any(is_full)),
        HOLDS => facts(|facts| facts.holds.is_empty()),
        HALF | INTERRUPTED => facts(|facts| facts.audit.is_empty()),
        _ => false,
    }
}

/// A line `NAME: VALUE` of the piece in which the agent tells what it knows.
fn machine<'a>(known: Known<'a>, name: &str) -> Option<&'a str> {
    let lines = known.piece("machine")?.lines();
    lines
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.trim())
}

fn is_full(disk: &smith_agent::protocol::Disk) -> bool {
    // A small /boot never has half a gibibyte.
    disk.free_kib < ROOM_KIB.min(disk.size_kib / 10)
}

fn disks(facts: &Facts, found: &mut Vec<Likely>) {
    for disk in &facts.disks {
        let (path, size, free) = (&disk.path, disk.size_kib, disk.free_kib);
        if is_full(disk) {
            let because = format!("{FACT}{path} has {} MiB of {} MiB free", free >> 10, size >> 10);
            found.push(Likely::new(FULL, because, MAKE_ROOM));
        }
        if disk.free_inodes > 0 && disk.free_inodes < ROOM_INODES {
            let because = format!("{FACT}{path} has {} inodes free", disk.free_inodes);
            let remedy = "remove many small files, then try again";
            found.push(Likely::new("a file system is out of inodes", because, remedy));
        }
    }
}

fn lock(known: Known<'_>) -> Option<Likely> {
    let holder = machine(known, "package lock").filter(|holder| *holder != "free")?;
    Some(Likely::new(HELD_LOCK, format!("machine: package lock: {holder}"), FREE_LOCK))
}

fn read_only(known: Known<'_>) -> Option<Likely> {
    let path = ["/", "/usr", "/var", "/boot", "/tmp"]
        .into_iter()
        .find(|path| machine(known, path).is_some_and(|text| text.ends_with(", read-only")))?;
    let remedy = "check the disk and the file system (`dmesg`, `fsck`), then reboot";
    Some(Likely::new("a file system is read-only", format!("machine: {path} is read-only"), remedy))
}

fn packages(facts: &Facts, known: Known<'_>, found: &mut Vec<Likely>) {
    if !facts.audit.is_empty() {
        // The words of dpkg come first, and the packages below them, further in.
        let lines = known.piece("dpkg-audit").into_iter().flat_map(str::lines);
        let names: Vec<&str> = lines
            .filter(|line| line.starts_with(' '))
            .filter_map(|line| line.split_whitespace().next())
            .take(NAMES)
            .collect();
        let because = if names.is_empty() {
            facts.audit.join(" ")
        } else {
            format!("dpkg-audit: {}", names.join(", "))
        };
        let remedy =
            "the next patch repairs them first; by hand: `dpkg --configure -a` and `apt-get -f install`";
        found.push(Likely::new(HALF, because, remedy));
    }
    if !facts.holds.is_empty() {
        let remedy = "`apt-mark unhold` them, or let the pipeline leave holds";
        found.push(Likely::new(HOLDS, facts.holds.join(", "), remedy));
    }
}

fn rest(facts: &Facts, now: u64, found: &mut Vec<Likely>) {
    if facts.clock > 0 && facts.clock.abs_diff(now) > SKEW_S {
        let because = format!("the machine's clock is {} s from ours", facts.clock.abs_diff(now));
        found.push(Likely::new(CLOCK, because, "mend its time service (`timedatectl`), then try again"));
    }
    let running = &facts.kernel.running;
    let is_own = !CONTAINERS.contains(&facts.virtualization.as_str());
    if let Some(newest) = facts.kernel.installed.last()
        && is_own
        && compare(running, newest).is_lt()
    {
        let because = format!("it runs {running}, {newest} is installed");
        found.push(Likely::new(OLD_KERNEL, because, "reboot it; then see what the boot loader starts"));
    }
    if let Some(what) = &facts.dead_man {
        let remedy = "check what the change did to its network";
        found.push(Likely::new("it lost its controller after a change", what.clone(), remedy));
    }
}

fn units(known: Known<'_>) -> Option<Likely> {
    let failed = |line: &&str| line.split_whitespace().any(|word| word == "failed");
    let name = |line: &str| line.split_whitespace().find(|word| word.contains('.')).map(str::to_owned);
    let names: Vec<String> =
        known.piece("units")?.lines().filter(failed).filter_map(name).take(NAMES).collect();
    if names.is_empty() {
        return None;
    }
    let remedy =
        "see the last lines of its journal in journal-UNIT.txt; mend it, then `systemctl reset-failed UNIT`";
    Some(Likely::new("a unit has failed", format!("units: {}", names.join(", ")), remedy))
}

/// Each talk tells what is wrong with the settings, so that what this report's own did not tell is mended.
fn settings(known: Known<'_>) -> Option<Likely> {
    let wrong = |line: &&str| line.contains("/etc/smith/agent.json is not used:");
    let line = known.piece("agent.log")?.lines().rev().find(wrong)?;
    let at: jiff::Timestamp = line.split(' ').next()?.parse().ok()?;
    let clock = i64::try_from(known.facts?.clock).ok()?;
    if at.as_second() < clock - TALK_S {
        return None;
    }
    let remedy = "mend or remove the file; until then its defaults hold";
    Some(Likely::new("the agent's settings are broken", format!("agent.log: {}", line.trim()), remedy))
}

fn hooks(known: Known<'_>) -> Option<Likely> {
    // `drain.d/10-x` and `drain.d/10-x: not executable` are as somebody wanted them; a folder that is no good has no `/`.
    let is_bad = |line: &&str| {
        line.ends_with(", not run") || line.split_once(": ").is_some_and(|(name, _)| !name.contains('/'))
    };
    let line = known.piece("hooks")?.lines().find(is_bad)?;
    let remedy = "the file and its folders must belong to root, and nobody else may write them";
    Some(Likely::new("a hook of the site cannot be run", format!("hooks: {line}"), remedy))
}
