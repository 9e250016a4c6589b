//! What faces and executors hold of a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection};
use smith_domain::event::Event;
use smith_domain::id::RolloutId;
use smith_domain::rollout::estimate::Estimate;
use smith_domain::state::State;
use smith_domain::time::Now;
use smith_journal::{Progress, Reading};
use tokio::sync::{oneshot, watch};

use super::estimates::Estimates;
use super::pulse::Pulse;
use super::thread::{Incoming, Standing};
use super::view::View;
use crate::driver::Input;

/// What a command led to; all of it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub events: Vec<Event>,
}

/// Why a command led to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The journal cannot be written. Whether the command was recorded is not known.
    #[error("nothing can be recorded: {why}")]
    NotRecording { why: String },
    #[error("the server is ending")]
    Ending,
}

/// The handle of a server. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Core {
    pub(super) incoming: Sender<Incoming>,
    pub(super) view: Arc<View>,
    pub(super) standing: Arc<watch::Sender<Standing>>,
    /// Of the reading of the journal, while it is being opened.
    pub(super) progress: Arc<Progress>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) journal: Arc<Path>,
    pub(super) estimates: Arc<Estimates>,
}

impl Core {
    /// Has a command decided and recorded. What it led to can be read by the time this answers.
    pub async fn submit(&self, actor: Actor, command: Command) -> Result<Accepted, Refused> {
        let (answer, answered) = oneshot::channel();
        let input = Input { actor, command, tag: 0 };
        self.incoming.send(Incoming::Asked { input, answer }).map_err(|_| Refused::Ending)?;
        answered.await.unwrap_or(Err(Refused::Ending))
    }

    /// Hands over what an executor found out. Nobody waits for what becomes of it.
    pub fn tell(&self, input: Input) {
        // When the driving thread has ended there is nobody to tell; the next server looks for the answer.
        let _ = self.incoming.send(Incoming::Told(input));
    }

    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.view.read(look)
    }

    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// When a project is expected to end. That of a large one may be some moments old.
    pub fn estimate(&self, project: RolloutId) -> Option<Estimate> {
        self.estimates.of(&self.view, project)
    }

    /// Whether it drives, and if not, why.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Returns once the journal was read for the first time. Before that there is nothing to see.
    pub async fn has_begun(&self) {
        // The sender is as old as this handle.
        let _ = self.standing.subscribe().wait_for(|standing| *standing != Standing::Starting).await;
    }

    /// Returns once nobody drives any more.
    pub async fn has_ended(&self) {
        let _ = self.standing.subscribe().wait_for(|standing| *standing == Standing::Ended).await;
    }

    /// How far the reading of the journal has come that is being opened.
    pub fn reading(&self) -> Reading {
        self.progress.reading()
    }

    /// The driver's two clocks; nothing before it has driven.
    pub fn now(&self) -> Option<Now> {
        self.pulse.now()
    }

    /// Which start of the machine this is: within one, the steady time goes on without a break.
    pub fn boot(&self) -> &str {
        self.pulse.boot()
    }

    /// How long ago the driver's last turn came to its end. One that has nothing to do takes a turn every five seconds.
    pub fn last_turn(&self) -> Option<Duration> {
        self.pulse.age()
    }

    /// The file that the journal is in.
    pub fn journal(&self) -> PathBuf {
        self.journal.to_path_buf()
    }
}
