//! The two actions, step by step.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use smith_agent::protocol::{
    Cause, Checked, Done, Downgrades, Failure, Outcome, Patch, Patched, Removals, Work, is_in_effect,
};

use super::begun;
use super::conffiles::Beside;
use super::disk::{self, Need};
use super::drive::{self, Drive};
use super::fresh::{self, Lists};
use super::home::Home;
use super::judge::{self, Verdict};
use super::kernels::{self, Purge};
use super::lists::{Offers, compare_releases};
use super::lock;
use super::plan::{Plan, differences};
use super::repair::{self, Repair};
use super::status::Machine;
use super::trust;
use super::wish::Wish;
use crate::op::{Context, Host};
use crate::{health, restart};

/// Whoever else works on the packages, such as the distribution's own daily upgrade, gets so long to end.
const LOCK_WAIT: Duration = Duration::from_secs(120);

/// What there is to be done, found fit by the rules of the job.
struct Seen {
    machine: Machine,
    plan: Plan,
    offers: Offers,
    verdict: Verdict,
    need: Need,
}

/// Says what a patch would do. No package is touched.
pub(crate) fn check(ctx: &mut Context<'_>, patch: &Patch) -> Result<Outcome, Failure> {
    health::remember(ctx)?;
    let wish = Wish::read(patch)?;
    trust::refuse(ctx.host, &wish.keyring)?;
    let home = Home::prepare(ctx.host, &wish)?;
    let drive = Drive { home: &home, conffiles: patch.conffiles };
    let native = drive::native(ctx.host)?;
    lock::wait(ctx, &lock::OF_OURS, LOCK_WAIT)?;
    let lists = fresh::look(&home, &wish, ctx.host, &native);
    // Also what is there: a check says whether the mirror is.
    fetch(ctx, &drive, &wish, lists)?;
    let seen = see(ctx, &drive, &wish, &native)?;
    room(ctx, &drive, &wish, &seen)?;
    let purge = kernels::plan(ctx, &drive, &wish, &seen.machine)?;
    let (restarts, reboot) = restart::needs(ctx.host);
    let is_broken = seen.machine.has_journal || !seen.machine.unfinished().is_empty();
    let work = if !seen.plan.is_empty() || !purge.packages.is_empty() || is_broken {
        Work::Install
    } else if is_in_effect(&restarts, &reboot) {
        Work::Nothing
    } else {
        Work::RebootOnly
    };
    let checked = Checked {
        work,
        changes: seen.plan.changes(&seen.machine),
        held: seen.verdict.held,
        newer: seen.verdict.newer,
        download_bytes: seen.need.download,
        restarts,
        reboot,
    };
    let done = Done::Checked(Box::new(checked));
    Ok(if work == Work::Nothing { Outcome::AlreadySo(done) } else { Outcome::Done(done) })
}

/// Brings the machine to the build.
pub(crate) fn patch(ctx: &mut Context<'_>, patch: &Patch) -> Result<Outcome, Failure> {
    patch_within(ctx, patch, LOCK_WAIT)
}

pub(super) fn patch_within(
    ctx: &mut Context<'_>,
    patch: &Patch,
    lock_wait: Duration,
) -> Result<Outcome, Failure> {
    let mut before = None;
    let ended = bring(ctx, patch, lock_wait, &mut before);
    ended.map_err(|failure| {
        let mut failure = match before {
            Some(before) => of_a_touched_machine(ctx.host, failure, &before),
            None => failure,
        };
        match begun::so_far(ctx.host) {
            Ok(changes) => failure.changes = changes,
            Err(wrong) => ctx.log(format!("what was changed is not known: {wrong}")),
        }
        failure
    })
}

/// Controllers take these causes for found before a package was touched, and put the machine back into service. Where it is not
/// as it was, the same trouble is a package's.
pub(super) fn of_a_touched_machine(host: &Host, failure: Failure, before: &Machine) -> Failure {
    let is_of_before = matches!(
        failure.cause,
        Cause::Busy
            | Cause::MirrorUnreachable
            | Cause::BadSignature
            | Cause::HeldPackage
            | Cause::RemovalRefused
            | Cause::DiskFull
    );
    if !is_of_before || Machine::read(host, &before.native).is_ok_and(|now| now == *before) {
        return failure;
    }
    Failure { cause: Cause::PackageFailed, ..failure }
}

fn bring(
    ctx: &mut Context<'_>,
    patch: &Patch,
    lock_wait: Duration,
    read: &mut Option<Machine>,
) -> Result<Outcome, Failure> {
    let wish = Wish::read(patch)?;
    trust::refuse(ctx.host, &wish.keyring)?;
    let home = Home::prepare(ctx.host, &wish)?;
    let drive = Drive { home: &home, conffiles: patch.conffiles };
    let native = drive::native(ctx.host)?;
    lock::wait(ctx, &lock::OF_PACKAGES, lock_wait)?;
    lock::wait(ctx, &lock::OF_OURS, lock_wait)?;
    let before = &*read.insert(Machine::read(ctx.host, &native)?);
    keep(ctx, "packages.before", before);
    let repair = repair::configure(ctx, &drive, before)?;
    let lists = fresh::look(&home, &wish, ctx.host, &native);
    if lists != Lists::Here {
        fetch(ctx, &drive, &wish, lists)?;
    }
    let seen = see(ctx, &drive, &wish, &native)?;
    if let Some(failure) = repair.failed.as_ref().filter(|_| seen.plan.is_empty()) {
        return Err(Failure { cause: Cause::DpkgBroken, ..failure.clone() });
    }
    let first = room(ctx, &drive, &wish, &seen)?;
    let beside = Beside::of(ctx.host);
    kernels::purge(ctx, &drive, &first)?;
    install(ctx, &drive, &wish, &seen)?;
    let purged = first.releases;
    finish(ctx, &drive, Finish { wish: &wish, before, seen: &seen, repair, beside, purged })
}

/// What the end of a patch needs of its beginning.
struct Finish<'a> {
    wish: &'a Wish<'a>,
    before: &'a Machine,
    seen: &'a Seen,
    repair: Repair,
    beside: Beside,
    /// Kernels that had to go before there was room.
    purged: Vec<String>,
}

fn finish(ctx: &mut Context<'_>, drive: &Drive<'_>, end: Finish<'_>) -> Result<Outcome, Failure> {
    let Finish { wish, before, seen, repair, beside, purged } = end;
    let machine =
        if seen.plan.is_empty() { seen.machine.clone() } else { Machine::read(ctx.host, &before.native)? };
    let purge = kernels::plan(ctx, drive, wish, &machine)?;
    kernels::purge(ctx, drive, &purge)?;
    ctx.phase("verify");
    let after = if purge.packages.is_empty() { machine } else { Machine::read(ctx.host, &before.native)? };
    keep(ctx, "packages.after", &after);
    let verdict = verify(ctx, wish, seen, &after)?;
    let own = differences(before, &after);
    let is_so = own.is_empty() && seen.plan.is_empty() && repair.done.is_empty() && purge.packages.is_empty();
    if !is_so && let Err(error) = drive.home.forget_archives() {
        ctx.log(format!("downloaded packages could not be deleted: {error}"));
    }
    let (restarts, reboot) = restart::needs(ctx.host);
    let Purge { releases, left, .. } = purge;
    let begun = begun::read(ctx);
    let patched = Patched {
        build: wish.patch.build,
        unfinished: begun.as_ref().and_then(|begun| begun.unfinished(ctx)),
        changes: begun.map_or(own, |begun| begun.differences(&after)),
        verified: verdict.at_build,
        unknown: verdict.unknown,
        installed: u32::try_from(after.packages.len()).unwrap_or(u32::MAX),
        held: verdict.held,
        newer: verdict.newer,
        repaired: repair.done,
        kernels_purged: [purged, releases].concat(),
        kernels_left: left,
        conffiles: Beside::of(ctx.host).since(&beside, ctx.host),
        download_bytes: seen.need.download,
        reboot,
        restarts,
        packages_sha256: after.digest(),
    };
    let done = Done::Patched(Box::new(patched));
    Ok(if is_so { Outcome::AlreadySo(done) } else { Outcome::Done(done) })
}

/// Fetches the lists and sees that they are those of the build.
fn fetch(ctx: &mut Context<'_>, drive: &Drive<'_>, wish: &Wish<'_>, lists: Lists) -> Result<(), Failure> {
    let unnoted = |error: std::io::Error| {
        Failure::new(Cause::Mismatch, format!("what the lists were fetched with could not be noted: {error}"))
    };
    fresh::unstamp(drive.home).map_err(unnoted)?;
    if lists == Lists::Damaged {
        ctx.log("the lists of the build were not what its release says, and are fetched anew");
        fresh::forget(drive.home).map_err(unnoted)?;
    }
    drive.update(ctx)?;
    compare_releases(drive.home, wish)?;
    fresh::stamp(drive.home).map_err(unnoted)
}

/// Lets apt plan, and holds the plan against the rules of the job and the machine's disks.
fn see(ctx: &mut Context<'_>, drive: &Drive<'_>, wish: &Wish<'_>, native: &str) -> Result<Seen, Failure> {
    ctx.phase("simulate");
    let machine = Machine::read(ctx.host, native)?;
    if wish.patch.downgrades == Downgrades::Take {
        let offers = Offers::read(drive.home, &machine, &BTreeSet::new())?;
        drive.home.pin(&judge::pins(&machine, &offers)).map_err(|error| {
            Failure::new(
                Cause::Mismatch,
                format!("the way back to the build could not be written down: {error}"),
            )
        })?;
    }
    let plan = drive.simulate(ctx, &machine, &upgrade(wish))?;
    let offers = Offers::read(drive.home, &machine, &plan.install.keys().cloned().collect())?;
    // A build for another architecture would be "already so" on every machine.
    if offers.is_empty() && !machine.packages.is_empty() {
        let (build, count) = (wish.patch.build, machine.packages.len());
        let message = format!(
            "expected build {build} to have packages of this {native} machine, found none of its {count}"
        );
        return Err(Failure::new(Cause::Mismatch, message));
    }
    let verdict = judge::judge(wish, &machine, &plan, &offers);
    judge::refuse(wish, &machine, &plan, &verdict)?;
    let need = disk::need(&plan, &machine, &offers, drive.home);
    Ok(Seen { machine, plan, offers, verdict, need })
}

/// Sees that the plan fits onto the disks, and says which old kernels have to go before it does: a small /boot is full of them.
fn room(ctx: &mut Context<'_>, drive: &Drive<'_>, wish: &Wish<'_>, seen: &Seen) -> Result<Purge, Failure> {
    if seen.plan.install.is_empty() {
        return Ok(Purge::default());
    }
    let Err(full) = disk::check(&seen.need, &[], ctx.host, drive.home) else { return Ok(Purge::default()) };
    let purge = kernels::plan(ctx, drive, wish, &seen.machine)?;
    disk::check(&seen.need, &purge.releases, ctx.host, drive.home)?;
    ctx.log(format!("{}: old kernels go first", full.message));
    Ok(purge)
}

/// Downloads and installs in one run of apt, which begins to unpack only when everything is there.
fn install(ctx: &mut Context<'_>, drive: &Drive<'_>, wish: &Wish<'_>, seen: &Seen) -> Result<(), Failure> {
    if seen.plan.is_empty() {
        return Ok(());
    }
    let mut args = upgrade(wish);
    // Should apt come to another plan than it told, because somebody was here between, it stops by itself.
    if seen.plan.remove.is_empty() {
        args.push("--no-remove");
    }
    if wish.patch.removals != Removals::None && !seen.plan.remove.is_empty() {
        ctx.log(format!("packages that go: {}", seen.plan.removed(&seen.machine.native).join(", ")));
    }
    drive.change(ctx, "install", &args)
}

/// The words for apt, the same when it plans and when it acts. `-f`: what is broken is part of the plan.
fn upgrade(wish: &Wish<'_>) -> Vec<&'static str> {
    match wish.patch.downgrades {
        Downgrades::Take => vec!["-f", "--allow-downgrades", "dist-upgrade"],
        Downgrades::Refuse | Downgrades::Leave => vec!["-f", "dist-upgrade"],
    }
}

/// Holds the machine as it is now against the build, package by package.
fn verify(ctx: &Context<'_>, wish: &Wish<'_>, seen: &Seen, after: &Machine) -> Result<Verdict, Failure> {
    let unfinished = after.unfinished();
    let audit = drive::audit(&ctx.host.path("/"))?;
    if after.has_journal || !unfinished.is_empty() || !audit.is_empty() {
        let found = if unfinished.is_empty() { audit.join(" ") } else { unfinished.join(", ") };
        let mut failure =
            Failure::new(Cause::DpkgBroken, format!("expected no unfinished package, found {found}"));
        failure.tail = audit;
        return Err(failure);
    }
    let verdict = judge::judge(wish, after, &Plan::default(), &seen.offers);
    judge::verify(wish, &verdict, &seen.verdict)?;
    Ok(verdict)
}

/// A list of packages for people, in the operation's folder. The patch does not depend on it.
fn keep(ctx: &mut Context<'_>, name: &str, machine: &Machine) {
    if let Err(error) = fs::write(ctx.folder.join(name), machine.listing()) {
        ctx.log(format!("{name} could not be written: {error}"));
    }
}
