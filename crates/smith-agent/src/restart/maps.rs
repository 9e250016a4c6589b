//! Processes that map files which are no longer there, by the unit that they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use smith_agent::protocol::Restart;

use crate::apt::Machine;
use crate::kernel;
use crate::op::Host;

/// The maps of one process. A large Java server has 5,000 lines of 100 bytes.
const MAPS_MAX: u64 = 16 << 20;

/// Units that are told. A machine has a few dozen.
const UNITS_MAX: usize = 200;

/// Where programs and libraries are. What is mapped elsewhere is data, which programs delete while they use it.
const CODE: [&str; 6] = ["/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/"];

/// Units with processes that map replaced files, and why the machine has to be rebooted.
pub(crate) fn needs(host: &Host) -> (Vec<Restart>, Vec<String>) {
    let mut restarts: BTreeMap<String, Restart> = BTreeMap::new();
    let mut reboot = flagged(host);
    if let Some(reason) = Machine::read(host, "").ok().and_then(|machine| kernel::needs(host, &machine)) {
        reboot.push(reason);
    }
    for pid in processes(host) {
        let folder = host.path(&format!("/proc/{pid}"));
        if is_elsewhere(host, &folder) {
            continue;
        }
        let replaced = replaced(&folder);
        let Some(library) = replaced.first().cloned() else { continue };
        let more = u32::try_from(replaced.len() - 1).unwrap_or(u32::MAX);
        if pid == 1 {
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            reboot.push(format!("process 1 still maps {library}{others}"));
            continue;
        }
        let unit = unit(&folder);
        let restart = restarts.entry(unit.clone()).or_insert_with(|| Restart {
            unit,
            processes: 0,
            library: library.clone(),
            more,
        });
        restart.processes += 1;
        if weight(&library) < weight(&restart.library) {
            (restart.library, restart.more) = (library, more);
        }
    }
    (restarts.into_values().take(UNITS_MAX).collect(), reboot)
}

/// What packages left a note about.
fn flagged(host: &Host) -> Vec<String> {
    if !host.path("/run/reboot-required").exists() {
        return Vec::new();
    }
    let packages = fs::read_to_string(host.path("/run/reboot-required.pkgs")).unwrap_or_default();
    let mut names: Vec<&str> = packages.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => vec!["/run/reboot-required is there".to_owned()],
        names => vec![format!("/run/reboot-required is there for {}", names.join(", "))],
    }
}

fn processes(host: &Host) -> Vec<u32> {
    let Ok(folder) = fs::read_dir(host.path("/proc")) else { return Vec::new() };
    let number = |entry: fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse().ok());
    let mut all: Vec<u32> = folder.flatten().filter_map(number).collect();
    all.retain(|pid| *pid != std::process::id());
    all.sort_unstable();
    all
}

/// A process of a container has files of its own, which are not this machine's packages.
fn is_elsewhere(host: &Host, process: &Path) -> bool {
    let mine = fs::read_link(host.path("/proc/self/ns/pid"));
    let its = fs::read_link(process.join("ns/pid"));
    matches!((mine, its), (Ok(mine), Ok(its)) if mine != its)
}

/// What a person asks for first, for it is what most holes are in.
const FIRST: [&str; 4] = ["libssl", "libcrypto", "libc.so", "libc-"];

/// Less is more important.
fn weight(path: &str) -> usize {
    let name = path.rsplit('/').next().unwrap_or(path);
    FIRST.iter().position(|first| name.starts_with(first)).unwrap_or(FIRST.len())
}

/// The programs and libraries that the process maps and that are gone or others by now, the most important first.
fn replaced(process: &Path) -> Vec<String> {
    let mut found = BTreeSet::new();
    let Ok(maps) = File::open(process.join("maps")) else { return Vec::new() };
    let mut lines = BufReader::new(maps.take(MAPS_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        // A process that ended meanwhile maps nothing.
        if !matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            break;
        }
        let Some(line) = line.strip_suffix(b" (deleted)\n") else { continue };
        let text = String::from_utf8_lossy(line);
        // `from-to rights offset device inode path`
        let mut words = text.splitn(6, ' ');
        let is_code = words.nth(1).is_some_and(|rights| rights.contains('x'));
        let path = words.nth(3).unwrap_or_default().trim_start();
        if is_code && CODE.iter().any(|place| path.starts_with(place)) {
            found.insert(path.to_owned());
        }
    }
    let mut found: Vec<String> = found.into_iter().collect();
    found.sort_by_key(|path| weight(path));
    found
}

/// The unit of a process by its control group, or its program where there is none.
fn unit(process: &Path) -> String {
    let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let of_systemd = |line: &&str| line.starts_with("0::") || line.contains(":name=systemd:");
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    // A user's own units are below the service that runs them, which is what can be restarted.
    let unit = groups.lines().filter(of_systemd).find_map(|line| line.split('/').find(is_unit));
    match unit {
        Some(unit) => unit.to_owned(),
        None => fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn process(root: &Path, pid: u32, maps: &str, cgroup: &str, namespace: &str) {
        let folder = root.join(format!("proc/{pid}"));
        fs::create_dir_all(folder.join("ns")).expect("made");
        fs::write(folder.join("maps"), maps).expect("written");
        fs::write(folder.join("cgroup"), cgroup).expect("written");
        fs::write(folder.join("comm"), format!("program-{pid}\n")).expect("written");
        symlink(namespace, folder.join("ns/pid")).expect("linked");
    }

    #[test]
    fn the_library_that_matters_most_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let line = |path: &str| format!("7f-8f r-xp 0 fd:00 7    /usr/lib/{path} (deleted)\n");
        let maps = line("liba.so") + &line("libc.so.6") + &line("libcrypto.so.3") + &line("liba.so");
        process(root.path(), 7, &maps, "0::/\n", "pid:[1]");
        let found = replaced(&root.path().join("proc/7"));
        assert_eq!(found, ["/usr/lib/libcrypto.so.3", "/usr/lib/libc.so.6", "/usr/lib/liba.so"]);
    }

    #[test]
    fn processes_with_replaced_files_by_unit() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        fs::create_dir_all(root.join("proc/self/ns")).expect("made");
        symlink("pid:[1]", root.join("proc/self/ns/pid")).expect("linked");
        let gone = "7f-8f r--p 00000000 fd:00 7    /usr/lib/libc.so.6 (deleted)\n7f-8f r-xp 00001000 fd:00 7    /usr/lib/a b.so (deleted)\n";
        let fine = "7f-8f r-xp 00001000 fd:00 7    /usr/lib/libc.so.6\n7f-8f r-xp 0 00:01 9 /memfd:x (deleted)\n7f-8f r-xp 0 fd:00 9 /tmp/x (deleted)\n";
        process(root, 4001, gone, "0::/system.slice/ssh.service\n", "pid:[1]");
        process(root, 4002, gone, "12:cpu:/\n1:name=systemd:/system.slice/ssh.service/sub\n", "pid:[1]");
        process(root, 4003, fine, "0::/system.slice/cron.service\n", "pid:[1]");
        process(root, 4004, gone, "0::/system.slice/docker-1.scope\n", "pid:[2]");
        process(root, 4005, gone, "0::/\n", "pid:[1]");
        process(root, 1, gone, "0::/init.scope\n", "pid:[1]");
        fs::create_dir_all(root.join("run")).expect("made");
        fs::write(root.join("run/reboot-required"), "").expect("written");
        fs::write(root.join("run/reboot-required.pkgs"), "libc6\ndbus\nlibc6\n").expect("written");
        let (restarts, reboot) = needs(&Host::at(root));
        let told: Vec<_> =
            restarts.iter().map(|one| (one.unit.as_str(), one.processes, one.library.as_str())).collect();
        assert_eq!(told, [("program-4005", 1, "/usr/lib/a b.so"), ("ssh.service", 2, "/usr/lib/a b.so")]);
        assert_eq!(
            reboot,
            ["/run/reboot-required is there for dbus, libc6", "process 1 still maps /usr/lib/a b.so"]
        );
    }
}
