//! A mirror that is half of itself made whole again, with an account of what was done.

use std::fs;

use jiff::Timestamp;

use crate::fetch::chain;
use crate::mirror::repair::{RepairError, Supply, repair};
use crate::mirror::stale;
use crate::mirror::sync::base_url;
use crate::mirror::{Depth, Findings, Held, Mode, Pull, Scope, StatusError, record_verify, sync};
use crate::name::BuildNumber;
use crate::store::{StoreError, unique};

/// What was done, in sentences, and what is still wrong.
#[derive(Debug)]
pub struct Recovered {
    pub did: Vec<String>,
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
pub fn recover(pull: &Pull<'_>, builds: &[BuildNumber], now: Timestamp) -> Result<Recovered, RecoverError> {
    let mut did = Vec::new();
    clear(pull, &mut did)?;
    let broken = set_aside(pull, now, &mut did)?;
    let present = pull.store.builds_present()?;
    let bases: Vec<String> = pull.sources.iter().map(|source| base_url(source)).collect();
    let supply = Supply { fetcher: pull.fetcher, bases: &bases, progress: pull.progress };
    let mended = repair(pull.store, &present, &Scope::FULL, supply, now)?;
    if mended.before.is_good() {
        did.push(format!("Verified {} builds: good.", present.len()));
    } else {
        let why = mended.before.why();
        did.push(format!("Verified {} builds: {why}.", present.len()));
        let (fetched, relinked) = (mended.fetched, mended.relinked);
        did.push(format!("Mended: {fetched} objects fetched, {relinked} names made anew."));
    }
    let mut wanted: Vec<BuildNumber> = builds.iter().chain(&broken).copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|build| !present.contains(build));
    let mut failed = Vec::new();
    for build in wanted {
        match sync(pull, build, Mode::Do) {
            Ok(synced) => {
                did.push(format!("Brought build {build}: {} of {} objects.", synced.missing, synced.objects));
            }
            Err(error) => failed.push((build, chain(&error))),
        }
    }
    let mut after = mended.after;
    if !failed.is_empty() || pull.store.builds_present()? != present {
        after = crate::mirror::verify(pull.store, &pull.store.builds_present()?, &Scope::FULL)?;
    }
    record_verify(pull.store, &after, Depth::Full, now)?;
    Ok(Recovered { did, after, failed })
}

fn clear(pull: &Pull<'_>, did: &mut Vec<String>) -> Result<(), StoreError> {
    let cleared = stale::clear(&stale::folders(pull.store))?;
    if !cleared.is_empty() {
        did.push(format!("Cleared {} things that killed runs left.", cleared.len()));
    }
    let settled = pull.store.intake()?.settle()?;
    if settled > 0 {
        did.push(format!("Took in {settled} objects that a killed run had brought."));
    }
    // Reading the leases takes those of dead processes away.
    pull.store.leased(&pull.store.lock_now()?)?;
    Ok(())
}

/// Builds whose lists cannot be read go to the trash; their objects stay, so bringing them again costs little.
fn set_aside(pull: &Pull<'_>, now: Timestamp, did: &mut Vec<String>) -> Result<Vec<BuildNumber>, StoreError> {
    let mut broken = Vec::new();
    for build in pull.store.builds_present()? {
        let Err(error) = Held::read(pull.store, build) else { continue };
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let to = pull.store.trash().join(format!("{stamp}-recover-{}", unique()));
        fs::create_dir_all(&to).map_err(StoreError::io("making", &to))?;
        pull.store.appear(&pull.store.build(build), &to.join(build.to_string()))?;
        did.push(format!("Set build {build} aside: {}.", chain(&error)));
        broken.push(build);
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Fetcher, Limits, Silent};
    use crate::fixture::{Recipe, check, store};
    use crate::hash::Sha256;

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
        let done = recover(&pull, &all, Timestamp::UNIX_EPOCH).expect("recovered");
        assert!(done.is_whole(), "{:?} {}", done.failed, done.after.why());
        let told = done.did.join(" ");
        for expected in [
            "Cleared 2 things",
            "Took in 1 object",
            "Set build 2 aside",
            "1 objects fetched",
            "Brought build 2",
            "Brought build 3",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert_eq!(mirror.builds_present().expect("read"), all);
        assert_eq!(fs::read_dir(mirror.leases()).expect("read").count(), 0);
        let again = recover(&pull, &all, Timestamp::UNIX_EPOCH).expect("recovered");
        assert_eq!(again.did, ["Verified 3 builds: good."]);
    }
}
