//! The cgroups of a lab: by them all of its processes are found, measured, slowed and ended, whoever started them.
//!
//! The second version of cgroups is needed for that, at its usual place or beside the first version. Where the first one has the
//! processor's controller, a machine also gets a group there, so that it can be slowed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Doing as _, LabError};
use crate::name::MachineName;
use crate::state::State;

const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const FIRST_VERSION_CPU: &str = "/sys/fs/cgroup/cpu";

/// From the kill to the moment when the kernel has taken the last process down; milliseconds but for a disk that hangs.
const KILL_MAX: Duration = Duration::from_secs(30);

/// In how many microseconds a quota is counted.
const PERIOD: u32 = 100_000;

/// The hierarchy of the second version, if processes can be killed by it.
pub(crate) fn hierarchy() -> Option<&'static Path> {
    UNIFIED
        .iter()
        .map(Path::new)
        .find(|root| root.join("cgroup.procs").exists() && !root.join("tasks").exists())
}

fn first_version() -> Option<&'static Path> {
    let root = Path::new(FIRST_VERSION_CPU);
    root.join("cpu.cfs_quota_us").exists().then_some(root).or_else(|| {
        // The root group itself has no quota, so it is told by its other files.
        root.join("tasks").exists().then_some(root)
    })
}

/// The groups of one lab.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    unified: PathBuf,
    cpu: Option<PathBuf>,
}

impl Groups {
    pub(crate) fn of(state: &State) -> Result<Self, LabError> {
        let own = format!("smith-lab-{}", state.token);
        let root = hierarchy().ok_or(LabError::NoController { what: "cgroups of the second version" })?;
        Ok(Self { unified: root.join(&own), cpu: first_version().map(|root| root.join(&own)) })
    }

    /// Makes the groups of a machine, and gives those that its keeper joins.
    pub(crate) fn ensure(&self, machine: &MachineName) -> Result<Vec<PathBuf>, LabError> {
        let unified = self.machine(machine);
        for leaf in ["keeper", "boot"] {
            let path = unified.join(leaf);
            fs::create_dir_all(&path).doing("making", &path)?;
        }
        // Absent where the first version has the controllers; only `slow` needs them.
        for above in [self.unified.parent().unwrap_or(Path::new("/")), &self.unified] {
            let _ = fs::write(above.join("cgroup.subtree_control"), "+cpu");
        }
        let mut joined = vec![unified.join("keeper")];
        if let Some(path) = self.cpu.as_ref().map(|cpu| cpu.join(machine.as_str())) {
            fs::create_dir_all(&path).doing("making", &path)?;
            joined.push(path);
        }
        Ok(joined)
    }

    /// Everything of a machine is below it: its keeper, and what was booted.
    pub(crate) fn machine(&self, machine: &MachineName) -> PathBuf {
        self.unified.join(machine.as_str())
    }

    /// Lets the machine have so many hundredths of one processor, or as many as it likes.
    pub(crate) fn set_quota(&self, machine: &MachineName, percent: Option<u32>) -> Result<(), LabError> {
        let quota = percent.map(|percent| PERIOD / 100 * percent);
        let second = self.machine(machine).join("cpu.max");
        if second.exists() {
            let quota = quota.map_or_else(|| "max".to_owned(), |quota| quota.to_string());
            return fs::write(&second, format!("{quota} {PERIOD}")).doing("writing", &second);
        }
        let first = self.cpu.as_ref().map(|cpu| cpu.join(machine.as_str()).join("cpu.cfs_quota_us"));
        match first.filter(|path| path.exists()) {
            Some(path) => {
                let quota = quota.map_or_else(|| "-1".to_owned(), |quota| quota.to_string());
                fs::write(&path, quota).doing("writing", &path)
            }
            // What cannot be limited was not.
            None if quota.is_none() => Ok(()),
            None => Err(LabError::NoController { what: "a controller of the processor among the cgroups" }),
        }
    }

    /// Ends all processes of a machine and removes its groups.
    pub(crate) fn end_machine(&self, machine: &MachineName) -> Result<(), LabError> {
        end(&self.machine(machine))?;
        self.cpu.as_ref().map_or(Ok(()), |cpu| remove(&cpu.join(machine.as_str())))
    }

    /// Ends all processes of the lab and removes its groups.
    pub(crate) fn end(&self) -> Result<(), LabError> {
        end(&self.unified)?;
        self.cpu.as_ref().map_or(Ok(()), |cpu| remove(cpu))
    }
}

fn end(group: &Path) -> Result<(), LabError> {
    let kill = group.join("cgroup.kill");
    match fs::write(&kill, "1") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && !group.exists() => return Ok(()),
        Err(error) => return Err(error).doing("killing by", &kill),
    }
    let begun = Instant::now();
    while !processes(group).is_empty() || is_populated(group) {
        if begun.elapsed() > KILL_MAX {
            let error = io::Error::other("processes are still there");
            return Err(error).doing("killing by", &kill);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    remove(group)
}

fn is_populated(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events"))
        .is_ok_and(|text| text.lines().any(|line| line == "populated 1"))
}

/// Removes a group with those below it.
fn remove(group: &Path) -> Result<(), LabError> {
    for below in children(group) {
        remove(&below)?;
    }
    let begun = Instant::now();
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A process that was killed leaves the groups of the first version when it is reaped.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
                if begun.elapsed() > KILL_MAX {
                    return Err(error).doing("removing", group);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error).doing("removing", group),
        }
    }
}

/// All processes in a group and below it; none if there is no such group.
pub(crate) fn processes(group: &Path) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_to_string(group.join("cgroup.procs"))
        .map(|text| text.lines().filter_map(|line| line.parse().ok()).collect())
        .unwrap_or_default();
    for below in children(group) {
        found.extend(processes(&below));
    }
    found
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
