//! Who is inside a door. Each door has its own, so that a crowd at one keeps nobody out at another; and those whom nobody knows
//! yet are few at a time, the first of them leaving for the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Hall {
    places: Arc<Semaphore>,
    unknown_max: usize,
    unknown: Mutex<Unknown>,
}

/// Connections by which nobody has been let in yet, the oldest first.
#[derive(Debug, Default)]
struct Unknown {
    next: u64,
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// A connection inside. Clones are the same; its place is free when the last is dropped.
#[derive(Debug, Clone)]
pub(in crate::http) struct Guest(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    hall: Arc<Hall>,
    number: u64,
    leave: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Hall {
    pub(super) fn new(places: usize, unknown_max: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(places)), unknown_max, unknown: Mutex::default() })
    }

    /// A place, once there is one. Where all are taken, the oldest of the unknown makes room.
    pub(super) async fn place(self: &Arc<Self>) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.send_away(0);
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    pub(super) fn enter(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Guest {
        // Of many who say nothing the oldest have had the longest time to say who they are.
        self.send_away(self.unknown_max.saturating_sub(1));
        let leave = Arc::new(Notify::new());
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let number = unknown.next;
        unknown.next += 1;
        unknown.waiting.insert(number, Arc::clone(&leave));
        Guest(Arc::new(Inside { hall: Arc::clone(self), number, leave, _place: place }))
    }

    /// Sends the oldest of the unknown away where there are more than so many.
    fn send_away(&self, most: usize) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.waiting.len() > most
            && let Some((_, oldest)) = unknown.waiting.pop_first()
        {
            oldest.notify_one();
        }
    }

    fn forget(&self, number: u64) {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&number);
    }
}

impl Guest {
    /// Somebody was let in by it: it stays as long as it is of use.
    pub(in crate::http) fn is_known(&self) {
        self.0.hall.forget(self.0.number);
    }

    /// Returns when it is to make room for another.
    pub(super) async fn is_sent_away(&self) {
        self.0.leave.notified().await;
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.hall.forget(self.number);
    }
}
