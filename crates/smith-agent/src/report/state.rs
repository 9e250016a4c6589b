//! What the agent itself knows, without asking a program.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};

use crate::deadman;
use crate::files::{end_of, text_of};
use crate::health::space;
use crate::hooks::{Folder, Listed, Owner, list};
use crate::op::Host;
use crate::reboot::{Boot, holder, running, uptime};

/// The last operations are those that somebody asks about.
const OPERATIONS: usize = 20;

/// Of each, its last events.
const EVENTS: u64 = 4 << 10;

/// A status of four thousand packages is 4 MiB.
const STATUS: u64 = 64 << 20;

/// Where the agent's log is unless the site says otherwise.
const LOG: &str = "/opt/smith-agent.log";

pub(super) fn agent_log(host: &Host) -> String {
    let text = text_of(&host.path("/etc/smith/agent.json"), 1 << 16).unwrap_or_default();
    let settings: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    settings["log"].as_str().unwrap_or(LOG).to_owned()
}

pub(super) fn machine(host: &Host) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name}: {}\n", value.trim()));
    line("agent", env!("CARGO_PKG_VERSION"));
    line("hostname", &text_of(&host.path("/proc/sys/kernel/hostname"), 256).unwrap_or_default());
    line("boot", &Boot::now(host).map(|boot| boot.id).unwrap_or_default());
    line("up", &format!("{} s", uptime(host).as_secs()));
    line("clock", &format!("{} s since 1970", crate::health::seconds()));
    line("kernel", &running(host));
    line("kernel images", &images(host).join(" "));
    line("load", &text_of(&host.path("/proc/loadavg"), 256).unwrap_or_default());
    for path in ["/", "/usr", "/var", "/boot", "/tmp"] {
        if let Ok(space) = space(&host.path(path)) {
            let read_only = if space.read_only { ", read-only" } else { "" };
            let (free, size) = (space.free_kib / 1024, space.size_kib / 1024);
            line(path, &format!("{free} of {size} MiB and {} inodes free{read_only}", space.free_inodes));
        }
    }
    line("package lock", &holder(host).unwrap_or_else(|| "free".to_owned()));
    line(
        "reboot required",
        &text_of(&host.path("/run/reboot-required.pkgs"), 4096).unwrap_or_default().replace('\n', " "),
    );
    line("dead man", &deadman::last(host).map_or_else(|| "never acted".to_owned(), |acted| acted.text));
    for path in ["/etc/os-release", "/proc/cmdline", "/proc/meminfo"] {
        text.push_str(&format!("\n# {path}\n{}", text_of(&host.path(path), 4096).unwrap_or_default()));
    }
    text
}

fn images(host: &Host) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(host.path("/boot"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_prefix("vmlinuz-")?.to_owned()))
        .collect();
    names.sort();
    names
}

pub(super) fn operations(host: &Host) -> String {
    let folder = host.path("/var/lib/smith/ops");
    let mut found: Vec<(std::time::SystemTime, String)> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.file_name().into_string().ok()?))
        })
        .collect();
    found.sort();
    let mut text = String::new();
    for (_, name) in found.iter().rev().take(OPERATIONS) {
        let events =
            end_of(&folder.join(name).join("events"), EVENTS).map(|(text, _)| text).unwrap_or_default();
        text.push_str(&format!("# {name}\n{}\n", events.trim_end()));
    }
    text
}

pub(super) fn hooks(host: &Host) -> String {
    let mut text = String::new();
    for folder in [Folder::Drain, Folder::Undrain, Folder::Health] {
        let word = folder.word();
        match list(host, folder, Owner::of(host)) {
            Ok(listed) => {
                for hook in listed {
                    text.push_str(&match hook {
                        Listed::Usable { name, .. } => format!("{word}/{name}\n"),
                        Listed::Off { name } => format!("{word}/{name}: not executable\n"),
                        Listed::Refused { name, why } => format!("{word}/{name}: {why}, not run\n"),
                    });
                }
            }
            Err(why) => text.push_str(&format!("{word}: {why}\n")),
        }
    }
    text
}

/// Packages whose wanted state is `hold`. The status of a machine is some MiB long and read line by line.
pub(super) fn holds(host: &Host) -> String {
    let Ok(status) = File::open(host.path("/var/lib/dpkg/status")) else { return String::new() };
    let (mut text, mut package, mut architecture, mut is_held) =
        (String::new(), String::new(), String::new(), false);
    for line in BufReader::new(status.take(STATUS)).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        match line.split_once(": ") {
            Some(("Package", name)) => {
                (package, is_held) = (name.to_owned(), false);
            }
            Some(("Status", state)) => is_held = state.starts_with("hold "),
            Some(("Architecture", name)) => name.clone_into(&mut architecture),
            Some(("Version", version)) if is_held => {
                text.push_str(&format!("{package}:{architecture} {version}\n"));
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_operations_are_read_from_files() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
        let status = "Package: a\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1-2\n\n\
                      Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 3\n";
        fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();
        assert_eq!(holds(&host), "a:amd64 1-2\n");
        fs::create_dir_all(root.path().join("var/lib/smith/ops/a-1")).unwrap();
        fs::write(root.path().join("var/lib/smith/ops/a-1/events"), "{}\n").unwrap();
        assert_eq!(operations(&host), "# a-1\n{}\n");
    }

    #[test]
    fn the_log_is_where_the_site_says() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        assert_eq!(agent_log(&host), "/opt/smith-agent.log");
        fs::create_dir_all(root.path().join("etc/smith")).unwrap();
        fs::write(root.path().join("etc/smith/agent.json"), r#"{"log": "/srv/x"}"#).unwrap();
        assert_eq!(agent_log(&host), "/srv/x");
        assert!(machine(&host).contains("dead man: never acted\n"));
    }
}
