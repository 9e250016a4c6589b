//! Processes that run beside the story: the server and the mirrors. Each is written down before it is needed, so that whoever
//! comes after a crash can end it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::input::{Unwritable, unreadable};

/// A server ends within moments; what does not is killed.
const END_MAX: Duration = Duration::from_secs(10);

/// Between two looks at a process that is ending.
const LOOK: Duration = Duration::from_millis(20);

/// A process, known by more than its number, which is given to others after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    pid: i32,
    /// When it was started, as the kernel counts since it booted.
    started: u64,
}

#[derive(Debug)]
pub(super) struct Children {
    file: PathBuf,
    known: Vec<Known>,
    /// Those of this run; they must be waited for, or they stay as dead ones.
    own: Vec<Child>,
}

impl Children {
    /// With those that an earlier run wrote down.
    pub(super) fn open(file: PathBuf) -> Self {
        // What cannot be read was being written when the computer went down, and its processes with it.
        let known = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, known: known.unwrap_or_default(), own: Vec::new() }
    }

    /// Starts one that goes on after this process, with what it says in a file.
    pub(super) fn start(&mut self, command: &mut Command, log: &Path) -> Result<(), Failure> {
        let out =
            File::create(log).map_err(|error| Failure::new(Exit::Output, Unwritable::new(log, error)))?;
        let same = out.try_clone()?;
        // In a group of its own: Ctrl-C is for the story, which ends it in order.
        let command = command.stdin(Stdio::null()).stdout(out).stderr(same).process_group(0);
        let child = command
            .spawn()
            .map_err(|error| unreadable("a program", Path::new(command.get_program()), error))?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        self.known.extend(started(pid).map(|started| Known { pid, started }));
        self.own.push(child);
        self.save()
    }

    /// Whether all that were started run.
    pub(super) fn all_run(&self) -> bool {
        self.known.iter().all(|one| started(one.pid) == Some(one.started))
    }

    /// Ends all of them, the newest first.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        while let Some(one) = self.known.last().cloned() {
            end(&one, &mut self.own);
            self.known.pop();
            self.save()?;
        }
        Ok(())
    }

    fn save(&self) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(&self.known)?;
        let unwritable = |error| Failure::new(Exit::Output, Unwritable::new(&self.file, error));
        if self.known.is_empty() && !self.file.exists() {
            return Ok(());
        }
        fs::write(&self.file, bytes).map_err(unwritable)
    }
}

fn end(one: &Known, own: &mut [Child]) {
    let Some(pid) = Pid::from_raw(one.pid) else { return };
    let begun = Instant::now();
    let mut signal = Signal::TERM;
    while started(one.pid) == Some(one.started) {
        // One that has ended meanwhile cannot be told to.
        let _ = kill_process(pid, signal);
        std::thread::sleep(LOOK);
        for child in own.iter_mut() {
            let _ = child.try_wait();
        }
        if begun.elapsed() > END_MAX {
            signal = Signal::KILL;
        }
        if begun.elapsed() > END_MAX * 2 {
            return;
        }
    }
}

/// When the process with this number was started; nothing where there is none, or only what is left of one.
fn started(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; what comes behind it are words.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    if words.next()? == "Z" {
        return None;
    }
    words.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleep() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    #[test]
    fn what_an_earlier_run_started_is_ended_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("processes.json");
        let mut first = Children::open(file.clone());
        first.start(&mut sleep(), &dir.path().join("log")).unwrap();
        let mut other = sleep().spawn().unwrap();
        // The number of somebody else's process, which the file has with another start.
        let pid = i32::try_from(other.id()).unwrap();
        first.known.push(Known { pid, started: started(pid).unwrap() + 1 });
        first.save().unwrap();
        let mut second = Children::open(file.clone());
        assert_eq!(second.known, first.known);
        second.end().unwrap();
        assert!(first.own[0].wait().unwrap().code().is_none(), "it was ended by a signal");
        assert!(other.try_wait().unwrap().is_none(), "somebody else's goes on");
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(Children::open(file).known, []);
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(started(own), started(own));
        assert!(started(own).is_some_and(|ticks| ticks > 0));
        assert_eq!(started(-1), None);
    }
}
