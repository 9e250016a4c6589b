//! A machine as it is now: whether it runs, since which boot, and what it takes.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cgroup::{self, Groups};
use crate::error::LabError;
use crate::name::MachineName;
use crate::tool::{SHORT, Tool, ToolError};

/// For one script on a machine, which may install a package on a slow disk.
const SCRIPT_MAX: Duration = Duration::from_secs(120);

/// Between two looks at something that is about to happen.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// An answer of sshd on the same computer, also while all of it is busy.
const CONNECT_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Its disk is not made yet, or not wholly.
    Planned,
    /// Nothing of it runs.
    Stopped,
    /// Its keeper runs, and no system.
    Down,
    Running,
}

impl Condition {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "not made",
            Self::Stopped => "stopped",
            Self::Down => "down",
            Self::Running => "running",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The first process of a running machine, by its number on this computer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leader(u32);

pub(crate) fn leader(groups: &Groups, name: &MachineName) -> Option<Leader> {
    let scope = groups.machine(name).join("boot/payload/init.scope");
    cgroup::processes(&scope).first().copied().map(Leader)
}

pub(crate) fn condition(groups: &Groups, name: &MachineName) -> Condition {
    if leader(groups, name).is_some() {
        Condition::Running
    } else if keeper(groups, name).is_some() {
        Condition::Down
    } else {
        Condition::Stopped
    }
}

/// The process that keeps the machine.
pub(crate) fn keeper(groups: &Groups, name: &MachineName) -> Option<u32> {
    cgroup::processes(&groups.machine(name).join("keeper")).first().copied()
}

impl Leader {
    pub(crate) fn boot_id(self) -> Option<String> {
        let path = format!("/proc/{}/root/proc/sys/kernel/random/boot_id", self.0);
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    }

    /// A program of this computer in the network of the machine.
    pub(crate) fn within_network(self, program: &str) -> Tool {
        Tool::new("nsenter", SHORT)
            .called(program)
            .arg(format!("--net=/proc/{}/ns/net", self.0))
            .arg("--")
            .arg(program)
    }

    /// Runs a script on the machine, past its network and its sshd.
    pub(crate) fn run(self, what: &str, script: &str, args: &[&str]) -> Result<String, ToolError> {
        Tool::new("nsenter", SCRIPT_MAX)
            .called(what)
            .arg(format!("--target={}", self.0))
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--", "/usr/bin/env", "-i"])
            .args([
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL=C.UTF-8",
                "HOME=/root",
            ])
            .args(["DEBIAN_FRONTEND=noninteractive", "sh", "-c", script, "sh"])
            .args(args)
            .run()
    }
}

/// The memory that a machine takes with its keeper: pages that several share are counted in parts.
pub(crate) fn memory(groups: &Groups, name: &MachineName) -> u64 {
    cgroup::processes(&groups.machine(name)).into_iter().filter_map(proportional).sum()
}

fn proportional(process: u32) -> Option<u64> {
    let text = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Waits until sshd greets.
pub(crate) fn await_sshd(name: &MachineName, address: Ipv4Addr, limit: Duration) -> Result<(), LabError> {
    let begun = Instant::now();
    loop {
        match greeting(address) {
            Ok(()) => return Ok(()),
            Err(found) if begun.elapsed() > limit => {
                return Err(LabError::Silent { name: name.clone(), seconds: limit.as_secs(), found });
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn greeting(address: Ipv4Addr) -> Result<(), String> {
    let mut greeting = [0; 4];
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, 22)), CONNECT_MAX)
        .map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(CONNECT_MAX)).map_err(|e| e.to_string())?;
    stream.read_exact(&mut greeting).map_err(|error| error.to_string())?;
    if &greeting == b"SSH-" { Ok(()) } else { Err("something else than sshd".to_owned()) }
}

/// Waits until the machine's first process is there.
pub(crate) fn await_leader(groups: &Groups, name: &MachineName, limit: Duration) -> Result<Leader, LabError> {
    let begun = Instant::now();
    loop {
        if let Some(leader) = leader(groups, name) {
            return Ok(leader);
        }
        if begun.elapsed() > limit {
            let found = condition(groups, name).to_string();
            return Err(LabError::Silent { name: name.clone(), seconds: limit.as_secs(), found });
        }
        std::thread::sleep(LOOK);
    }
}
