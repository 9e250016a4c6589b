//! Ending what an interrupted dpkg left behind.

use smith_agent::protocol::{Cause, Failure};

use super::drive::Drive;
use super::status::Machine;
use crate::op::Context;

/// What was found broken, and what came of the repair.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// In words, for the outcome.
    pub(crate) done: Vec<String>,
    /// dpkg could not end its work by itself. The build may have what it takes, so that this is not the end yet.
    pub(crate) failed: Option<Failure>,
}

/// Lets dpkg finish its own work. What it cannot finish is left to apt, which may have a newer version of a package
/// whose script fails, or the one that dpkg needs again.
pub(crate) fn configure(
    ctx: &mut Context<'_>,
    drive: &Drive<'_>,
    machine: &Machine,
) -> Result<Repair, Failure> {
    let unfinished = machine.unfinished();
    if unfinished.is_empty() && !machine.has_journal {
        return Ok(Repair::default());
    }
    let found = if unfinished.is_empty() { "the journal of dpkg".to_owned() } else { unfinished.join(", ") };
    ctx.log(format!("dpkg was interrupted: {found} to be finished"));
    let failed = match drive.configure_all(ctx) {
        Ok(()) => None,
        Err(failure) if matches!(failure.cause, Cause::Busy | Cause::DiskFull | Cause::TimedOut) => {
            return Err(failure);
        }
        Err(failure) => {
            ctx.log(format!("dpkg could not finish by itself: {}", failure.message));
            Some(failure)
        }
    };
    let mut repair = Repair { done: vec![format!("dpkg was interrupted: {found}")], failed };
    let after = Machine::read(ctx.host, &machine.native)?;
    let still = after.unfinished();
    if !still.is_empty() {
        repair.done.push(format!("left to apt: {}", still.join(", ")));
    }
    Ok(repair)
}
