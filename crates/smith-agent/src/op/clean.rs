//! Forgets operations that ended long ago. What is forgotten can be begun again under its name, so a controller asks for
//! this only long after it would still repeat a job.

use smith_agent::protocol::{Cause, Clean, Done, Failure, Outcome};

use super::clock;
use super::keep::{CannotKeep, Keep};
use super::operation::Operation;
use super::store::{Begin, Store};

pub(crate) fn clean(store: &Store<'_>, clean: &Clean) -> Result<Outcome, Failure> {
    let failed = |error: CannotKeep| Failure::new(Cause::Mismatch, error.to_string());
    let before = clock::now_ms().saturating_sub(clean.older_than_s.saturating_mul(1000));
    let mut operations = 0;
    for name in store.names().map_err(failed)? {
        let begin = store.begin().map_err(failed)?;
        if let Some(operation) = store.find(&name) {
            operations += u32::from(forget(store, &operation, before, &begin).map_err(failed)?);
        }
    }
    let done = Done::Cleaned { operations };
    Ok(if operations == 0 { Outcome::AlreadySo(done) } else { Outcome::Done(done) })
}

/// Whether it was old enough.
fn forget(store: &Store<'_>, operation: &Operation, before: u64, begin: &Begin) -> Result<bool, CannotKeep> {
    let ended = operation.ended_at().keep("read", operation.folder())?;
    // The clock may have been ahead when it ended; then it stays a while longer.
    if ended.is_none_or(|ended| ended > before) {
        return Ok(false);
    }
    let held = operation.try_lock().keep("locked", operation.folder())?;
    let Some(held) = held else { return Ok(false) };
    store.forget(operation, begin, &held)?;
    Ok(true)
}
