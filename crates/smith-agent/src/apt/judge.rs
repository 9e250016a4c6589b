//! Whether a plan brings the machine to the build, by the rules of the job.

use std::collections::BTreeMap;

use smith_agent::protocol::{Cause, Downgrades, Failure, Holds, Package};

use super::lists::{Offer, Offers, Target};
use super::plan::Plan;
use super::status::{Key, Machine, Present};
use super::wish::{self, Wish};

/// Names in a message; the lists of the outcome have them all.
const NAMED: usize = 8;

/// What a plan, or a machine, is to the build.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Held, or kept back by what is held or left.
    pub(crate) held: Vec<Package>,
    pub(crate) newer: Vec<Package>,
    /// Neither held nor newer, and not at the build.
    behind: Vec<Package>,
    /// Packages that the build knows, at its version.
    pub(crate) at_build: u32,
    /// Packages of the machine that the build does not know.
    pub(crate) unknown: u32,
}

/// Looks at every package of the machine as it is when the plan is done.
pub(crate) fn judge(wish: &Wish<'_>, machine: &Machine, plan: &Plan, offers: &Offers) -> Verdict {
    let mut verdict = Verdict::default();
    for (key, present) in &machine.packages {
        let Some(after) = plan.version_after(key, machine) else { continue };
        let (offer, is_older) = match offers.target(key, &present.version) {
            Target::None => {
                verdict.unknown += 1;
                continue;
            }
            Target::Here => {
                verdict.at_build += 1;
                continue;
            }
            Target::Newer(offer) => (offer, false),
            Target::Older(offer) => (offer, true),
        };
        let package = package(key, present, offer);
        if after == offer.version {
            verdict.at_build += 1;
        } else if is_older && wish.patch.downgrades != Downgrades::Take {
            verdict.newer.push(package);
        } else if present.is_held {
            verdict.held.push(package);
        } else {
            verdict.behind.push(package);
        }
    }
    // What is not touched can keep others from moving.
    if !verdict.held.is_empty() || !verdict.newer.is_empty() {
        verdict.held.append(&mut verdict.behind);
    }
    let knows = |key: &&Key| offers.knows(key) && !machine.packages.contains_key(key);
    verdict.at_build += u32::try_from(plan.install.keys().filter(knows).count()).unwrap_or(u32::MAX);
    verdict
}

/// Refuses what the job does not allow. Nothing has been touched when it does.
pub(crate) fn refuse(
    wish: &Wish<'_>,
    machine: &Machine,
    plan: &Plan,
    verdict: &Verdict,
) -> Result<(), Failure> {
    let build = wish.patch.build;
    let refusal = |cause: Cause, found: String| Err(Failure::new(cause, found));
    let held: Vec<&Package> = verdict.held.iter().collect();
    if wish.patch.holds == Holds::Refuse && !held.is_empty() {
        let found = versions(&held);
        return refusal(Cause::HeldPackage, format!("expected no hold against build {build}, found {found}"));
    }
    if wish.patch.downgrades == Downgrades::Refuse && !verdict.newer.is_empty() {
        let found = versions(&verdict.newer.iter().collect::<Vec<_>>());
        return refusal(Cause::Mismatch, format!("expected nothing newer than build {build}, found {found}"));
    }
    let removed = plan.removed(&machine.native);
    let refused = wish::refused(wish, removed.iter());
    if !refused.is_empty() {
        let found = names(refused.into_iter().cloned());
        return refusal(
            Cause::RemovalRefused,
            format!("expected no removal that is not allowed, found {found}"),
        );
    }
    if !verdict.behind.is_empty() {
        let found = versions(&verdict.behind.iter().collect::<Vec<_>>());
        return refusal(
            Cause::Mismatch,
            format!("expected a plan to build {build}, found that apt keeps back {found}"),
        );
    }
    expected(wish, machine, plan)
}

/// Refuses a machine that is not at the build after all was done.
pub(crate) fn verify(wish: &Wish<'_>, verdict: &Verdict, allowed: &Verdict) -> Result<(), Failure> {
    let is_allowed = |package: &&Package| {
        let mut known = allowed.held.iter().chain(&allowed.newer);
        !known.any(|known| known.name == package.name && known.architecture == package.architecture)
    };
    let all = verdict.held.iter().chain(&verdict.newer).chain(&verdict.behind);
    let wrong: Vec<&Package> = all.filter(is_allowed).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("expected every package at build {}, found {}", wish.patch.build, versions(&wrong));
    Err(Failure::new(Cause::Mismatch, message))
}

/// Compares the end of the plan with what the controller expects: each package that it names, and no other change.
fn expected(wish: &Wish<'_>, machine: &Machine, plan: &Plan) -> Result<(), Failure> {
    let Some(expect) = &wish.patch.expect else { return Ok(()) };
    let expect: BTreeMap<Key, &String> =
        expect.iter().map(|(name, version)| (machine.key_of(name), version)).collect();
    let mut wrong = Vec::new();
    for (key, version) in &expect {
        let found = plan.version_after(key, machine);
        if found != Some(version.as_str()) {
            let found = found.unwrap_or("nothing");
            wrong.push(format!("{} {found} instead of {version}", key.shown(&machine.native)));
        }
    }
    for (key, version) in &plan.install {
        if !expect.contains_key(key) {
            wrong.push(format!("{} {version}, which nobody expects", key.shown(&machine.native)));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("expected a patch to the versions of the job, found {}", names(wrong.into_iter()));
    Err(Failure::new(Cause::Mismatch, message))
}

/// What is newer than the build and has to go back, as pins.
pub(crate) fn pins(machine: &Machine, offers: &Offers) -> Vec<(String, String)> {
    let pin = |(key, present): (&Key, &Present)| match offers.target(key, &present.version) {
        Target::Older(offer) if !present.is_held => {
            Some((format!("{}:{}", key.name, key.architecture), offer.version.clone()))
        }
        Target::Older(_) | Target::None | Target::Here | Target::Newer(_) => None,
    };
    machine.packages.iter().filter_map(pin).collect()
}

fn package(key: &Key, present: &Present, offer: &Offer) -> Package {
    Package {
        name: key.name.clone(),
        architecture: key.architecture.clone(),
        installed: present.version.clone(),
        build: offer.version.clone(),
    }
}

fn versions(packages: &[&Package]) -> String {
    names(packages.iter().map(|one| format!("{} {} (the build has {})", one.name, one.installed, one.build)))
}

fn names(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join(", ")
}
