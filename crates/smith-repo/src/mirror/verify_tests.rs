//! What is wrong with a store is said exactly, and mended.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::channel::{self, Order};
use crate::fetch::{Fetcher, Limits, Proxies, Silent};
use crate::fixture::{Recipe, store};
use crate::hash::Sha256;
use crate::mirror::{
    Depth, Findings, Planned, Repair, Scope, Share, Supply, plan_repair, repair, verify, verify_present,
};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase, SigningKeys};
use crate::store::{Layout, Store};

const ONE: BuildNumber = BuildNumber(1);
const TWO: BuildNumber = BuildNumber(2);

/// Two builds that share all but a few packages, in a store and in a good copy of it.
fn twins() -> (tempfile::TempDir, Store, tempfile::TempDir, Store) {
    let make = || {
        let (folder, store) = store();
        Recipe::of(40, |_| 1).make(&store, 1, None);
        Recipe::of(40, |number| 1 + u32::from(number < 5)).make(&store, 2, Some(1));
        (folder, store)
    };
    let ((a, one), (b, two)) = (make(), make());
    (a, one, b, two)
}

/// What the repair says beforehand is what it does.
fn mend(store: &Store, source: &Store) -> Repair {
    let (planned, done) = mend_planned(store, source);
    if done.failed.is_empty() {
        assert_eq!((planned.plan, sorted(&planned.away)), (done.did(), sorted(&done.away)));
    }
    done
}

fn sorted(paths: &[String]) -> Vec<String> {
    let mut paths = paths.to_vec();
    paths.sort_unstable();
    paths
}

fn mend_planned(store: &Store, source: &Store) -> (Planned, Repair) {
    let limits = Limits { retries: 0, proxies: Proxies::None, ..Limits::default() };
    let fetcher = Fetcher::new(limits).expect("a fetcher");
    let bases = [format!("file://{}", source.root().display())];
    let supply = Supply { fetcher: &fetcher, bases: &bases, progress: &Silent };
    let planned = plan_repair(store, &full(store), supply).expect("planned");
    let at = Timestamp::UNIX_EPOCH;
    (planned, repair(store, &[ONE, TWO], &Scope::FULL, supply, at).expect("repaired"))
}

fn full(store: &Store) -> Findings {
    verify(store, &[ONE, TWO], &Scope::FULL).expect("verified")
}

/// Changes a file in place, which reaches all of its names.
fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("opened up");
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

const PACKAGE: &str = "pool/debian/main/p9/p9_1_all.deb";
const INDEX: &str = "debian/dists/stable/main/binary-amd64/Packages";

#[test]
fn a_good_store_is_good_at_every_depth() {
    let (_a, store, _b, source) = twins();
    for depth in [Depth::Quick, Depth::Full] {
        let findings = verify(&store, &[ONE, TWO], &Scope { depth, ..Scope::FULL }).expect("verified");
        assert!(findings.is_good(), "{}", findings.why());
        assert_eq!(findings.hashed, if depth == Depth::Full { findings.objects } else { 0 });
    }
    let done = mend(&store, &source);
    assert!(done.after.is_good() && done.trash.is_none());
}

#[test]
fn shares_together_are_the_whole() {
    let (_a, store, _b, _) = twins();
    let hashed = |part| {
        let share = Some(Share { part, of: 7 });
        verify(&store, &[ONE, TWO], &Scope { share, ..Scope::FULL }).expect("verified").hashed
    };
    assert_eq!((0..7).map(hashed).sum::<u64>(), full(&store).objects);
}

#[test]
fn a_flipped_bit_is_found_under_every_name_and_mended_for_every_build() {
    let (_a, store, _b, source) = twins();
    let path = store.root().join(PACKAGE);
    let hash = Sha256::of_file(&path).expect("read").0;
    overwrite(&path, |bytes| bytes[100] ^= 4);
    assert!(verify(&store, &[ONE, TWO], &Scope::QUICK).expect("verified").is_good());
    let findings = full(&store);
    assert_eq!((findings.missing.len(), findings.links.len(), findings.foreign.len()), (0, 0, 0));
    assert_eq!(findings.damaged.len(), 1);
    assert_eq!(findings.damaged[0].hash, hash);
    assert_eq!(findings.damaged[0].paths, [Layout::object_path(&hash), PACKAGE.to_owned()]);
    let done = mend(&store, &source);
    assert!(done.after.is_good(), "{}", done.after.why());
    assert_eq!((done.fetched, done.failed.len()), (1, 0));
    assert_eq!(Sha256::of_file(&path).expect("read").0, hash);
    // What was bad is kept for whoever wants to know why.
    let kept = done.trash.expect("a trash").join(Layout::object_path(&hash));
    assert_ne!(Sha256::of_file(&kept).expect("kept").0, hash);
}

#[test]
fn a_bad_index_is_mended_in_channels_that_serve_it() {
    let (_a, store, _b, source) = twins();
    let prod = ChannelName::new("prod").expect("a name");
    for (build, day) in [(ONE, 0), (TWO, 1)] {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let order = Order { who: "ann".to_owned(), why: "a test".to_owned(), at };
        channel::set(&store, &prod, build, &order, None).expect("set");
    }
    let index = store.build(ONE).join(INDEX);
    let hash = Sha256::of_file(&index).expect("read").0;
    let lent =
        store.channel(&prod).join(format!("debian/dists/stable/main/binary-amd64/by-hash/SHA256/{hash}"));
    assert!(full(&store).is_good(), "{}", full(&store).why());
    overwrite(&index, |bytes| bytes.truncate(10));
    let quick = verify(&store, &[ONE, TWO], &Scope::QUICK).expect("verified");
    assert_eq!(quick.damaged.len(), 1);
    assert_eq!(quick.touched, [ONE]);
    assert_eq!(quick.damaged[0].found, "10 bytes");
    assert_eq!(quick.damaged[0].paths.len(), 3);
    assert_eq!(full(&store).channels.len(), 1);
    let done = mend(&store, &source);
    assert!(done.after.is_good(), "{}", done.after.why());
    assert_eq!(Sha256::of_file(&lent).expect("read").0, hash);
}

#[test]
fn what_is_missing_is_named_and_comes_back() {
    let (_a, store, _b, source) = twins();
    let path = store.root().join(PACKAGE);
    let hash = Sha256::of_file(&path).expect("read").0;
    let index = store.build(TWO).join(INDEX);
    let index_hash = Sha256::of_file(&index).expect("read").0;
    // One is gone altogether, of one only a name is gone, of one only the object.
    fs::remove_file(&path).expect("removed");
    fs::remove_file(store.object(&hash)).expect("removed");
    fs::remove_file(&index).expect("removed");
    let other = store.root().join("pool/debian/main/p8/p8_1_all.deb");
    let other_hash = Sha256::of_file(&other).expect("read").0;
    fs::remove_file(store.object(&other_hash)).expect("removed");
    let findings = full(&store);
    let mut expected = vec![
        format!("builds/2/{INDEX}"),
        Layout::object_path(&hash),
        Layout::object_path(&other_hash),
        PACKAGE.to_owned(),
    ];
    expected.sort_unstable();
    assert_eq!(findings.missing.iter().map(|one| one.path.clone()).collect::<Vec<_>>(), expected);
    assert_eq!((findings.damaged.len(), findings.links.len(), findings.foreign.len()), (0, 0, 0));
    assert_eq!(findings.touched, [ONE, TWO]);
    // The second build has newer versions of the first packages, so those of the first are its own.
    let (_c, fresh, _d, _) = twins();
    fs::remove_file(fresh.root().join("pool/debian/main/p2/p2_1_all.deb")).expect("removed");
    assert_eq!(full(&fresh).touched, [ONE]);
    let done = mend(&store, &source);
    assert!(done.after.is_good(), "{}", done.after.why());
    // Only what is nowhere on this store was fetched.
    assert_eq!(done.fetched, 1);
    assert_eq!(Sha256::of_file(&index).expect("read").0, index_hash);
}

#[test]
fn foreign_files_and_broken_links_are_named_and_taken_away() {
    let (_a, store, _b, source) = twins();
    let foreign = [
        "pool/debian/main/p1/stranger.deb".to_owned(),
        "builds/1/debian/dists/stable/extra".to_owned(),
        // Named by a hash, but by none that a build of this store has.
        format!("builds/1/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{}", Sha256::of(b"stranger")),
        "objects/sha256/ab/stranger".to_owned(),
    ];
    for path in &foreign {
        let path = store.root().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "stranger").expect("written");
    }
    let pool = store.build(TWO).join("debian/pool");
    fs::remove_file(&pool).expect("removed");
    std::os::unix::fs::symlink("/etc", &pool).expect("linked");
    let copied = store.root().join(PACKAGE);
    let bytes = fs::read(&copied).expect("read");
    fs::remove_file(&copied).expect("removed");
    fs::write(&copied, bytes).expect("written");
    let findings = full(&store);
    let mut expected = foreign.to_vec();
    expected.sort_unstable();
    assert_eq!(findings.foreign, expected);
    let links: Vec<&str> = findings.links.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(links, ["builds/2/debian/pool", PACKAGE]);
    assert_eq!((findings.damaged.len(), findings.missing.len()), (0, 0));
    let done = mend(&store, &source);
    assert!(done.after.is_good(), "{}", done.after.why());
    assert!(foreign.iter().all(|path| !store.root().join(path).exists()));
}

#[test]
fn what_would_be_handed_out_and_is_of_nobody_is_named() {
    let (_a, store, _b, _source) = twins();
    let prod = ChannelName::new("prod").expect("a name");
    let order = Order { who: "ann".to_owned(), why: "a test".to_owned(), at: Timestamp::UNIX_EPOCH };
    channel::set(&store, &prod, ONE, &order, None).expect("set");
    assert!(full(&store).is_good(), "{}", full(&store).why());
    fs::create_dir(store.channels().join("evil")).expect("made");
    fs::write(store.builds().join("evil"), "x").expect("written");
    fs::create_dir(store.views().join("evil")).expect("made");
    // A number makes no build.
    fs::create_dir(store.build(BuildNumber(98))).expect("made");
    fs::write(store.build(BuildNumber(99)), "x").expect("written");
    let strangers = ["builds/98", "builds/99", "builds/evil", "channels/evil", "views/evil"];
    assert_eq!(full(&store).foreign, strangers);
    assert_eq!(store.builds_present().expect("read"), [ONE, TWO]);
    assert_eq!(store.highest_number().expect("read"), Some(BuildNumber(99)));
}

#[test]
fn what_is_foreign_cannot_be_told_while_a_build_is_unreadable_and_that_is_said() {
    let (_a, store, _b, _source) = twins();
    let stranger = "pool/debian/main/p1/stranger.deb";
    fs::write(store.root().join(stranger), "stranger").expect("written");
    fs::create_dir(store.build(BuildNumber(7))).expect("made");
    fs::write(store.build(BuildNumber(7)).join("manifest.zst"), "cut").expect("written");
    let findings = full(&store);
    assert!(findings.is_sound(), "{}", findings.why());
    assert_eq!(findings.why(), "foreign files could not be told: builds/7 cannot be read");
    fs::create_dir(store.unsigned_build(BuildNumber(8))).expect("made");
    assert_eq!(full(&store).untold, ["builds/7", "unsigned/8"]);
    for stray in [store.build(BuildNumber(7)), store.unsigned_build(BuildNumber(8))] {
        fs::remove_dir_all(stray).expect("removed");
    }
    let findings = full(&store);
    assert_eq!((findings.foreign.as_slice(), findings.caveat()), (&[stranger.to_owned()][..], None));
}

#[test]
fn names_that_a_purge_has_yet_to_sweep_are_not_foreign() {
    let (_a, store, _b, _source) = twins();
    let batch = store.trash().join("1763640000-purge-4194999-1");
    fs::create_dir(&batch).expect("made");
    fs::rename(store.build(ONE), batch.join("build-1")).expect("taken");
    let present = verify_present(&store, &Scope::FULL).expect("verified");
    assert!(present.is_good(), "{}", present.why());
    assert_eq!(present.builds, [TWO]);
    // Who names the build is told.
    assert_eq!(full(&store).lists.len(), 1);
}

#[test]
fn what_no_source_has_stays_reported() {
    let (_a, store, _b, source) = twins();
    let path = store.root().join(PACKAGE);
    let hash = Sha256::of_file(&path).expect("read").0;
    for store in [&store, &source] {
        overwrite(&store.root().join(PACKAGE), |bytes| bytes.fill(0));
    }
    let done = mend(&store, &source);
    assert_eq!(done.failed.len(), 1);
    assert_eq!(done.failed[0].hash, hash);
    // The bad file still has its place in the pool, and is still called bad.
    let missing: Vec<&str> = done.after.missing.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(missing, [Layout::object_path(&hash).as_str()]);
    assert_eq!(done.after.damaged[0].paths, [PACKAGE]);
}

/// A channel that serves Releases of its own date, which only its signed view knows, in a store without keys.
fn redated(store: &Store, keys: &SigningKeys) -> std::path::PathBuf {
    let prod = ChannelName::new("prod").expect("a name");
    for (build, day) in [(TWO, 1), (ONE, 2)] {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let order = Order { who: "ann".to_owned(), why: "a test".to_owned(), at };
        channel::set(store, &prod, build, &order, Some(keys)).expect("set");
    }
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(72);
    let order = Order { who: "ann".to_owned(), why: "a test".to_owned(), at };
    channel::refresh(store, &prod, &order, keys).expect("dated");
    store.channel(&prod)
}

#[test]
fn a_release_that_only_a_key_could_make_comes_from_elsewhere_or_stays_as_it_is() {
    let (_a, store, _b, source) = twins();
    let keys = KeyFolder::new(&source.keys());
    let (kind, user_id) = (KeyKind::Ed25519, "Site <admin@site>".to_owned());
    let request = KeyRequest { kind, user_id, made_at: Timestamp::UNIX_EPOCH, expires_at: None };
    keys.generate(&request, &Passphrase::None).expect("a key");
    let keys = keys.signing_keys(&Passphrase::None).expect("unlocked");
    let (here, there) = (redated(&store, &keys), redated(&source, &keys));
    let release = "debian/dists/stable/InRelease";
    // The very bytes, as a mirror that follows has them.
    for name in [release, "debian/dists/stable/Release", "debian/dists/stable/Release.gpg", "view.json"] {
        fs::copy(here.join(name), there.join(name)).expect("copied");
    }
    let good = fs::read(here.join(release)).expect("read");
    let signature = fs::read(here.join("view.json.sig")).expect("signed");
    fs::write(here.join(release), "damaged").expect("written");
    let done = mend(&store, &source);
    assert!(done.after.is_good(), "{}", done.after.why());
    assert_eq!((done.channels, fs::read(here.join(release)).expect("read")), (1, good));
    assert_eq!(fs::read(here.join("view.json.sig")).expect("signed"), signature);
    // Where nobody has them it says what is needed, and takes no signature away.
    for view in [&here, &there] {
        fs::write(view.join(release), "damaged").expect("written");
    }
    for old in fs::read_dir(store.views()).expect("read") {
        fs::write(old.expect("read").path().join(release), "damaged").expect("written");
    }
    let done = mend(&store, &source);
    assert!(!done.after.is_good() && done.channels == 0);
    assert!(done.unmended[0].1.contains("smith channel refresh prod"), "{:?}", done.unmended);
    assert_eq!(fs::read(here.join("view.json.sig")).expect("signed"), signature);
}
