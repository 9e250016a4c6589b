//! Purging kernels that are neither running nor the newest.

use std::collections::BTreeSet;

use smith_agent::protocol::{Failure, Kernels};

use super::drive::Drive;
use super::status::Machine;
use super::wish::Wish;
use crate::kernel;
use crate::op::Context;

/// What is to be purged, and what should be and cannot.
#[derive(Debug, Default)]
pub(crate) struct Purge {
    pub(crate) packages: Vec<String>,
    /// The releases of the kernels of these packages.
    pub(crate) releases: Vec<String>,
    pub(crate) left: Vec<String>,
}

/// Asks apt what a purge would do: only packages of old kernels may go.
pub(crate) fn plan(
    ctx: &Context<'_>,
    drive: &Drive<'_>,
    wish: &Wish<'_>,
    machine: &Machine,
) -> Result<Purge, Failure> {
    if wish.patch.kernels == Kernels::Leave {
        return Ok(Purge::default());
    }
    let releases = kernel::old(&kernel::of(ctx.host, machine));
    let is_of_old = |name: &str| releases.iter().any(|release| kernel::belongs(name, release));
    let of_old = machine.packages.keys().filter(|key| is_of_old(&key.name));
    let packages: Vec<String> = of_old.map(|key| key.shown(&machine.native)).collect();
    if packages.is_empty() {
        return Ok(Purge::default());
    }
    let mut args = vec!["purge"];
    args.extend(packages.iter().map(String::as_str));
    let plan = match drive.simulate(ctx, machine, &args) {
        Ok(plan) => plan,
        Err(failure) => return Ok(left(&releases, &failure.message)),
    };
    let mine: BTreeSet<&String> = packages.iter().collect();
    let others: Vec<String> =
        plan.removed(&machine.native).into_iter().filter(|name| !mine.contains(name)).collect();
    if !others.is_empty() || !plan.install.is_empty() {
        let others = others.join(", ");
        return Ok(left(
            &releases,
            &format!("expected that only old kernels go, found that {others} would, too"),
        ));
    }
    Ok(Purge { packages, releases, left: Vec::new() })
}

fn left(releases: &[String], why: &str) -> Purge {
    Purge { left: releases.iter().map(|release| format!("{release}: {why}")).collect(), ..Purge::default() }
}

/// Purges what was planned. The message of a failure tells it from one of the build's own packages.
pub(crate) fn purge(ctx: &mut Context<'_>, drive: &Drive<'_>, purge: &Purge) -> Result<(), Failure> {
    if purge.packages.is_empty() {
        return Ok(());
    }
    let mut args = vec!["purge"];
    args.extend(purge.packages.iter().map(String::as_str));
    drive.change(ctx, "purge", &args).map_err(|mut failure| {
        let releases = purge.releases.join(", ");
        failure.message = format!("old kernels {releases} could not be purged: {}", failure.message);
        failure
    })
}
