//! All that is looked at, in one list.

use std::time::{Duration, Instant};

use smith_agent::protocol::{Cause, Done, Failure, Finding, Healed, Health, Outcome, Unit};

use super::baseline::{self, Baseline, seconds};
use super::{clock, disk, dpkg, names, route, site, units};
use crate::op::Context;
use crate::settings::{self, Settings};

/// Between two looks at a machine that is still starting. Each costs two calls of systemctl.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) fn check(ctx: &mut Context<'_>, asked: &Health) -> Result<Outcome, Failure> {
    // The controller's time is as old as the talk: it is compared before anything is waited for.
    let clock = asked.now.map(|now| clock::judge(seconds(), now, asked.skew_max_s));
    let (settings, wrong) = settings::read(ctx.host);
    let before = baseline::load(ctx.host);
    let mut healed = settled(ctx, asked, before.as_ref())?;
    ctx.phase("look");
    healed.findings.extend(wrong.map(|text| bad("settings", text)));
    healed.findings.push(dpkg::judge(ctx)?);
    healed.findings.push(names::judge(ctx.host, &settings, before.as_ref()));
    healed.findings.extend(disk::judge(ctx.host, &settings));
    healed.findings.extend(clock);
    healed.findings.extend(dead_man(ctx, before.as_ref()));
    healed.findings.extend(site_files(ctx, &settings)?);
    verdict(ctx, healed)
}

fn verdict(ctx: &mut Context<'_>, healed: Healed) -> Result<Outcome, Failure> {
    let findings = &healed.findings;
    let wrong: Vec<String> =
        findings.iter().filter(|f| !f.good).map(|f| format!("{}: {}", f.what, f.text)).collect();
    if wrong.is_empty() {
        baseline::well(ctx.host)?;
        return Ok(Outcome::Done(Done::Healthy(healed)));
    }
    let message = format!("expected all of {} to be well, found {}", findings.len(), wrong.join("; "));
    Err(Failure { health: Some(healed), ..Failure::new(Cause::Unhealthy, message) })
}

/// Waits until nothing is starting any more and the machine has its way out, at most as long as it was given, and judges.
fn settled(ctx: &mut Context<'_>, asked: &Health, before: Option<&Baseline>) -> Result<Healed, Failure> {
    let until = Instant::now() + Duration::from_secs(asked.settle_s.into());
    ctx.phase("settle");
    loop {
        let found = units::look(ctx.host);
        let route = route::judge(ctx.host, before);
        let starting = found.as_ref().map_or(0, units::Units::starting);
        let left = until.saturating_duration_since(Instant::now());
        if (starting == 0 && route.good) || left.is_zero() {
            let (finding, units) = units::judge(found.as_ref(), before);
            return Ok(Healed { findings: vec![finding, route], units });
        }
        if starting > 0 {
            ctx.progress("settle", None, &format!("{starting} units are starting"));
        }
        std::thread::sleep(ctx.left(LOOK.min(left))?);
    }
}

/// What the machine had to do by itself after the change that is judged here is a finding, however well it is now. Once the
/// next change is looked at it is history.
fn dead_man(ctx: &Context<'_>, before: Option<&Baseline>) -> Option<Finding> {
    let acted = crate::deadman::last(ctx.host)?;
    let since = before.map_or(0, |before| before.looked);
    (acted.at >= since)
        .then(|| bad("dead-man", format!("{}; told until the next change is looked at (check)", acted.text)))
}

fn site_files(ctx: &mut Context<'_>, settings: &Settings) -> Result<Vec<Finding>, Failure> {
    site::judge(ctx, Duration::from_secs(settings.hooks.health_s.into()))
}

pub(super) fn good(what: &str, text: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), good: true, text: text.into(), tail: Vec::new() }
}

pub(super) fn bad(what: &str, text: impl Into<String>) -> Finding {
    Finding { good: false, ..good(what, text) }
}

pub(super) fn unit(name: &str, before: bool) -> Unit {
    Unit { name: name.to_owned(), before }
}
