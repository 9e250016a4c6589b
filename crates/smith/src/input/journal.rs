//! Journals, opened for reading only: a server may be writing meanwhile.

use std::path::Path;

use smith_domain::fleet::{CrossRegion, Selector};
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::Rollout;
use smith_domain::state::State;
use smith_journal::codec::Codec;
use smith_journal::{Head, Opening, SqliteReader, refold, verify};

use crate::failure::{Exit, Failure};

/// A journal that is about to be verified, or written out for somebody who will.
pub(crate) fn open(path: &Path) -> Result<SqliteReader, Failure> {
    Ok(SqliteReader::open(path)?)
}

/// A journal whose rows agree with each other: what is told from any other would be a rumour.
fn open_verified(path: &Path) -> Result<SqliteReader, Failure> {
    let reader = open(path)?;
    verify(&reader, Head::GENESIS, &[])?;
    Ok(reader)
}

/// What the journal folds to, by every one of its rows.
pub(crate) fn opening(path: &Path) -> Result<Opening, Failure> {
    Ok(refold(&open_verified(path)?, &Codec::default())?)
}

pub(crate) fn rollout_of(state: &State, id: u32) -> Result<&Rollout, Failure> {
    state.rollouts.get(RolloutId(id)).ok_or_else(|| {
        let last = state.rollouts.next_id().0.saturating_sub(1);
        let expected = match last {
            0 => "the journal has none".to_owned(),
            1 => "the only one is 1".to_owned(),
            _ => format!("they go from 1 to {last}"),
        };
        let error = format!("expected a project id that there is, found {id}; {expected}");
        Failure::new(Exit::NotThere, error).with_hint("`smith rollout list --journal FILE` shows them")
    })
}

/// The machine with this name or address, or those that may have been meant.
pub(crate) fn machine_of(state: &State, text: &str) -> Result<MachineId, Failure> {
    // A machine that has left is still known by its name.
    if let Some(known) = state.fleet.find(text) {
        return Ok(known);
    }
    let selector = Selector::parse(text).map_err(|error| Failure::new(Exit::Usage, error))?;
    let found = state.fleet.lookup(&selector, CrossRegion::Allow)?;
    match found.as_slice() {
        [one] => Ok(*one),
        several => {
            let error = format!("expected one machine, found {} that match {text}", several.len());
            Err(Failure::new(Exit::Usage, error))
        }
    }
}
