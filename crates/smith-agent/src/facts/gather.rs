//! Puts the facts together. What cannot be read stays empty: facts of a broken machine are wanted most.

use smith_agent::protocol::Facts;

use super::build::Installed;
use super::disks::disks;
use super::virt::virtualization;
use crate::op::{Host, now_ms, read_bounded};
use crate::{apt, deadman, reboot};

/// The files that are read here have a few lines.
const FILE_MAX: u64 = 64 << 10;

/// The kernel's identity of this boot.
pub(crate) fn boot(host: &Host) -> String {
    word(host, "/proc/sys/kernel/random/boot_id")
}

pub(crate) fn gather(host: &Host) -> Facts {
    // What cannot even be read is not well.
    let packages = apt::facts(host)
        .unwrap_or_else(|failure| apt::Summary { audit: vec![failure.message], ..apt::Summary::default() });
    let os = Release::read(host);
    let installed = Installed::load(host);
    Facts {
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        hostname: word(host, "/proc/sys/kernel/hostname"),
        machine_id: word(host, "/etc/machine-id"),
        boot: boot(host),
        uptime_s: uptime(host),
        clock: now_ms() / 1000,
        os: os.get("ID"),
        os_version: os.get("VERSION_ID"),
        codename: os.codename(),
        architecture: packages.architecture,
        virtualization: virtualization(host),
        kernel: packages.kernel,
        memory_kib: memory(host),
        disks: disks(host),
        packages: packages.packages,
        packages_sha256: packages.packages_sha256,
        holds: packages.holds,
        audit: packages.audit,
        reboot_required: reboot_required(host),
        build: installed.as_ref().and_then(Installed::proven),
        build_claimed: installed.as_ref().map(|installed| installed.build),
        build_verified: installed.as_ref().and_then(|installed| installed.verified),
        build_unknown: installed.as_ref().and_then(|installed| installed.unknown),
        dead_man: deadman::last(host).map(|acted| acted.text),
    }
}

fn text(host: &Host, path: &str) -> String {
    let content = read_bounded(&host.path(path), FILE_MAX).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

fn word(host: &Host, path: &str) -> String {
    text(host, path).lines().next().unwrap_or_default().trim().to_owned()
}

/// Since the machine's first process began: in a container the kernel is older than the machine. Where it is the machine that is
/// said to be older, as some containers say it, the kernel's word counts.
fn uptime(host: &Host) -> u64 {
    let (kernel, machine) = (reboot::uptime(host), reboot::age(host));
    if machine.is_zero() { kernel.as_secs() } else { machine.as_secs() }
}

fn memory(host: &Host) -> u64 {
    let text = text(host, "/proc/meminfo");
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|total| total.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default()
}

/// The packages that asked for a reboot, or that one was asked for.
fn reboot_required(host: &Host) -> Vec<String> {
    let mut packages: Vec<String> =
        text(host, "/run/reboot-required.pkgs").lines().map(str::to_owned).collect();
    packages.sort();
    packages.dedup();
    if packages.is_empty() && host.path("/run/reboot-required").exists() {
        packages.push("reboot-required".to_owned());
    }
    packages
}

/// `os-release`: lines of `NAME=value`, where the value may stand in quotes.
struct Release {
    text: String,
}

impl Release {
    fn read(host: &Host) -> Self {
        let text = ["/etc/os-release", "/usr/lib/os-release"].map(|path| text(host, path));
        Self { text: text.into_iter().find(|text| !text.is_empty()).unwrap_or_default() }
    }

    fn get(&self, name: &str) -> String {
        let line = |line: &str| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        let value = self.text.lines().find_map(line).unwrap_or_default();
        value.trim().trim_matches(['"', '\'']).to_owned()
    }

    /// xenial names its own elsewhere.
    fn codename(&self) -> String {
        let names = ["VERSION_CODENAME", "UBUNTU_CODENAME"].map(|name| self.get(name));
        names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_files_say_of_a_machine() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("proc/sys/kernel/hostname", "syd01-worker-1\n"),
            ("proc/uptime", "3612.42 7000.11\n"),
            ("proc/meminfo", "MemTotal:        2013348 kB\nMemFree: 1 kB\n"),
            ("etc/os-release", "NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_ID=\"16.04\"\nUBUNTU_CODENAME=xenial\n"),
            ("run/reboot-required.pkgs", "linux-base\nlibc6\nlinux-base\n"),
            ("var/lib/smith/build", "725\n"),
        ] {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        }
        let facts = gather(&Host::at(root.path()));
        assert_eq!((facts.hostname.as_str(), facts.uptime_s), ("syd01-worker-1", 3612));
        assert_eq!((facts.os.as_str(), facts.os_version.as_str()), ("ubuntu", "16.04"));
        assert_eq!((facts.codename.as_str(), facts.memory_kib), ("xenial", 2_013_348));
        assert_eq!(facts.reboot_required, ["libc6", "linux-base"]);
        assert_eq!((facts.build_claimed, facts.build_unknown), (Some(725), None));
        assert_eq!((facts.build, facts.machine_id.as_str()), (Some(725), ""));
    }
    #[test]
    fn a_container_is_younger_than_its_kernel() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        fs::create_dir_all(root.path().join("proc/1")).unwrap();
        fs::write(root.path().join("proc/uptime"), "90000.50 1.0\n").unwrap();
        let began = |ticks: u64| {
            let stat = format!("1 (a b) S 0 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 {ticks} 1 1\n");
            fs::write(root.path().join("proc/1/stat"), stat).unwrap();
            uptime(&host)
        };
        assert_eq!(began(5), 90_000);
        assert_eq!(began(8_940_050), 600);
        assert_eq!(began(99_000_000), 90_000, "its own uptime, and its host's time for the first process");
    }
}
