//! The ledger of a rehearsal: it forgets what is appended, or keeps it for somebody who wants to see every event.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use smith_domain::event::Event;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::{Entry, Lease, Ledger, LedgerError, Memoryless, Opening};

/// Whether events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The journal of a million machines would fill the memory that the state needs.
    Nothing,
    Events,
}

/// Events that were recorded and that nobody has taken yet.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    keep: Keep,
    entries: Rc<RefCell<Vec<Entry>>>,
}

#[derive(Debug)]
pub(super) struct Notebook {
    inner: Memoryless,
    pages: Pages,
}

impl Pages {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, entries: Rc::default() }
    }

    /// Keeps an event that was true before the driver began.
    pub(super) fn note(&self, at: Timestamp, event: Event) {
        if self.keep == Keep::Events {
            self.entries.borrow_mut().push(Entry { at, actor: Arc::from("smith"), event });
        }
    }

    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.entries.borrow_mut())
    }
}

impl Notebook {
    pub(super) fn new(start: State, pages: Pages) -> Self {
        Self { inner: Memoryless { appended: 0, start }, pages }
    }
}

impl Ledger for Notebook {
    fn take(&mut self, owner: &str, now: Timestamp) -> Result<Lease, LedgerError> {
        self.inner.take(owner, now)
    }

    fn open(&mut self) -> Result<Opening, LedgerError> {
        self.inner.open()
    }

    fn append(&mut self, state: &State, entries: Vec<Entry>) -> Result<(), LedgerError> {
        if self.pages.keep == Keep::Events {
            self.pages.entries.borrow_mut().extend(entries.iter().cloned());
        }
        self.inner.append(state, entries)
    }

    fn renew(&mut self, now: Timestamp, note: &[u8]) -> Result<(), LedgerError> {
        self.inner.renew(now, note)
    }

    fn snapshot(&mut self, state: &State) -> Result<(), LedgerError> {
        self.inner.snapshot(state)
    }
}
