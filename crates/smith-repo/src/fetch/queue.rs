//! What is still to be fetched: the largest first, and nothing before its pause has passed.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use reqwest::header::HeaderValue;

use crate::fetch::FetchError;

/// One object on its way through its sources.
#[derive(Debug)]
pub(super) struct Job {
    /// Which of the wants it is.
    pub(super) want: usize,
    pub(super) round: u32,
    pub(super) attempts: u32,
    /// Bytes of it that the progress knows of.
    pub(super) counted: u64,
    pub(super) sources: Vec<Asked>,
}

/// What one source said so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The round in which it was asked last.
    pub(super) round: u32,
    pub(super) is_out: bool,
    pub(super) error: Option<FetchError>,
    /// The strong name that it gave to the bytes of which we hold a part.
    pub(super) etag: Option<HeaderValue>,
    /// A wrong hash may come from a part that was wrong before; a whole that is wrong is the source's.
    pub(super) was_wrong: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The next one is the last.
    ready: Vec<Job>,
    waiting: BTreeMap<(Instant, usize), Job>,
    running: usize,
    is_closed: bool,
}

/// A job that a thread is at; while there is one, others may yet be put back.
#[derive(Debug)]
pub(super) struct Running<'a> {
    queue: &'a Queue,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.queue.change(|state| state.running -= 1);
    }
}

impl Queue {
    /// Takes the jobs in order; the last is done first.
    pub(super) fn new(ready: Vec<Job>) -> Self {
        let state = State { ready, waiting: BTreeMap::new(), running: 0, is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next job, once there is one; `None` when all are done.
    pub(super) fn next(&self) -> Option<(Job, Running<'_>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if state.is_closed {
                return None;
            }
            let due = state.waiting.first_key_value().map(|(key, _)| *key);
            let job = match due {
                Some(key) if key.0 <= now => state.waiting.remove(&key),
                Some(_) | None => state.ready.pop(),
            };
            if let Some(job) = job {
                state.running += 1;
                return Some((job, Running { queue: self }));
            }
            if due.is_none() && state.running == 0 {
                return None;
            }
            let wait = due.map(|(at, _)| at.saturating_duration_since(now));
            state = match wait {
                Some(wait) => {
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    pub(super) fn again(&self, job: Job, at: Instant) {
        self.change(|state| {
            state.waiting.insert((at, job.want), job);
        });
    }

    /// Nothing more is handed out.
    pub(super) fn close(&self) {
        self.change(|state| state.is_closed = true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed
    }

    /// What nobody began or ended.
    pub(super) fn rest(self) -> Vec<Job> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.ready.into_iter().chain(state.waiting.into_values()).collect()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
