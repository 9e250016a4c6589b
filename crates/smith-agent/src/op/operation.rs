//! One operation: its folder, and what can be known of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_agent::protocol::{Action, Fence, JOB_MAX, Job, Name};

use super::events::Events;
use super::keep::{CannotKeep, read_bounded, sync_folder, write_new};
use super::lock::{Held, try_lock, wait_lock};
use crate::reboot::Boot;

pub(crate) const JOB: &str = "job.json";
/// The address that the job came from.
pub(crate) const PEER: &str = "peer";
/// A worker has begun with the action, which from then on is never begun again: its process, and the boot where that is known.
const STARTED: &str = "started";
/// There was never a job under this name, and there never will be.
pub(crate) const NEVER_BEGUN: &str = "never-begun";
/// The machine was told to go down, and the operation ends when it is back.
const REBOOT: &str = "reboot.json";

/// Two numbers and an identity.
const STARTED_MAX: u64 = 4 << 10;

/// Written again a job may be longer than it was: `ä` is one character and six in JSON at its worst.
const JOB_FILE_MAX: u64 = 6 * JOB_MAX as u64;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    id: Name,
    folder: PathBuf,
}

impl Operation {
    pub(super) fn at(id: Name, folder: PathBuf) -> Self {
        Self { id, folder }
    }

    pub(crate) fn id(&self) -> &Name {
        &self.id
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn job(&self) -> Result<Option<Job>, CannotKeep> {
        let Some(content) = read_bounded(&self.folder.join(JOB), JOB_FILE_MAX)? else { return Ok(None) };
        Ok(serde_json::from_slice(&content).ok())
    }

    pub(crate) fn peer(&self) -> Option<String> {
        let content = read_bounded(&self.folder.join(PEER), 256).ok().flatten()?;
        String::from_utf8(content).ok().filter(|peer| !peer.is_empty())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.folder.join(NEVER_BEGUN).exists()
    }

    pub(crate) fn is_started(&self) -> bool {
        self.folder.join(STARTED).exists()
    }

    /// On the disk when this returns.
    pub(crate) fn start(&self, boot: Option<&Boot>, _held: &Held) -> Result<(), CannotKeep> {
        let mut text = format!("{}\n", std::process::id());
        if let Some(boot) = boot.and_then(|boot| serde_json::to_string(boot).ok()) {
            text.push_str(&boot);
            text.push('\n');
        }
        write_new(&self.folder.join(STARTED), text.as_bytes())?;
        sync_folder(&self.folder)
    }

    /// The boot that a worker began with the action in, where it is kept and whole.
    pub(crate) fn started_in(&self) -> Option<Boot> {
        let content = read_bounded(&self.folder.join(STARTED), STARTED_MAX).ok().flatten()?;
        let mut lines = content.split(|&byte| byte == b'\n');
        serde_json::from_slice(lines.nth(1)?).ok()
    }

    pub(crate) fn is_rebooting(&self) -> bool {
        self.folder.join(REBOOT).exists()
    }

    /// The operation's lock, which its worker holds as long as it lives.
    pub(crate) fn try_lock(&self) -> io::Result<Option<Held>> {
        try_lock(&self.folder.join("lock"))
    }

    pub(crate) fn wait_lock(&self, limit: Duration) -> io::Result<Option<Held>> {
        wait_lock(&self.folder.join("lock"), limit)
    }

    /// When it ended, if it has.
    pub(crate) fn ended_at(&self) -> io::Result<Option<u64>> {
        let mut events = Events::open(&self.folder)?;
        while let Some(head) = events.next()? {
            if head.is_end {
                return Ok(Some(head.at_ms));
            }
        }
        Ok(None)
    }

    /// Nothing that was read of the events is lost with the power.
    pub(crate) fn sync_events(&self) -> io::Result<()> {
        File::open(self.folder.join(super::events::EVENTS))?.sync_all()
    }
}

/// Whether the two jobs ask for the same. The tenure may have gone on and the controller's clock has: neither is a wish.
pub(crate) fn is_same_wish(one: &Job, other: &Job) -> bool {
    wish(one) == wish(other)
}

fn wish(job: &Job) -> Job {
    let mut job = job.clone();
    job.fence = job.fence.map(|fence| Fence { controller: fence.controller, tenure: 0 });
    match &mut job.action {
        Action::Reboot(reboot) => reboot.now = None,
        Action::Health(health) => health.now = None,
        Action::Facts
        | Action::Check(_)
        | Action::Patch(_)
        | Action::Drain
        | Action::Undrain
        | Action::Report
        | Action::Attach(_)
        | Action::Clean(_) => {}
    }
    job
}
