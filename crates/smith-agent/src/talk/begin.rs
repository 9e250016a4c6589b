//! A job that changes the machine: begun once under its name, by a worker that outlives the talk.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Follow, Job, Name, Refusal};

use super::follow::follow;
use super::wire::Wire;
use crate::op::{self, Begin, Diary, Keep, LEAVING, Machine, Operation, Stand, Store};

/// Begins the operation, or finds what is known of it, and tells it to its end. Answers why it was not begun.
pub(crate) fn begin(
    store: &Store<'_>,
    job: &Job,
    peer: Option<&str>,
    diary: &Diary,
    wire: &mut Wire<impl Write>,
) -> io::Result<Option<Refusal>> {
    match take(store, job, peer, diary) {
        Ok(operation) => follow(store, &operation, 0, Follow::ToEnd, diary, wire),
        Err(refusal) => Ok(Some(refusal)),
    }
}

/// From the look at the fence to the worker's start nobody else begins anything. So no job of an older tenure slips in behind a
/// newer one's, and of two jobs one is told that the other runs.
fn take(store: &Store<'_>, job: &Job, peer: Option<&str>, diary: &Diary) -> Result<Operation, Refusal> {
    let begin = store.begin()?;
    op::pass(store, job.fence.as_ref(), &begin)?;
    if let Some(operation) = store.find(&job.id) {
        return known(store, operation, job, diary, &begin);
    }
    free(store, &job.id, diary, &begin)?;
    let operation = store.create(job, peer, &begin)?;
    op::launch(store, &operation, diary, &begin)?;
    Ok(operation)
}

/// What there is under the job's name, which is the job's own or is refused.
fn known(
    store: &Store<'_>,
    operation: Operation,
    job: &Job,
    diary: &Diary,
    begin: &Begin,
) -> Result<Operation, Refusal> {
    if operation.is_closed() {
        return Ok(operation);
    }
    if !operation.job()?.is_some_and(|kept| op::is_same_wish(&kept, job)) {
        return Err(Refusal::OtherJob { id: job.id.clone() });
    }
    // A talk that was killed between making the folder and starting the worker left it to this one.
    if !operation.is_started() && operation.ended_at().is_ok_and(|ended| ended.is_none()) {
        match free(store, &job.id, diary, begin) {
            // The one that is at work is its own: it was started after all, and has not said so yet.
            Err(Refusal::Busy { .. }) if has_worker(&operation)? => {}
            free => free?,
        }
        op::launch(store, &operation, diary, begin)?;
    }
    Ok(operation)
}

/// A worker has the operation's lock before that of the machine.
fn has_worker(operation: &Operation) -> Result<bool, Refusal> {
    Ok(operation.try_lock().keep("locked", operation.folder())?.is_none())
}

/// Nobody works on the machine, nor is it about to go down for somebody.
fn free(store: &Store<'_>, id: &Name, diary: &Diary, begin: &Begin) -> Result<(), Refusal> {
    let busy = |running| Err(Refusal::Busy { running });
    let begun = Instant::now();
    loop {
        match store.machine()? {
            Machine::Taken { by } => {
                let by = by.unwrap_or_else(|| id.clone());
                if !has_ended(store, &by) || begun.elapsed() > LEAVING {
                    return busy(by);
                }
            }
            Machine::Free { last, held } => {
                let known = last.and_then(|last| store.find(&last)).filter(|last| last.id() != id);
                let Some(operation) = known else { return Ok(()) };
                let stand = op::settle_begun(store, &operation, diary, Some(begin))?;
                drop(held);
                match stand {
                    Stand::Ended => return Ok(()),
                    Stand::Rebooting => return busy(operation.id().clone()),
                    // The lock of the machine is let go of first; or somebody looks at the operation.
                    Stand::Running if begun.elapsed() > LEAVING => return busy(operation.id().clone()),
                    Stand::Running => {}
                }
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn has_ended(store: &Store<'_>, id: &Name) -> bool {
    store.find(id).is_some_and(|operation| operation.ended_at().is_ok_and(|ended| ended.is_some()))
}
