//! Puts what is recorded into words once for all listeners.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::StatusCode;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use super::line::{EventLine, line};
use crate::core::{Batch, Core};
use crate::http::fault::Fault;

/// Streams that are read at once. Each costs a connection and some kilobytes, and all of them share the words.
const LISTENERS_MAX: usize = 256;

/// Streams of one caller: a person has some windows open, and a service reads one.
const OF_ONE_MAX: usize = 32;

/// Batches that a slow listener may be behind before it reads the journal instead.
const BEHIND_MAX: usize = 256;

/// Events that are put into words while the driver has to wait: some tens of microseconds.
const AT_ONCE: usize = 64;

/// Events of a batch in words. An empty batch says that some were missed here and stand in the journal.
pub(super) type Lines = Arc<[EventLine]>;

#[derive(Debug)]
pub(in crate::http) struct Hub {
    core: Core,
    lines: broadcast::Sender<Lines>,
    places: Arc<Semaphore>,
    /// How many streams each caller reads.
    of_each: Arc<Mutex<BTreeMap<String, usize>>>,
    ending: watch::Receiver<bool>,
    begun: OnceLock<()>,
}

impl Hub {
    pub(in crate::http) fn new(core: Core, ending: watch::Receiver<bool>) -> Self {
        let lines = broadcast::channel(BEHIND_MAX).0;
        let (places, of_each) = (Arc::new(Semaphore::new(LISTENERS_MAX)), Arc::default());
        Self { core, lines, places, of_each, ending, begun: OnceLock::new() }
    }

    pub(in crate::http) fn listeners(&self) -> usize {
        LISTENERS_MAX - self.places.available_permits()
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.clone()
    }

    /// A place for one more stream of this caller.
    pub(super) fn place(&self, caller: &str) -> Result<Place, Fault> {
        let full = |most: usize, whose: &str| {
            let text = format!("expected at most {most} streams of events {whose}, found one more");
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "S0429", text)
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| full(LISTENERS_MAX, "at once"))?;
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of_each.entry(caller.to_owned()).or_default();
        if *count == OF_ONE_MAX {
            return Err(full(OF_ONE_MAX, &format!("of {caller}")));
        }
        *count += 1;
        Ok(Place { _place: place, of_each: Arc::clone(&self.of_each), caller: caller.to_owned() })
    }

    /// All that is recorded from now on. What the view has seen before this returns may be missing.
    pub(super) fn listen(&self) -> broadcast::Receiver<Lines> {
        let lines = self.lines.subscribe();
        self.begun.get_or_init(|| {
            let news = self.core.view().listen();
            drop(tokio::spawn(tell(self.core.clone(), news, self.lines.clone(), self.ending.clone())));
        });
        lines
    }
}

/// The place of a stream, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    of_each: Arc<Mutex<BTreeMap<String, usize>>>,
    caller: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        match of_each.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(of_each.remove(&self.caller)),
        }
    }
}

/// Puts batches into words as they come, as long as anybody listens.
async fn tell(
    core: Core,
    mut news: broadcast::Receiver<Batch>,
    to: broadcast::Sender<Lines>,
    mut ending: watch::Receiver<bool>,
) {
    loop {
        let batch = tokio::select! {
            batch = news.recv() => batch,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        let lines: Lines = match batch {
            Ok(_) if to.receiver_count() == 0 => continue,
            Ok(batch) => in_words(&core, &batch),
            Err(RecvError::Lagged(_)) => Vec::new().into(),
            Err(RecvError::Closed) => return,
        };
        // The last listener may just have left.
        let _ = to.send(lines);
    }
}

fn in_words(core: &Core, batch: &Batch) -> Lines {
    let mut lines = Vec::with_capacity(batch.len());
    for some in batch.chunks(AT_ONCE) {
        core.read(|state| {
            lines.extend(some.iter().map(|one| line(state, one, one.event.kind().to_owned())));
        });
    }
    lines.into()
}
