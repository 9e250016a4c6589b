//! Performs one operation, apart from the talk that asked for it.

use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Cause, Failure, Job, Name, Outcome};

use super::context::{Context, Teller};
use super::diary::Diary;
use super::keep::{CannotKeep, Keep};
use super::lock::Held;
use super::operation::Operation;
use super::recorder::Recorder;
use super::settle::{broken_off, interrupted};
use super::store::{Machine, Store};
use crate::act::{self, Came};
use crate::apt;
use crate::reboot::Boot;

/// Talks look at a lock for milliseconds.
const LOCKS: Duration = Duration::from_secs(30);

/// Performs the operation, unless it was begun before or has ended.
pub(crate) fn work(store: &Store<'_>, id: &Name) -> Result<(), CannotKeep> {
    // It fails for a process that leads its group already, which is then on its own anyway.
    let _ = rustix::process::setsid();
    let diary = Diary::open(store.host);
    let Some(operation) = store.find(id) else { return Ok(()) };
    let Some(held) = operation.wait_lock(LOCKS).keep("locked", operation.folder())? else { return Ok(()) };
    let mut recorder = Recorder::open(&operation, &diary, &held)?;
    if recorder.is_ended() || operation.is_rebooting() {
        return Ok(());
    }
    if operation.is_started() {
        let outcome = broken_off(store, &operation, &recorder);
        return recorder.end(outcome);
    }
    let job = match operation.job() {
        Ok(Some(job)) => job,
        Ok(None) => return recorder.end(interrupted("the kept job is not a job that this agent can read")),
        Err(error) => return recorder.end(interrupted(error.to_string())),
    };
    let machine = match machine(store)? {
        Ok(machine) => machine,
        Err(by) => {
            let by = by.map_or_else(|| "another operation".to_owned(), |by| format!("operation {by}"));
            return recorder.end(fail(Cause::Busy, format!("{by} runs")));
        }
    };
    let boot = Boot::now(store.host).ok();
    if let Err(error) = sign(&machine, id)
        .keep("written", &store.path("lock"))
        .and_then(|()| operation.start(boot.as_ref(), &held))
    {
        return recorder.end(fail(Cause::DiskFull, error.to_string()));
    }
    perform(store, &operation, &job, &mut recorder)
}

fn perform(
    store: &Store<'_>,
    operation: &Operation,
    job: &Job,
    recorder: &mut Recorder<'_>,
) -> Result<(), CannotKeep> {
    recorder.note(&format!("{} began", job.action.word()));
    let begun = Instant::now();
    let limit = Duration::from_secs(job.limit_s.into());
    let mut context = Context::new(store.host, operation.folder(), recorder, limit);
    context.peer = operation.peer();
    let came = act::act(&mut context, &job.action);
    let outcome = match came {
        Ok(Came::Ended(outcome)) => outcome,
        Ok(Came::Ordered) => {
            recorder.tell(Body::Log { text: "the machine was told to reboot".to_owned() });
            return Ok(());
        }
        Err(failure) => Outcome::Failed(failure),
    };
    recorder.note(&format!("{} took {} s", job.action.word(), begun.elapsed().as_secs()));
    recorder.end(outcome.clone())?;
    if let Err(error) = apt::told(store.host, &outcome) {
        recorder.note(&format!("the next patch tells the same changes again: {error}"));
    }
    Ok(())
}

/// The machine's lock, or who has it.
fn machine(store: &Store<'_>) -> Result<Result<Held, Option<Name>>, CannotKeep> {
    let begun = Instant::now();
    loop {
        match store.machine()? {
            Machine::Free { held, .. } => return Ok(Ok(held)),
            Machine::Taken { by } if begun.elapsed() > LOCKS => return Ok(Err(by)),
            Machine::Taken { .. } => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Says in the lock whose it is.
fn sign(machine: &Held, id: &Name) -> io::Result<()> {
    let line = format!("{id}\n");
    machine.file().set_len(0)?;
    machine.file().write_all_at(line.as_bytes(), 0)?;
    machine.file().sync_all()
}

fn fail(cause: Cause, message: String) -> Outcome {
    Outcome::Failed(Failure::new(cause, message))
}
