//! The links `sync` and `verify`: the build is brought to all mirrors, and looked at on each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use smith_repo::fetch::{Limits, chain};
use smith_repo::mirror::{
    Action, Anew, Depth, Findings, Keys, Mirror, Mode, Opening, Outcome, Reach, Scope, Target, Which,
    clashes, record_mirror_sync, record_sync, record_verify, sync_all, verify_unless,
};
use smith_repo::name::BuildNumber;
use smith_repo::store::Store;

use super::job::{Job, interrupted};
use super::off::Off;
use super::shop::{Believed, Shop, Trouble, all_mirrors, log, now, one_line};
use super::slots::{Slot, Slots};
use crate::words::counted;

/// Reasons that are told of mirrors one by one; a note is one line.
const TOLD_MAX: usize = 5;

/// What is said of a mirror that was not looked at because nobody wants to know any more.
const OFF: &str = "called off";

/// Brings the build to all mirrors. One that another link is at work on is waited for, after all others were brought theirs.
pub(super) fn sync(shop: &Shop, job: &Job, (slots, off): (&Slots, &Off)) -> Result<String, Trouble> {
    let (site, build) = (shop.open()?, job.held()?);
    let mirrors = all_mirrors(&site)?;
    if job.is_look() {
        let lacks = |mirror: &&Mirror| !holds(&site, mirror, build);
        return match mirrors.iter().find(lacks) {
            None => Ok(reached(mirrors.len(), mirrors.len())),
            Some(_) => Err(interrupted(job.link)),
        };
    }
    let bring = Bring { off, site: &site, believed: Believed::at(&site)?, build };
    let (mut free, mut busy, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for mirror in &mirrors {
        match slots.take_now(mirror.name.as_str()) {
            Some(slot) => free.push((mirror, slot)),
            None => busy.push(mirror),
        }
    }
    outcomes.extend(bring.run(free)?);
    for mirror in busy {
        let name = mirror.name.as_str();
        match slots.take(name, &|| off.is_raised()) {
            Some(slot) => outcomes.extend(bring.run(vec![(mirror, slot)])?),
            None => {
                outcomes.push(Outcome::bad(&mirror.name, Action::Sync, Some(build), slots.busy(name)));
            }
        }
    }
    summed(mirrors.len(), &failures(&outcomes))
}

/// A build on its way to mirrors.
struct Bring<'a> {
    off: &'a Off,
    site: &'a Store,
    believed: Believed,
    build: BuildNumber,
}

impl Bring<'_> {
    fn run(&self, to: Vec<(&Mirror, Slot<'_>)>) -> Result<Vec<Outcome>, Trouble> {
        let Self { off, site, believed, build } = self;
        let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
        let (mirrors, slots): (Vec<&Mirror>, Vec<Slot<'_>>) = to.into_iter().unzip();
        let names = mirrors.iter().map(|mirror| mirror.name.clone());
        let held = Mutex::new(names.zip(slots).collect::<BTreeMap<_, _>>());
        let (targets, mut outcomes) = targets(site, &mirrors, Mode::Do);
        for target in &targets {
            let bad = |(number, why)| Outcome::bad(&target.name, Action::Sync, Some(number), why);
            let same = |(number, _): &(BuildNumber, String)| number == build;
            outcomes.extend(clashes(site, target).into_iter().filter(same).map(bad));
        }
        log(site, &outcomes)?;
        // Written down as it comes: a run that is killed has said what it did. What cannot be written down is no reason to
        // stop. A mirror that is done is free for others while its neighbour hangs.
        let done = |outcome: &Outcome| {
            drop(log(site, std::slice::from_ref(outcome)));
            if let Some(name) = &outcome.mirror {
                held.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            }
        };
        let which = Which::Listed(vec![*build]);
        outcomes.extend(sync_all(&targets, &which, Mode::Do, &check, *off, &done));
        let failed = failures(&outcomes);
        let is_failed = |target: &&Target| failed.iter().any(|(name, _)| *name == target.name.as_str());
        for target in targets.iter().filter(|target| !is_failed(target)) {
            record_mirror_sync(site, &target.name, now()).map_err(|error| Trouble::failed(&error))?;
            if let Reach::Store(store) = &target.reach {
                record_sync(store, now()).map_err(|error| Trouble::failed(&error))?;
            }
        }
        Ok(outcomes)
    }
}

pub(super) fn verified(shop: &Shop, job: &Job, off: &Off) -> Result<String, Trouble> {
    let (site, build) = (shop.open()?, job.held()?);
    let mirrors = all_mirrors(&site)?;
    let (targets, mut outcomes) = targets(&site, &mirrors.iter().collect::<Vec<_>>(), Mode::DryRun);
    for target in &targets {
        let why = match findings(&site, target, build, off) {
            Ok(findings) if findings.is_sound() => continue,
            Ok(findings) => findings.why(),
            Err(why) => why,
        };
        outcomes.push(Outcome::bad(&target.name, Action::Verify, Some(build), why));
    }
    log(&site, &outcomes)?;
    summed(mirrors.len(), &failures(&outcomes))
}

fn findings(site: &Store, target: &Target, build: BuildNumber, off: &Off) -> Result<Findings, String> {
    if off.is_raised() {
        return Err(OFF.to_owned());
    }
    match &target.reach {
        Reach::Store(planned) => {
            let store = Store::open(planned.root()).map_err(|error| chain(&error))?;
            let scope = Scope { foreign: smith_repo::mirror::Foreign::Ignored, ..Scope::FULL };
            let findings = verify_unless(&store, &[build], &scope, off).map_err(|error| chain(&error))?;
            let findings = findings.ok_or(OFF)?;
            // It is true whether or not it could be written down for `smith mirror status`.
            let _ = record_verify(&store, &findings, scope.depth, now());
            Ok(findings)
        }
        Reach::Bucket { bucket, .. } => {
            bucket.verify(site, build, Depth::Full).map_err(|error| chain(&error))
        }
    }
}

/// A mirror that cannot be opened is an outcome like any other.
fn targets(site: &Store, mirrors: &[&Mirror], mode: Mode) -> (Vec<Target>, Vec<Outcome>) {
    let (mut targets, mut outcomes) = (Vec::new(), Vec::new());
    for mirror in mirrors {
        match target(site, mirror, mode) {
            Ok(target) => targets.push(target),
            Err(why) => outcomes.push(Outcome::bad(&mirror.name, Action::Sync, None, why)),
        }
    }
    (targets, outcomes)
}

fn target(site: &Store, mirror: &Mirror, mode: Mode) -> Result<Target, String> {
    let opening = Opening { anew: Anew::No, mode, now: now() };
    let target = Target::of(site, mirror, &Limits::default(), &Keys::FromEnvironment, opening);
    target.map_err(|error| chain(&error))
}

fn holds(site: &Store, mirror: &Mirror, build: BuildNumber) -> bool {
    let target = target(site, mirror, Mode::DryRun);
    target.is_ok_and(|target| target.held().is_ok_and(|held| held.contains(&build)))
}

/// The mirrors on which something failed, each once, with the first reason.
fn failures(outcomes: &[Outcome]) -> Vec<(&str, &str)> {
    let mut failed: Vec<(&str, &str)> = Vec::new();
    for outcome in outcomes {
        let (Some(mirror), Err(why)) = (&outcome.mirror, &outcome.result) else { continue };
        if !failed.iter().any(|(name, _)| *name == mirror.as_str()) {
            failed.push((mirror.as_str(), why));
        }
    }
    failed
}

fn reached(good: usize, all: usize) -> String {
    format!("{good} of {}", counted(all as u64, "mirror"))
}

fn summed(all: usize, failed: &[(&str, &str)]) -> Result<String, Trouble> {
    let text = reached(all - failed.len(), all);
    if failed.is_empty() {
        return Ok(text);
    }
    let mut told: Vec<String> =
        failed.iter().take(TOLD_MAX).map(|(name, why)| format!("{name}: {}", one_line(why))).collect();
    if failed.len() > TOLD_MAX {
        let names: Vec<&str> = failed[TOLD_MAX..].iter().map(|(name, _)| *name).collect();
        told.push(format!("and {}", names.join(", ")));
    }
    Err(Trouble::Failed(format!("{text}; {}", told.join("; "))))
}
