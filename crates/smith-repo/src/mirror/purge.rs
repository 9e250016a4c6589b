//! Builds off a mirror that the site has no more, or that somebody names.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::mirror::own::{OwnError, refuse, strangers};
use crate::mirror::registry::{Mirror, Place};
use crate::mirror::sync::Check;
use crate::mirror::turn::{Turn, TurnError};
use crate::mirror::{Keys, Mode, S3, S3Error, Wanted};
use crate::name::BuildNumber;
use crate::retention::{Keep, RetentionError, Roots, Wish, empty_trash, in_use, plan, purge};
use crate::store::{Store, StoreError};

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MirrorPurge {
    pub builds: Vec<BuildNumber>,
    /// Builds that were wished away and stay.
    pub kept: BTreeMap<BuildNumber, Vec<Keep>>,
    /// Builds of earlier purges that had not ended, with whose objects this one ends, or would.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<BuildNumber>,
    /// Objects of a store, keys of a bucket.
    pub objects: u64,
    pub bytes: u64,
    /// Bytes that are free now: a store keeps what was taken away for a while.
    pub freed: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum MirrorPurgeError {
    #[error("expected builds on the site, found none: then a mirror is what is left of them")]
    NothingHere,
    #[error(transparent)]
    Own(#[from] OwnError),
    #[error(transparent)]
    Retention(#[from] RetentionError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a mirror is purged.
#[derive(Clone, Copy)]
pub struct MirrorPurging<'a> {
    pub site: &'a Store,
    pub keys: &'a Keys,
    /// Whose builds are ours to take away.
    pub check: Check<'a>,
    pub wanted: &'a Wanted,
    pub roots: &'a Roots,
    pub mode: Mode,
    /// How long a store keeps what was taken away. A bucket keeps nothing.
    pub grace: SignedDuration,
    pub now: Timestamp,
}

impl fmt::Debug for MirrorPurging<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorPurging")
            .field("site", &self.site)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// Of these builds those that none of these mirrors holds: most often a mistyped number. Where a mirror cannot be asked
/// nothing can be said.
pub fn lacking(
    mirrors: &[Mirror],
    builds: &[BuildNumber],
    keys: &Keys,
) -> Result<Vec<BuildNumber>, MirrorPurgeError> {
    let mut lacking = builds.to_vec();
    for mirror in mirrors {
        let held = match &mirror.place {
            Place::Directory { path } => Store::open(path)?.builds_present()?,
            Place::S3(bucket) => S3::open(bucket, keys)?.builds()?,
        };
        lacking.retain(|build| held.binary_search(build).is_err());
    }
    lacking.sort_unstable();
    lacking.dedup();
    Ok(lacking)
}

/// Takes builds away, never one that a channel of the mirror is on or was on before, that somebody keeps there, or the newest.
pub fn purge_mirror(how: &MirrorPurging<'_>, mirror: &Mirror) -> Result<MirrorPurge, MirrorPurgeError> {
    if matches!(how.wanted, Wanted::AllBut(builds) if builds.is_empty()) {
        return Err(MirrorPurgeError::NothingHere);
    }
    // Machines get from mirrors what the server of the site uses.
    let mut roots = how.roots.clone();
    roots.in_use.extend(in_use(how.site)?);
    let how = &MirrorPurging { roots: &roots, ..*how };
    match &mirror.place {
        Place::Directory { path } => purge_store(how, &Store::open(path)?),
        Place::S3(bucket) => {
            let bucket = S3::open(bucket, how.keys)?;
            let _turn = match how.mode {
                Mode::Do => Some(Turn::to_purge(how.site, &mirror.name)?),
                Mode::DryRun => None,
            };
            let place = mirror.place.to_string();
            refuse(place, bucket.strangers(&how.wanted.of(&bucket.builds()?), how.check))?;
            let done = bucket.purge(how.wanted, how.roots, how.mode)?;
            let freed = if how.mode == Mode::Do { done.bytes } else { 0 };
            let crate::mirror::BucketPurge { builds, kept, keys, bytes } = done;
            Ok(MirrorPurge { builds, kept, finished: Vec::new(), objects: keys, bytes, freed })
        }
    }
}

fn purge_store(how: &MirrorPurging<'_>, store: &Store) -> Result<MirrorPurge, MirrorPurgeError> {
    let going = how.wanted.of(&store.builds_present()?);
    refuse(store.root().display().to_string(), strangers(store, &going, how.check))?;
    let wish = Wish::These(going);
    let found = plan(store, &wish, how.roots)?;
    if how.mode == Mode::DryRun {
        let crate::retention::PurgePlan { builds, kept, unfinished, objects, bytes, .. } = found;
        return Ok(MirrorPurge { builds, kept, finished: unfinished, objects, bytes, freed: 0 });
    }
    let purged = purge(store, &found, how.roots, how.now)?;
    let freed = empty_trash(store, how.grace, how.now)?;
    let mut kept = found.kept;
    kept.extend(purged.kept.clone());
    let crate::retention::Purged { builds, finished, objects, bytes, .. } = purged;
    Ok(MirrorPurge { builds, kept, finished, objects, bytes, freed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Order, set};
    use crate::fixture::{Recipe, check, store};
    use crate::mirror::{Mirror, Scope, verify};
    use crate::name::{ChannelName, MirrorName};

    #[test]
    fn a_mirror_loses_what_the_site_has_no_more_but_for_what_its_channels_need() {
        let ((_a, site), (_b, there)) = (store(), store());
        for build in 1..=5 {
            Recipe::of(10, |number| if number < 2 { build } else { 1 }).make(&there, build, None);
        }
        Recipe::of(1, |_| 1).make(&site, 5, None);
        let prod = ChannelName::new("prod").expect("a name");
        for (at, build) in [(0, 2), (1, 3)] {
            let at = Timestamp::from_second(at).expect("a time");
            let order = Order { who: "ann".to_owned(), why: "a trial".to_owned(), at };
            set(&there, &prod, BuildNumber(build), &order, None).expect("set");
        }
        let name = |text| MirrorName::new(text).expect("a name");
        let mirror = Mirror {
            name: name("fra-01"),
            region: name("eu"),
            sources: Vec::new(),
            place: Place::Directory { path: there.root().to_owned() },
            labels: BTreeMap::new(),
            bandwidth: None,
        };
        let wanted = Wanted::AllBut(site.builds_present().expect("read"));
        let (keys, roots, now) = (Keys::FromEnvironment, Roots::default(), Timestamp::UNIX_EPOCH);
        let grace = SignedDuration::ZERO;
        let how = |wanted, mode| MirrorPurging {
            site: &site,
            keys: &keys,
            check: &check,
            wanted,
            roots: &roots,
            mode,
            grace,
            now,
        };
        let would = purge_mirror(&how(&wanted, Mode::DryRun), &mirror).expect("counted");
        assert_eq!(there.builds_present().expect("read").len(), 5);
        let did = purge_mirror(&how(&wanted, Mode::Do), &mirror).expect("purged");
        assert_eq!((&did.builds, did.objects, did.bytes), (&would.builds, would.objects, would.bytes));
        assert_eq!(did.builds, [1, 4].map(BuildNumber));
        assert_eq!(did.kept.keys().copied().collect::<Vec<_>>(), [2, 3].map(BuildNumber));
        let left = there.builds_present().expect("read");
        assert!(verify(&there, &left, &Scope::FULL).expect("verified").is_good());
        let numbers = [9, 5, 9, 8].map(BuildNumber);
        let lacked = lacking(std::slice::from_ref(&mirror), &numbers, &keys).expect("asked");
        assert_eq!(lacked, [8, 9].map(BuildNumber));
        let theirs = |_: &[u8], _: &[u8]| Err("found one by ABCD".to_owned());
        let how_of = MirrorPurging { check: &theirs, ..how(&wanted, Mode::Do) };
        let error = purge_mirror(&how_of, &mirror).expect_err("another site's").to_string();
        assert!(error.contains("build 2: found one by ABCD"), "{error}");
        assert_eq!(there.builds_present().expect("read"), left);
        let builds = BTreeMap::from([(2, vec!["project 3 has not ended".to_owned()])]);
        let said = crate::retention::InUse { site: "one".to_owned(), at: now, builds };
        said.write(&site).expect("written");
        let wanted = Wanted::These([2, 3].map(BuildNumber).to_vec());
        let would = purge_mirror(&how(&wanted, Mode::DryRun), &mirror).expect("counted");
        let why = would.kept[&BuildNumber(2)].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        assert!(why.contains("site one uses it: project 3 has not ended"), "{why}");
        let none = Wanted::AllBut(Vec::new());
        assert!(matches!(purge_mirror(&how(&none, Mode::Do), &mirror), Err(MirrorPurgeError::NothingHere)));
    }
}
