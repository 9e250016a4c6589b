//! A journal of what the demo told: a real one, so that everything that reads journals can be tried on it.

use std::path::Path;

use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::{Entry, Ledger as _, SqliteStore, StoreLedger};
use smith_sim::rehearse::Live;

use crate::failure::{Exit, Failure};

pub(super) struct Journal {
    ledger: StoreLedger<SqliteStore>,
}

/// Rows of one append; the store takes no more than some thousands at once.
const BATCH: usize = 1000;

/// Machines join a thousand at a time, in rows of half a megabyte; so many of them fit into one append.
const LARGE: usize = 8;

impl Journal {
    /// Makes a new file; one that is there already is somebody's evidence.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        if path.exists() {
            let error =
                format!("expected a new file for the journal, found {} already there", path.display());
            return Err(Failure::new(Exit::Usage, error));
        }
        let mut ledger = StoreLedger::new(SqliteStore::open(path)?);
        let now: Timestamp = Live::start();
        ledger.take("demo", now)?;
        ledger.open()?;
        Ok(Self { ledger })
    }

    pub(super) fn append(&mut self, state: &State, entries: &[Entry]) -> Result<(), Failure> {
        let large = entries.first().is_some_and(|entry| entry.event.kind() == "fleet.machines-joined");
        let batch = if large { LARGE } else { BATCH };
        for chunk in entries.chunks(batch) {
            self.ledger.append(state, chunk.to_vec())?;
        }
        Ok(())
    }
}
