//! What an action has at hand while it runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Cause, Failure, Phase};

/// Where the machine's files are: `/`, or a folder in tests.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    root: PathBuf,
}

impl Host {
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the machine by its absolute path.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }
}

/// Takes what an operation has to tell, in order, and keeps it on the disk before anybody reads it.
pub(crate) trait Teller {
    fn tell(&mut self, body: Body);
}

/// The running operation.
pub(crate) struct Context<'a> {
    pub(crate) host: &'a Host,
    /// The operation's own folder, for logs and what it must remember over a reboot.
    pub(crate) folder: &'a Path,
    /// The address that the controller comes from, as sshd says it.
    pub(crate) peer: Option<String>,
    pub(crate) teller: &'a mut dyn Teller,
    deadline: Instant,
}

impl<'a> Context<'a> {
    pub(crate) fn new(host: &'a Host, folder: &'a Path, teller: &'a mut dyn Teller, limit: Duration) -> Self {
        Self { host, folder, peer: None, teller, deadline: Instant::now() + limit }
    }

    /// A step of the action begins.
    pub(crate) fn phase(&mut self, step: &str) {
        self.progress(step, None, "");
    }

    pub(crate) fn progress(&mut self, step: &str, percent: Option<u8>, text: &str) {
        self.teller.tell(Body::Phase(Phase { step: step.to_owned(), percent, text: text.to_owned() }));
    }

    /// A line for the log that people read.
    pub(crate) fn log(&mut self, text: impl Into<String>) {
        self.teller.tell(Body::Log { text: text.into() });
    }

    /// The time that is left, at most `most`.
    pub(crate) fn left(&self, most: Duration) -> Result<Duration, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::new(Cause::TimedOut, "the action's time limit passed"));
        }
        Ok(left.min(most))
    }
}
