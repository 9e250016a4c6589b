//! A mirror that is half of itself made whole again, with an account of what was done.

use std::collections::{BTreeSet, HashSet};
use std::fs;

use jiff::Timestamp;

use crate::fetch::chain;
use crate::hash::Sha256;
use crate::mirror::repair::{RepairError, Supply, repair};
use crate::mirror::repair_plan::{Planned, plan_repair};
use crate::mirror::stale;
use crate::mirror::sync::{Coming, base_url, builds_at, would_sync};
use crate::mirror::{Depth, Findings, Held, Mode, Pull, Scope, StatusError, record_verify, sync, verify};
use crate::name::BuildNumber;
use crate::store::{StoreError, unique};
use crate::words::{counted, many};

/// What was done, or would be, in sentences, and what is still wrong.
#[derive(Debug)]
pub struct Recovered {
    pub did: Vec<String>,
    /// Objects that came or would come, and their bytes.
    pub objects: u64,
    pub bytes: u64,
    pub after: Findings,
    /// Builds that could not be brought again, and why.
    pub failed: Vec<(BuildNumber, String)>,
}

impl Recovered {
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.after.is_good()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Clears what killed runs left, verifies everything, mends it, and brings what is missing of these builds.
pub fn recover(
    pull: &Pull<'_>,
    builds: &[BuildNumber],
    mode: Mode,
    now: Timestamp,
) -> Result<Recovered, RecoverError> {
    if mode == Mode::DryRun {
        return plan(pull, builds);
    }
    let mut did = Vec::new();
    clear(pull, &mut did)?;
    let broken = broken(pull, mode, &mut did)?;
    let mut present = pull.store.builds_present()?;
    present.retain(|build| !broken.contains(build));
    let bases: Vec<String> = pull.sources.iter().map(|source| base_url(source)).collect();
    let supply = Supply { fetcher: pull.fetcher, bases: &bases, progress: pull.progress };
    let mended = repair(pull.store, &present, &Scope::FULL, supply, now)?;
    // Not before: what only they know would be foreign, and be put away for the time until they are brought.
    set_aside(pull, &broken, now)?;
    did.push(format!("Verified {}: {}.", many(&present, "build"), mended.before.why()));
    if !mended.before.is_good() {
        did.push(format!("Mended: {}.", mended.did()));
        if let Some(trash) = &mended.trash {
            let trash = trash.strip_prefix(pull.store.root()).unwrap_or(trash).display();
            did.push(format!("Put away into {trash}: {}.", mended.away.join(", ")));
        }
        for (_, why) in &mended.unmended {
            did.push(format!("Left a channel as it is: {why}."));
        }
    }
    let (mut objects, mut bytes) = (mended.fetched, mended.fetched_bytes);
    let mut failed = Vec::new();
    for build in wanted(builds, &broken, &present) {
        match sync(pull, build, Mode::Do) {
            Ok(synced) => {
                did.push(format!(
                    "Brought build {build}: {} of {}.",
                    synced.missing,
                    counted(synced.objects, "object")
                ));
                objects += synced.missing;
                bytes += synced.missing_bytes;
            }
            Err(error) => failed.push((build, chain(&error))),
        }
    }
    let mut after = mended.after;
    if !failed.is_empty() || pull.store.builds_present()? != present {
        after = verify(pull.store, &pull.store.builds_present()?, &Scope::FULL)?;
    }
    record_verify(pull.store, &after, Depth::Full, now)?;
    Ok(Recovered { did, objects, bytes, after, failed })
}

/// These builds and those that were set aside, without those that are there.
fn wanted(builds: &[BuildNumber], broken: &[BuildNumber], present: &[BuildNumber]) -> Vec<BuildNumber> {
    let mut wanted: Vec<BuildNumber> = builds.iter().chain(broken).copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|build| !present.contains(build));
    wanted
}

/// What a recovery would do. Reads everything that is there, and changes nothing.
fn plan(pull: &Pull<'_>, builds: &[BuildNumber]) -> Result<Recovered, RecoverError> {
    let (mut did, mut failed, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    let mut present = Vec::new();
    // What is brought or was brought is not brought again.
    let mut coming = Coming::default();
    let is_there = pull.store.builds().exists();
    if is_there {
        let left = stale::left(&stale::folders(pull.store))?;
        if !left.is_empty() {
            did.push(format!("Would clear {} that killed runs left.", many(&left, "thing")));
        }
        coming.objects = brought(pull)?;
        if !coming.objects.is_empty() {
            did.push(format!(
                "Would take in {} that a killed run had brought.",
                counted(coming.objects.len() as u64, "object")
            ));
        }
        broken = self::broken(pull, Mode::DryRun, &mut did)?;
        present = pull.store.builds_present()?;
        present.retain(|build| !broken.contains(build));
    }
    let after = if is_there { verify(pull.store, &present, &Scope::FULL)? } else { Findings::default() };
    did.push(format!("Verified {}: {}.", many(&present, "build"), after.why()));
    let mend = if is_there {
        let bases: Vec<String> = pull.sources.iter().map(|source| base_url(source)).collect();
        let supply = Supply { fetcher: pull.fetcher, bases: &bases, progress: pull.progress };
        plan_repair(pull.store, &after, supply)?
    } else {
        Planned::default()
    };
    if !after.is_good() {
        did.push(format!("Would mend: {}.", mend.plan));
        if !mend.away.is_empty() {
            did.push(format!("Would put away into the trash: {}.", mend.away.join(", ")));
        }
    }
    let mend = mend.plan;
    coming
        .objects
        .extend(after.missing.iter().map(|one| one.hash).chain(after.damaged.iter().map(|one| one.hash)));
    let (mut objects, mut bytes) = (mend.fetch, mend.fetch_bytes);
    for build in wanted(builds, &broken, &present) {
        match would_sync(pull, build, &mut coming) {
            Ok(synced) => {
                let (missing, all) = (synced.missing, counted(synced.objects, "object"));
                did.push(format!("Would bring build {build}: {missing} of {all}."));
                objects += missing;
                bytes += synced.missing_bytes;
            }
            Err(error) => failed.push((build, chain(&error))),
        }
    }
    Ok(Recovered { did, objects, bytes, after, failed })
}

/// Complete objects that were not taken in.
fn brought(pull: &Pull<'_>) -> Result<HashSet<Sha256>, StoreError> {
    let folder = pull.store.incoming();
    let mut brought = HashSet::new();
    for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
        let name = entry.map_err(StoreError::io("reading", &folder))?.file_name();
        brought.extend(name.to_str().and_then(|name| name.parse::<Sha256>().ok()));
    }
    Ok(brought)
}

fn clear(pull: &Pull<'_>, did: &mut Vec<String>) -> Result<(), StoreError> {
    let cleared = stale::clear(&stale::folders(pull.store))?;
    if !cleared.is_empty() {
        did.push(format!("Cleared {} that killed runs left.", many(&cleared, "thing")));
    }
    let settled = pull.store.intake()?.settle()?;
    if settled > 0 {
        did.push(format!("Took in {} that a killed run had brought.", counted(settled as u64, "object")));
    }
    // Reading the leases takes those of dead processes away.
    pull.store.leased(&pull.store.lock_now()?)?;
    Ok(())
}

/// Builds whose lists cannot be read go to the trash; their objects stay, so bringing them again costs little.
fn set_aside(pull: &Pull<'_>, broken: &[BuildNumber], now: Timestamp) -> Result<(), StoreError> {
    for build in broken {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let to = pull.store.trash().join(format!("{stamp}-recover-{}", unique()));
        fs::create_dir_all(&to).map_err(StoreError::io("making", &to))?;
        pull.store.appear(&pull.store.build(*build), &to.join(build.to_string()))?;
    }
    Ok(())
}

/// Builds whose lists cannot be read and that can come again.
fn broken(pull: &Pull<'_>, mode: Mode, did: &mut Vec<String>) -> Result<Vec<BuildNumber>, StoreError> {
    let offers = pull.sources.iter().map(|source| builds_at(pull.fetcher, &base_url(source)));
    let offered: BTreeSet<BuildNumber> = offers.flat_map(Result::unwrap_or_default).collect();
    let (left, set) = match mode {
        Mode::Do => ("Left", "Set"),
        Mode::DryRun => ("Would leave", "Would set"),
    };
    let mut broken = Vec::new();
    for build in pull.store.builds_present()? {
        let Err(error) = Held::read(pull.store, build) else { continue };
        // What cannot come again is worth more as it is.
        if !offered.contains(&build) {
            did.push(format!("{left} build {build}, which no source has: {}.", chain(&error)));
            continue;
        }
        did.push(format!("{set} build {build} aside: {}.", chain(&error)));
        broken.push(build);
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Fetcher, Limits, Silent};
    use crate::fixture::{Recipe, check, store};

    #[test]
    fn a_mirror_that_is_half_of_itself_becomes_whole_and_says_how() {
        let ((_a, site), (_b, mirror)) = (store(), store());
        for build in 1..=3 {
            Recipe::of(20, |number| if number < 5 { build } else { 1 }).make(&site, build, None);
        }
        let fetcher = Fetcher::new(Limits::default()).expect("a fetcher");
        let sources = [site.root().display().to_string()];
        let pull =
            Pull { store: &mirror, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
        for build in [1, 2] {
            sync(&pull, BuildNumber(build), Mode::Do).expect("came");
        }
        // A run that was killed left these; a list was cut; a package and its object are gone.
        fs::create_dir(mirror.builds().join(".tmp-3-4194999-1")).expect("made");
        fs::write(mirror.partial().join(".tmp-4194999-2"), "x").expect("written");
        fs::write(mirror.incoming().join(Sha256::of(b"brought").hex()), "brought").expect("written");
        fs::write(mirror.leases().join("4194999-3.lease"), [0; 32]).expect("written");
        fs::write(mirror.build(BuildNumber(2)).join("manifest.zst"), "cut").expect("written");
        let lost = mirror.root().join("pool/debian/main/p9/p9_1_all.deb");
        let hash = Sha256::of_file(&lost).expect("read").0;
        fs::remove_file(mirror.object(&hash)).expect("removed");
        fs::remove_file(&lost).expect("removed");
        let all = [1, 2, 3].map(BuildNumber);
        let would = recover(&pull, &all, Mode::DryRun, Timestamp::UNIX_EPOCH).expect("planned");
        assert!(fs::exists(mirror.partial().join(".tmp-4194999-2")).expect("asked"));
        assert_eq!(mirror.builds_present().expect("read"), [1, 2].map(BuildNumber));
        let done = recover(&pull, &all, Mode::Do, Timestamp::UNIX_EPOCH).expect("recovered");
        assert_eq!(
            (would.objects, would.bytes),
            (done.objects, done.bytes),
            "{:?} {:?}",
            would.did,
            done.did
        );
        assert!(would.failed.is_empty() && would.did.len() == done.did.len(), "{:?}", would.did);
        assert!(done.is_whole(), "{:?} {}", done.failed, done.after.why());
        let told = done.did.join(" ");
        for expected in [
            "Cleared 2 things",
            "Took in 1 object",
            "Set build 2 aside",
            "1 object (",
            "Brought build 2",
            "Brought build 3",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert_eq!(mirror.builds_present().expect("read"), all);
        assert_eq!(fs::read_dir(mirror.leases()).expect("read").count(), 0);
        // What is no build, and one that no source has and nobody can read.
        fs::create_dir(mirror.build(BuildNumber(99))).expect("made");
        fs::write(mirror.build(BuildNumber(99)).join("junk"), "x").expect("written");
        fs::create_dir(mirror.build(BuildNumber(98))).expect("made");
        fs::write(mirror.build(BuildNumber(98)).join("build.json"), "cut").expect("written");
        let would = recover(&pull, &all, Mode::DryRun, Timestamp::UNIX_EPOCH).expect("planned");
        let done = recover(&pull, &all, Mode::Do, Timestamp::UNIX_EPOCH).expect("recovered");
        assert!(would.did[0].starts_with("Would leave build 98") && done.did[0].starts_with("Left build 98"));
        assert_eq!((&would.did[1], would.did.len()), (&done.did[1], done.did.len()), "{:?}", done.did);
        let words = |mode: &Recovered, verb| mode.did[2].strip_prefix(verb).map(str::to_owned);
        assert!(words(&done, "Mended: ").is_some_and(|words| words.contains("1 file put away")));
        assert_eq!(words(&would, "Would mend: "), words(&done, "Mended: "));
        assert_eq!(would.did[3], "Would put away into the trash: builds/99.");
        assert!(done.did[3].ends_with(": builds/99.") && !mirror.build(BuildNumber(99)).exists());
        fs::remove_dir_all(mirror.build(BuildNumber(98))).expect("removed");
        let again = recover(&pull, &all, Mode::Do, Timestamp::UNIX_EPOCH).expect("recovered");
        assert_eq!(again.did, ["Verified 3 builds: good."]);
    }
}
