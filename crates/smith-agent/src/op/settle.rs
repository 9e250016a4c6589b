//! Finds out what became of an operation whose worker is not there, and writes it down once.

use std::time::Duration;

use smith_agent::protocol::{Action, Cause, Failure, Job, Outcome};

use super::context::Context;
use super::diary::Diary;
use super::keep::{CannotKeep, Keep};
use super::operation::Operation;
use super::recorder::Recorder;
use super::store::{Begin, Store};
use crate::reboot::{self, Boot};
use crate::{apt, kernel};

/// What is done about a reboot when the machine is back is looked at for so long.
const SETTLE: Duration = Duration::from_secs(60);

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Ended,
    /// A worker is at it.
    Running,
    /// The machine is to come back first.
    Rebooting,
}

/// Where it is. One whose worker died ends with this.
pub(crate) fn settle(store: &Store<'_>, operation: &Operation, diary: &Diary) -> Result<Stand, CannotKeep> {
    // A talk that begins the operation at this moment has not started its worker yet.
    let begin = if operation.is_started() || operation.is_closed() { None } else { Some(store.begin()?) };
    settle_begun(store, operation, diary, begin.as_ref())
}

/// The same, where the right to begin need not be waited for.
pub(crate) fn settle_begun(
    store: &Store<'_>,
    operation: &Operation,
    diary: &Diary,
    _begin: Option<&Begin>,
) -> Result<Stand, CannotKeep> {
    let Some(held) = operation.try_lock().keep("locked", operation.folder())? else {
        return Ok(Stand::Running);
    };
    let mut recorder = Recorder::open(operation, diary, &held)?;
    if recorder.is_ended() {
        return Ok(Stand::Ended);
    }
    let outcome = if operation.is_rebooting() {
        let mut context = Context::new(store.host, operation.folder(), &mut recorder, SETTLE);
        context.peer = operation.peer();
        match reboot::settle(&mut context, |host| kernel::facts(host).unwrap_or_default()) {
            Some(outcome) => outcome,
            None => return Ok(Stand::Rebooting),
        }
    } else if operation.is_started() {
        broken_off(store, operation, &recorder)
    } else {
        interrupted("the agent was killed, or the machine went down, before it began with it")
    };
    recorder.end(outcome)?;
    Ok(Stand::Ended)
}

/// All operations of the machine, which is done when it has booted.
pub(crate) fn settle_all(store: &Store<'_>, diary: &Diary) -> Result<(), CannotKeep> {
    for name in store.names()? {
        let Some(operation) = store.find(&name) else { continue };
        if let Err(error) = settle(store, &operation, diary) {
            diary.about(&name).line(&error.to_string());
        }
    }
    Ok(())
}

/// How an operation ended that a worker began and did not end. dpkg may still be at it: whoever comes to the end tells it all.
pub(super) fn broken_off(store: &Store<'_>, operation: &Operation, recorder: &Recorder<'_>) -> Outcome {
    let mut failure = Failure::new(Cause::Interrupted, in_the_middle(store, operation));
    if let Ok(Some(Job { action: Action::Patch(_), .. })) = operation.job() {
        match apt::so_far(store.host) {
            Ok(changes) => failure.changes = changes,
            Err(wrong) => recorder.note(&format!("what was changed is not known: {wrong}")),
        }
    }
    Outcome::Failed(failure)
}

/// What became of a worker that began and did not end. That the machine was restarted is known; what came first is not, where the
/// agent was killed and the machine went down after it.
fn in_the_middle(store: &Store<'_>, operation: &Operation) -> &'static str {
    match (operation.started_in(), Boot::now(store.host)) {
        (Some(began), Ok(now)) if began == now => {
            "the agent was killed or broke off in the middle of it, and the machine was not restarted"
        }
        (Some(_), Ok(_)) => "the machine was restarted before it came to its end",
        (None, _) | (_, Err(_)) => "the agent was killed, or the machine went down, in the middle of it",
    }
}

pub(crate) fn interrupted(message: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::new(Cause::Interrupted, message))
}
