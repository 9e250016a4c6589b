//! Forgets operations that ended long ago. What is forgotten can be begun again under its name, so a controller asks for
//! this only long after it would still repeat a job.

use smith_agent::protocol::{Cause, Clean, Done, Failure, Outcome};

use super::clock;
use super::context::Context;
use super::events::EVENTS;
use super::keep::{CannotKeep, Keep};
use super::operation::Operation;
use super::store::{Begin, Store};
use crate::deadman;

pub(crate) fn clean(ctx: &mut Context<'_>, store: &Store<'_>, clean: &Clean) -> Result<Outcome, Failure> {
    let failed = |error: CannotKeep| Failure::new(Cause::Mismatch, error.to_string());
    let before = clock::now_ms().saturating_sub(clean.older_than_s.saturating_mul(1000));
    let mut operations = 0;
    for name in store.names().map_err(failed)? {
        let begin = store.begin().map_err(failed)?;
        let Some(operation) = store.find(&name) else { continue };
        match forget(store, &operation, before, &begin) {
            Ok(is_forgotten) => operations += u32::from(is_forgotten),
            // One that cannot be forgotten keeps no other from it.
            Err(error) => ctx.log(format!("operation {name} stays: {error}")),
        }
    }
    let done = Done::Cleaned { operations };
    Ok(if operations == 0 { Outcome::AlreadySo(done) } else { Outcome::Done(done) })
}

/// Whether it was old enough.
fn forget(store: &Store<'_>, operation: &Operation, before: u64, begin: &Begin) -> Result<bool, CannotKeep> {
    if !is_over(operation, before)? || deadman::is_watched(store.host, operation.folder()) {
        return Ok(false);
    }
    let held = operation.try_lock().keep("locked", operation.folder())?;
    let Some(held) = held else { return Ok(false) };
    store.forget(operation, begin, &held)?;
    Ok(true)
}

fn is_over(operation: &Operation, before: u64) -> Result<bool, CannotKeep> {
    // An operation has its events from its first moment on. What has none is a rest of one, and nothing can be known of it.
    let events = operation.folder().join(EVENTS);
    if !events.try_exists().keep("looked at", &events)? {
        return Ok(true);
    }
    let ended = operation.ended_at().keep("read", operation.folder())?;
    // The clock may have been ahead when it ended; then it stays a while longer.
    Ok(ended.is_some_and(|ended| ended <= before))
}
