//! From the word of a job to the module that does it.

use smith_agent::protocol::{Action, Cause, Done, Failure, Outcome, Patch};

use crate::op::{self, Context, Store};
use crate::{apt, deadman, facts, health, hooks, reboot, report};

/// What an action came to.
pub(crate) enum Came {
    Ended(Outcome),
    /// The machine was told to go down. The operation ends when it is back.
    Ordered,
}

/// An action that is done once, by a worker.
pub(crate) fn act(context: &mut Context<'_>, action: &Action) -> Result<Came, Failure> {
    let outcome = match action {
        Action::Check(patch) => apt::check(context, patch),
        Action::Patch(patch) => patch_machine(context, patch),
        Action::Drain => hooks::drain(context),
        Action::Undrain => hooks::undrain(context),
        Action::Health(health) => health::check(context, health),
        Action::Reboot(reboot) => {
            let reboot::Ordered = reboot::order(context, reboot)?;
            return Ok(Came::Ordered);
        }
        Action::Facts | Action::Report | Action::Attach(_) | Action::Clean(_) => Err(misplaced(action)),
    };
    outcome.map(Came::Ended)
}

/// An action that changes nothing on the machine.
pub(crate) fn beside(
    context: &mut Context<'_>,
    store: &Store<'_>,
    action: &Action,
) -> Result<Outcome, Failure> {
    match action {
        Action::Facts => Ok(Outcome::Done(Done::Facts(Box::new(facts::gather(context.host))))),
        Action::Report => report::collect(context),
        Action::Clean(clean) => op::clean(context, store, clean),
        Action::Check(_)
        | Action::Patch(_)
        | Action::Drain
        | Action::Undrain
        | Action::Reboot(_)
        | Action::Health(_)
        | Action::Attach(_) => Err(misplaced(action)),
    }
}

fn misplaced(action: &Action) -> Failure {
    Failure::new(Cause::Mismatch, format!("{} is not done in this place", action.word()))
}

fn patch_machine(context: &mut Context<'_>, patch: &Patch) -> Result<Outcome, Failure> {
    if patch.dead_man.is_some() {
        let mirrors: Vec<String> = patch.sources.iter().map(|source| source.uri.clone()).collect();
        deadman::note_paths(context, &mirrors)?;
    }
    let patched = apt::patch(context, patch);
    // A patch that failed may have taken the network down as well.
    if let Some(dead_man) = &patch.dead_man {
        deadman::arm(context, dead_man);
    }
    let outcome = patched?;
    if let Outcome::Done(Done::Patched(patched)) | Outcome::AlreadySo(Done::Patched(patched)) = &outcome
        && let Err(error) = facts::Installed::of(patched).keep(context.host)
    {
        context.log(format!("the build's number is not remembered: {error}"));
    }
    Ok(outcome)
}
