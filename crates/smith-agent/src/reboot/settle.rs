//! What became of an ordered reboot.

use std::time::Duration;

use smith_agent::protocol::{Cause, Done, Failure, Finding, Healed, Kernel, Outcome, Rebooted};

use super::boot::{age, is_container};
use super::state::State;
use super::{Boot, running, uptime};
use crate::op::{Context, Host};
use crate::{deadman, health, kernel};

/// A machine whose hardware clock is off has so long after its boot to ask somebody for the time.
const TIME_TO_ASK: Duration = Duration::from_secs(90);

/// A hardware clock that is read at boot may be so far behind the one that was running: a coarse clock that drifts.
const BEHIND_S: u64 = 60;

/// `None` while the machine has time to go down and to come back with a clock that can be believed: to be asked again.
/// The newest kernel is asked for when the machine is back.
pub(crate) fn settle(ctx: &mut Context<'_>, kernels: impl Fn(&Host) -> Kernel) -> Option<Outcome> {
    let lost = |why: String| {
        Some(Outcome::Failed(Failure::new(
            Cause::Interrupted,
            format!("what became of the reboot is not known: {why}"),
        )))
    };
    let mut state = match State::load(ctx.folder) {
        Ok(state) => state,
        Err(why) => return lost(why),
    };
    let boot = match Boot::now(ctx.host) {
        Ok(boot) => boot,
        Err(why) => return lost(why),
    };
    if boot == state.before {
        return still_up(ctx.host, &state);
    }
    if state.seen.as_ref() != Some(&boot) {
        first_sight(ctx, &mut state, &boot);
    }
    back(ctx, &state, &boot, kernels)
}

/// The clock may be set meanwhile, the uptime goes on.
fn still_up(host: &Host, state: &State) -> Option<Outcome> {
    let since = uptime(host).as_secs().saturating_sub(state.uptime_at);
    if since <= u64::from(state.back_within_s) {
        return None;
    }
    let message = format!(
        "expected the machine to go down and be back within {} s, found it still up after {since} s",
        state.back_within_s
    );
    Some(Outcome::Failed(Failure::new(Cause::RebootTimeout, message)))
}

/// What is done once for a new boot, and then the note that it was done: whoever is killed in between does it again, which changes
/// nothing.
fn first_sight(ctx: &mut Context<'_>, state: &mut State, boot: &Boot) {
    if let Some(dead_man) = state.dead_man {
        deadman::arm_after_reboot(ctx, &dead_man, &state.kernel_before);
    }
    state.seen = Some(boot.clone());
    if let Err(why) = state.keep(ctx.folder) {
        ctx.log(format!("the machine is back; {why}"));
    }
}

fn back(
    ctx: &mut Context<'_>,
    state: &State,
    boot: &Boot,
    kernels: impl Fn(&Host) -> Kernel,
) -> Option<Outcome> {
    let (now, age) = (health::seconds(), age(ctx.host));
    if now + BEHIND_S < state.ordered_at {
        return (age >= TIME_TO_ASK).then(|| Outcome::Failed(clock_behind(state.ordered_at - now)));
    }
    let took_s = now.saturating_sub(age.as_secs()).saturating_sub(state.ordered_at);
    if took_s > u64::from(state.back_within_s) {
        // It may as well be the clock that jumped; a machine whose time nobody knows is not back in good order either way.
        if age < TIME_TO_ASK {
            return None;
        }
        let message = format!(
            "expected the machine back within {} s, found that it began its new boot {took_s} s after the order, by its clock",
            state.back_within_s
        );
        return Some(Outcome::Failed(Failure::new(Cause::RebootTimeout, message)));
    }
    let rebooted = Rebooted {
        boot_before: state.before.id.clone(),
        boot: boot.id.clone(),
        kernel_before: state.kernel_before.clone(),
        kernel: running(ctx.host),
        took_s,
    };
    if let Some(failure) = old_kernel(ctx, &rebooted.kernel, kernels) {
        return Some(Outcome::Failed(failure));
    }
    ctx.log(format!("the machine is back after {took_s} s with the kernel {}", rebooted.kernel));
    Some(Outcome::Done(Done::Rebooted(rebooted)))
}

fn clock_behind(by: u64) -> Failure {
    let text = format!("expected a clock that goes on, found it {by} s before the moment of the order");
    let finding = Finding { what: "clock".to_owned(), good: false, text: text.clone(), tail: Vec::new() };
    let health = Some(Healed { findings: vec![finding], units: Vec::new() });
    Failure { health, ..Failure::new(Cause::Unhealthy, text) }
}

fn old_kernel(ctx: &mut Context<'_>, running: &str, kernels: impl Fn(&Host) -> Kernel) -> Option<Failure> {
    if is_container(ctx.host) {
        ctx.log("the kernel is not looked at: it is that of the container's host");
        return None;
    }
    let kernel = Kernel { running: running.to_owned(), ..kernels(ctx.host) };
    let Some(newest) = kernel::newest(&kernel) else {
        ctx.log("the kernel is not looked at: no package has brought one");
        return None;
    };
    (newest != running).then(|| {
        let message =
            format!("expected the machine to run the newest kernel {newest}, found it running {running}");
        Failure::new(Cause::OldKernel, message)
    })
}
