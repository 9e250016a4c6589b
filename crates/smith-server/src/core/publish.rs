//! A ledger that tells the view what it has recorded, and nothing that it has not.

use std::sync::Arc;

use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::{Entry, Lease, Ledger, LedgerError, Opening, Progress, Store, StoreLedger};

use super::view::{Recorded, View};

#[derive(Debug)]
pub(super) struct Published<S> {
    inner: StoreLedger<S>,
    view: Arc<View>,
}

impl<S: Store> Published<S> {
    pub(super) fn new(store: S, view: Arc<View>, progress: Arc<Progress>) -> Self {
        Self { inner: StoreLedger::watched(store, progress), view }
    }
}

impl<S: Store> Ledger for Published<S> {
    fn take(&mut self, owner: &str, now: Timestamp) -> Result<Lease, LedgerError> {
        self.inner.take(owner, now)
    }

    fn open(&mut self) -> Result<Opening, LedgerError> {
        let opening = self.inner.open()?;
        self.view.begin(opening.state.clone(), opening.head);
        Ok(opening)
    }

    fn append(&mut self, state: &State, entries: Vec<Entry>) -> Result<(), LedgerError> {
        let copies = entries.clone();
        self.inner.append(state, entries)?;
        let head = self.inner.head();
        let after = head.seq.0 - copies.len() as u64;
        let recorded = |(seq, entry): (u64, Entry)| {
            let Entry { at, actor, event } = entry;
            Recorded { seq, at, actor, event }
        };
        self.view.follow((after + 1..).zip(copies).map(recorded).collect(), head);
        Ok(())
    }

    fn renew(&mut self, now: Timestamp, note: &[u8]) -> Result<(), LedgerError> {
        self.inner.renew(now, note)
    }

    fn snapshot(&mut self, state: &State) -> Result<(), LedgerError> {
        self.inner.snapshot(state)
    }
}
