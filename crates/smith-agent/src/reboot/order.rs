//! Ordering the reboot. What must be known afterwards is on the disk before.

use std::path::Path;
use std::time::Duration;

use smith_agent::protocol::{Cause, Failure, Reboot};

use super::state::State;
use super::{Boot, holder, running, uptime};
use crate::files::tail_of;
use crate::op::Context;
use crate::tool::Run;
use crate::{deadman, health};

/// An order is taken at once; the machine's going down is not waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// The ways to order a reboot, tried in this order: systemd's own, then those that every init has.
const WAYS: [&[&str]; 3] = [&["systemctl", "--no-block", "reboot"], &["shutdown", "-r", "now"], &["reboot"]];

/// The machine goes down. The operation stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ordered;

pub(crate) fn order(ctx: &mut Context<'_>, asked: &Reboot) -> Result<Ordered, Failure> {
    if ctx.host.path("/") != Path::new("/") {
        return Err(Failure::new(Cause::Mismatch, "expected a machine to reboot, found a folder"));
    }
    order_by(ctx, asked, &WAYS)
}

pub(super) fn order_by(ctx: &mut Context<'_>, asked: &Reboot, ways: &[&[&str]]) -> Result<Ordered, Failure> {
    ctx.phase("reboot");
    if let Some(holder) = holder(ctx.host) {
        return Err(Failure::new(Cause::Busy, format!("expected no work on packages, found {holder} at it")));
    }
    let unsure = |why: String| Failure::new(Cause::Interrupted, format!("nothing was ordered: {why}"));
    if asked.dead_man.is_some() {
        deadman::note_paths(ctx, &[])?;
    }
    health::changing(ctx)?;
    let state = State {
        before: Boot::now(ctx.host).map_err(unsure)?,
        kernel_before: running(ctx.host),
        ordered_at: health::seconds(),
        uptime_at: uptime(ctx.host).as_secs(),
        back_within_s: asked.back_within_s,
        dead_man: asked.dead_man,
        seen: None,
    };
    state.keep(ctx.folder).map_err(unsure)?;
    ctx.log(format!("the machine goes down and is to be back within {} s", asked.back_within_s));
    rustix::fs::sync();
    go(ctx, ways)?;
    Ok(Ordered)
}

fn go(ctx: &mut Context<'_>, ways: &[&[&str]]) -> Result<(), Failure> {
    let (mut tried, mut tail) = (Vec::new(), Vec::new());
    for way in ways {
        let Some((program, args)) = way.split_first() else { continue };
        match Run::new(program, LIMIT).args(args).run() {
            Ok(ran) if ran.is_good() => return Ok(()),
            Ok(ran) => {
                tail.extend(tail_of(&ran.output));
                tried.push(format!("{}: {}", way.join(" "), ran.ended));
            }
            Err(stopped) => tried.push(stopped.to_string()),
        }
    }
    // Nothing took the order, so that nothing is to be waited for.
    State::forget(ctx.folder);
    let message = format!("expected the order to reboot to be taken, found {}", tried.join("; "));
    Err(Failure { tail, ..Failure::new(Cause::RebootTimeout, message) })
}
