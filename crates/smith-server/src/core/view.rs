//! What is recorded, as everybody but the driver sees it: a state of its own, and the events as they come.

use std::sync::{Arc, PoisonError, RwLock};

use smith_domain::event::Event;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::Head;
use tokio::sync::broadcast;

/// One event that is in the journal.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub seq: u64,
    pub at: Timestamp,
    pub actor: Arc<str>,
    pub event: Event,
}

/// Events that were recorded together. Never empty.
pub type Batch = Arc<[Recorded]>;

/// Batches that a slow listener may be behind before it is told that it has missed some and reads them from the journal.
const BEHIND_MAX: usize = 1024;

#[derive(Debug)]
pub struct View {
    seen: RwLock<Seen>,
    news: broadcast::Sender<Batch>,
}

#[derive(Debug, Default)]
struct Seen {
    state: State,
    head: Head,
}

impl View {
    pub(super) fn new() -> Self {
        Self { seen: RwLock::default(), news: broadcast::channel(BEHIND_MAX).0 }
    }

    /// The journal was opened: this is where it stands.
    pub(super) fn begin(&self, state: State, head: Head) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Seen { state, head };
    }

    /// These events are on the disk, which ends with the last of them.
    pub(super) fn follow(&self, batch: Vec<Recorded>, head: Head) {
        if batch.is_empty() {
            return;
        }
        {
            let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
            for one in &batch {
                seen.state.evolve(&one.event, one.at);
            }
            seen.head = head;
        }
        // Nobody may be listening.
        let _ = self.news.send(batch.into());
    }

    /// Looks at the state. Whoever looks long holds up the driver, so answers are made from what is found, elsewhere.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.seen.read().unwrap_or_else(PoisonError::into_inner).state)
    }

    /// The state, and the number of the last event in it.
    pub fn read_at<T>(&self, look: impl FnOnce(&State, u64) -> T) -> T {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        look(&seen.state, seen.head.seq.0)
    }

    /// The state, and the end of the chain that it is the fold of.
    pub(super) fn whole<T>(&self, look: impl FnOnce(&State, Head) -> T) -> T {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        look(&seen.state, seen.head)
    }

    pub fn head(&self) -> u64 {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).head.seq.0
    }

    /// Everything that is recorded from now on.
    pub fn listen(&self) -> broadcast::Receiver<Batch> {
        self.news.subscribe()
    }
}
