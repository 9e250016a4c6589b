//! The operations of this machine, each a folder of its own under its name.
//!
//! A folder is made whole beside the others and gets its name by one rename, which fails where the name is taken. So of two
//! talks with the same name one begins and the other finds what is there; a crash leaves a folder or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use smith_agent::protocol::{Body, Cause, Failure, Job, Name, Outcome};

use super::clock;
use super::context::Host;
use super::events::{self, EVENTS};
use super::keep::{CannotKeep, Keep, make_folder, read_bounded, sync_folder, write_new};
use super::launch::LAUNCH_MAX;
use super::lock::{Held, try_lock, wait_lock};
use super::operation::{JOB, NEVER_BEGUN, Operation, PEER};
use crate::deadman::ARM_MAX;

/// A talk holds this lock while it begins an operation, for less than a second; at most for as long as it waits for a worker
/// that leaves, sees to what a reboot left to do, and waits for a worker that does not come.
const BEGIN_WAIT: Duration =
    LEAVING.saturating_add(ARM_MAX).saturating_add(LAUNCH_MAX).saturating_add(Duration::from_secs(5));

/// A worker that has said how its operation ended has nothing left to do but to go; a person's look at the lock is shorter.
pub(crate) const LEAVING: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct Store<'a> {
    pub(crate) host: &'a Host,
    state: PathBuf,
}

/// The right to begin operations, of which there is one on a machine.
#[derive(Debug)]
pub(crate) struct Begin {
    _held: Held,
}

/// Who works on the machine.
#[derive(Debug)]
pub(crate) enum Machine {
    /// Nobody. The name is that of the last one, if any.
    Free {
        held: Held,
        last: Option<Name>,
    },
    Taken {
        by: Option<Name>,
    },
}

impl<'a> Store<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self { host, state: host.path("/var/lib/smith") }
    }

    /// A file of the agent's own state.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    pub(crate) fn begin(&self) -> Result<Begin, CannotKeep> {
        make_folder(&self.path("ops"))?;
        make_folder(&self.path("part"))?;
        let path = self.path("begin.lock");
        let late = || io::Error::new(io::ErrorKind::TimedOut, "another talk has it");
        let held = wait_lock(&path, BEGIN_WAIT).and_then(|held| held.ok_or_else(late));
        Ok(Begin { _held: held.keep("locked", &path)? })
    }

    /// The lock of those who change the machine.
    pub(crate) fn machine(&self) -> Result<Machine, CannotKeep> {
        let path = self.path("lock");
        let held = try_lock(&path).keep("locked", &path)?;
        let content = read_bounded(&path, 1 << 10)?.unwrap_or_default();
        // A power cut may have left it torn; it only says where to look.
        let name = std::str::from_utf8(&content).ok().and_then(|text| text.trim().parse().ok());
        Ok(match held {
            Some(held) => Machine::Free { held, last: name },
            None => Machine::Taken { by: name },
        })
    }

    pub(crate) fn find(&self, id: &Name) -> Option<Operation> {
        let folder = self.path("ops").join(id.as_str());
        folder.is_dir().then(|| Operation::at(id.clone(), folder))
    }

    /// Names of all operations, one at a time.
    pub(crate) fn names(&self) -> Result<impl Iterator<Item = Name> + use<>, CannotKeep> {
        let path = self.path("ops");
        make_folder(&path)?;
        let entries = fs::read_dir(&path).keep("read", &path)?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
    }

    /// A new operation, which has begun when this returns.
    pub(crate) fn create(
        &self,
        job: &Job,
        peer: Option<&str>,
        begin: &Begin,
    ) -> Result<Operation, CannotKeep> {
        let began = Body::Began { id: job.id.clone(), action: job.action.word().to_owned() };
        self.place(&job.id, began, begin, |folder| {
            write_new(&folder.join(PEER), peer.unwrap_or_default().as_bytes())?;
            events::reserve(folder).keep("given space", folder)?;
            let content = serde_json::to_vec(job).map_err(io::Error::from).keep("written", folder)?;
            write_new(&folder.join(JOB), &content)
        })
    }

    /// Closes a name under which nothing was begun, so that nothing ever is: its job may still be on its way.
    pub(crate) fn close(&self, id: &Name, begin: &Begin) -> Result<Operation, CannotKeep> {
        let failure = Failure::new(
            Cause::Interrupted,
            "this operation was asked about before its job arrived, and was never begun",
        );
        self.place(id, Body::Ended(Outcome::Failed(failure)), begin, |folder| {
            write_new(&folder.join(NEVER_BEGUN), b"")
        })
    }

    fn place(
        &self,
        id: &Name,
        first: Body,
        _begin: &Begin,
        fill: impl FnOnce(&Path) -> Result<(), CannotKeep>,
    ) -> Result<Operation, CannotKeep> {
        self.sweep();
        let part = self.part();
        make_folder(&part)?;
        let folder = self.path("ops").join(id.as_str());
        let place = || {
            fill(&part)?;
            let line = events::line(1, first).keep("written", &part)?;
            write_new(&part.join(EVENTS), &line)?;
            sync_folder(&part)?;
            fs::rename(&part, &folder).keep("given its name", &folder)?;
            sync_folder(&self.path("ops"))
        };
        place().inspect_err(|_| drop(fs::remove_dir_all(&part)))?;
        Ok(Operation::at(id.clone(), folder))
    }

    /// Forgets an operation: whoever has its name now finds nothing.
    pub(crate) fn forget(
        &self,
        operation: &Operation,
        _begin: &Begin,
        _held: &Held,
    ) -> Result<(), CannotKeep> {
        let part = self.part();
        fs::rename(operation.folder(), &part).keep("removed", operation.folder())?;
        fs::remove_dir_all(&part).keep("removed", &part)
    }

    fn part(&self) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        self.path("part").join(format!("{}-{}-{count}", std::process::id(), clock::now_ms()))
    }

    /// Removes what killed talks left half made. Nobody else is at it: the caller has the right to begin.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.path("part")) else { return };
        for entry in entries.flatten() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talk_waits_longer_than_another_takes_to_begin() {
        assert!(BEGIN_WAIT > LEAVING + ARM_MAX + LAUNCH_MAX);
        // It is told before its controller takes it for dead.
        assert!(BEGIN_WAIT < Duration::from_secs(120));
    }
}
