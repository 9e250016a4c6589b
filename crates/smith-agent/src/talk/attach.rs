//! What became of an operation, for a controller that lost the talk in which it began.

use std::io::{self, Write};

use smith_agent::protocol::{Attach, Job, Refusal};

use super::follow::follow;
use super::wire::Wire;
use crate::op::{self, Diary, Operation, Store};

pub(crate) fn attach(
    store: &Store<'_>,
    job: &Job,
    attach: &Attach,
    diary: &Diary,
    wire: &mut Wire<impl Write>,
) -> io::Result<Option<Refusal>> {
    match find(store, job, attach) {
        Ok(operation) => follow(store, &operation, attach.from, attach.follow, diary, wire),
        Err(refusal) => Ok(Some(refusal)),
    }
}

/// The operation. A controller that is told that there is none may rely on it: its name is closed, and a job that comes late
/// under it finds it closed.
fn find(store: &Store<'_>, job: &Job, attach: &Attach) -> Result<Operation, Refusal> {
    let unknown = Refusal::Unknown { id: attach.to.clone() };
    op::look(store, job.fence.as_ref())?;
    if let Some(operation) = store.find(&attach.to) {
        return if operation.is_closed() { Err(unknown) } else { Ok(operation) };
    }
    if job.fence.is_none() {
        return Err(unknown);
    }
    let begin = store.begin()?;
    op::pass(store, job.fence.as_ref(), &begin)?;
    match store.find(&attach.to) {
        Some(operation) if !operation.is_closed() => Ok(operation),
        Some(_) => Err(unknown),
        None => {
            store.close(&attach.to, &begin)?;
            Err(unknown)
        }
    }
}
