//! Channels move whole, and no client in the middle of an update is left without its index.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use crate::channel::view::View;
use crate::channel::{
    ChannelError, How, Moved, Order, Switched, follow, get, history, inspect, lost_suites, mend, names,
    refresh, rollback, set,
};
use crate::fetch::{Fetcher, Limits};
use crate::fixture::{Recipe, store};
use crate::hash::Sha256;
use crate::manifest::{Area, Manifest};
use crate::mirror::{Held, Scope, record_verify, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::{
    KeyFolder, KeyKind, KeyRequest, Keyring, Passphrase, Policy, SigningKeys, verify_cleartext,
    verify_detached,
};
use crate::release::Release;
use crate::store::Store;

fn prod() -> ChannelName {
    ChannelName::new("prod").expect("a name")
}

fn order(day: i64) -> Order {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
    Order { who: "ann".to_owned(), why: format!("day {day}"), at }
}

fn to(store: &Store, number: u32, day: i64) -> Result<Switched, ChannelError> {
    set(store, &prod(), BuildNumber(number), &order(day), None)
}

/// No other store.
fn nowhere(_: &str) -> Vec<Vec<u8>> {
    Vec::new()
}

fn by_hash(manifest: &Manifest) -> Vec<(String, Sha256)> {
    let tree = manifest.files().iter().filter(|file| file.area == Area::Tree);
    let files = tree.filter(|file| file.path.as_str().contains("/by-hash/"));
    files.map(|file| (file.path.to_string(), file.hash)).collect()
}

/// Whether the channel serves every index of this build by its hash.
fn serves(store: &Store, manifest: &Manifest) -> bool {
    let root: PathBuf = store.channel(&prod());
    by_hash(manifest)
        .iter()
        .all(|(path, hash)| Sha256::of_file(&root.join(path)).is_ok_and(|(found, _)| found == *hash))
}

fn build_json(store: &Store, number: u32) -> Vec<u8> {
    fs::read(store.build(BuildNumber(number)).join("build.json")).expect("there")
}

fn builds(count: u32) -> (tempfile::TempDir, Store, Vec<Manifest>) {
    let (folder, store) = store();
    let make = |number| Recipe::of(5, |_| number).make(&store, number, None);
    let manifests = (1..=count).map(make).collect();
    (folder, store, manifests)
}

#[test]
fn it_moves_back_and_says_who_and_why() {
    let (_folder, store, _) = builds(2);
    assert_eq!(get(&store, &prod()).expect("read"), None);
    assert!(matches!(rollback(&store, &prod(), &order(0), None), Err(ChannelError::NoPrevious { .. })));
    let moved = to(&store, 1, 0).expect("set");
    let Switched::Moved(Moved { from: None, to: BuildNumber(1), .. }) = moved else { panic!("{moved:?}") };
    assert_eq!(to(&store, 1, 0).expect("set"), Switched::WasThere);
    to(&store, 2, 1).expect("set");
    assert_eq!(fs::read_link(store.channel(&prod())).expect("a link"), PathBuf::from("../views/prod-2"));
    assert_eq!(fs::read(store.channel(&prod()).join("build.json")).expect("served"), build_json(&store, 2));
    rollback(&store, &prod(), &order(2), None).expect("back");
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(1)));
    let moves = history(&store, &prod()).expect("read");
    let seen: Vec<_> =
        moves.iter().map(|one| (one.from.map(|from| from.0), one.to.0, one.why.as_str())).collect();
    assert_eq!(seen, [(None, 1, "day 0"), (Some(1), 2, "day 1"), (Some(2), 1, "day 2")]);
    assert_eq!(names(&store).expect("read"), [prod()]);
}

#[test]
fn a_build_that_is_not_whole_is_refused() {
    let (_folder, store, manifests) = builds(2);
    assert!(matches!(to(&store, 7, 0), Err(ChannelError::NotWhole { .. })));
    to(&store, 1, 0).expect("set");
    let lost = manifests[1].files().iter().find(|file| file.area == Area::Pool).expect("a package");
    fs::remove_file(lost.below(&store, BuildNumber(2))).expect("removed");
    let error = to(&store, 2, 0).expect_err("not whole").to_string();
    assert!(error.contains("missing") && error.contains(lost.path.as_str()), "{error}");
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(1)));
    assert_eq!(history(&store, &prod()).expect("read").len(), 1);
}

#[test]
fn every_index_that_a_client_may_hold_is_served() {
    let (_folder, store, manifests) = builds(4);
    to(&store, 1, 0).expect("set");
    to(&store, 2, 1).expect("set");
    to(&store, 3, 2).expect("set");
    assert!(manifests[..3].iter().all(|manifest| serves(&store, manifest)));
    rollback(&store, &prod(), &order(3), None).expect("back");
    assert!(manifests[..3].iter().all(|manifest| serves(&store, manifest)));
    // After a month only where it is and where it was before are remembered.
    to(&store, 4, 33).expect("set");
    let served: Vec<bool> = manifests.iter().map(|manifest| serves(&store, manifest)).collect();
    assert_eq!(served, [false, true, true, true]);
    // Nothing was added to a build.
    let all = store.builds_present().expect("read");
    let findings = verify(&store, &all, &Scope::FULL).expect("verified");
    assert!(findings.is_good(), "{}", findings.why());
}

#[test]
fn suites_and_upstreams_that_only_one_build_has_are_served_too() {
    let (_folder, store) = store();
    let mut one = Recipe::of(3, |_| 1);
    one.suite("debian", "old", b"only the old one has this");
    one.suite("site", "extra", b"nor this upstream");
    one.pool.insert("site/x.deb".to_owned(), b"a package".to_vec());
    let mut two = Recipe::of(3, |_| 2);
    two.suite("debian", "new", b"only the new one has this");
    let manifests = [one.make(&store, 1, None), two.make(&store, 2, None)];
    to(&store, 1, 0).expect("set");
    to(&store, 2, 0).expect("set");
    assert!(manifests.iter().all(|manifest| serves(&store, manifest)));
    assert_eq!(fs::read(store.channel(&prod()).join("site/pool/x.deb")).expect("served"), b"a package");
    to(&store, 1, 0).expect("set");
    assert!(manifests.iter().all(|manifest| serves(&store, manifest)));
    let findings = verify(&store, &[BuildNumber(1), BuildNumber(2)], &Scope::FULL).expect("verified");
    assert!(findings.is_good(), "{}", findings.why());
}

#[test]
fn a_move_whose_run_was_killed_is_written_down_by_the_next() {
    let (_folder, store, _) = builds(3);
    to(&store, 1, 0).expect("set");
    let before = fs::read(store.channel_history(&prod())).expect("read");
    to(&store, 2, 1).expect("set");
    fs::write(store.channel_history(&prod()), before).expect("as if it was never written");
    rollback(&store, &prod(), &order(2), None).expect("back");
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(1)));
    let moves = history(&store, &prod()).expect("read");
    let seen: Vec<_> = moves.iter().map(|one| (one.from.map(|from| from.0), one.to.0)).collect();
    assert_eq!(seen, [(None, 1), (Some(1), 2), (Some(2), 1)]);
}

#[test]
fn readers_always_find_a_whole_build() {
    let (_folder, store, manifests) = builds(2);
    to(&store, 1, 0).expect("set");
    let is_over = AtomicBool::new(false);
    let release = store.channel(&prod()).join("debian/dists/stable/InRelease");
    let read = || {
        let mut rounds = 0u32;
        while !is_over.load(Ordering::Relaxed) || rounds == 0 {
            let text = fs::read_to_string(&release).expect("always there");
            let hash = text.split_whitespace().rev().nth(2).expect("a hash");
            let index = format!("debian/dists/stable/main/binary-amd64/by-hash/SHA256/{hash}");
            let (found, _) = Sha256::of_file(&store.channel(&prod()).join(index)).expect("always there");
            assert_eq!(found.hex(), hash);
            rounds += 1;
        }
        rounds
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
        for round in 0..30 {
            to(&store, 1 + (round + 1) % 2, 0).expect("set");
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("no reader failed") > 0);
        }
    });
    assert!(manifests.iter().all(|manifest| serves(&store, manifest)));
}

/// A build of each day, and keys that were made before the first.
fn dated(days: &[i64]) -> (tempfile::TempDir, Store, SigningKeys) {
    let (folder, store) = store();
    for (number, day) in (1..).zip(days) {
        Recipe::dated(order(*day).at, 5, |_| number).make(&store, number, None);
    }
    let keys = KeyFolder::new(&store.keys());
    let (kind, user_id) = (KeyKind::Ed25519, "Site <admin@site>".to_owned());
    let request = KeyRequest { kind, user_id, made_at: order(0).at, expires_at: None };
    keys.generate(&request, &Passphrase::None).expect("a key");
    let keys = keys.signing_keys(&Passphrase::None).expect("unlocked");
    (folder, store, keys)
}

const RELEASE: &str = "debian/dists/stable/Release";

fn served(store: &Store) -> (Release, SystemTime) {
    let path = store.channel(&prod()).join(RELEASE);
    let release = Release::parse(&fs::read(&path).expect("served")).expect("a Release");
    (release, fs::metadata(&path).expect("there").modified().expect("a time"))
}

#[test]
fn what_a_channel_serves_never_becomes_older() {
    let (_folder, store, keys) = dated(&[10, 11]);
    let set = |number, day| {
        let moved = set(&store, &prod(), BuildNumber(number), &order(day), Some(&keys)).expect("set");
        let Switched::Moved(moved) = moved else { panic!("{moved:?}") };
        moved.suites[0].1
    };
    assert_eq!(set(1, 12), How::AsBuilt);
    let one = served(&store);
    assert_eq!(one.0.date, order(10).at);
    assert_eq!(set(2, 12), How::AsBuilt);
    let two = served(&store);
    assert_eq!(set(1, 12), How::Anew);
    let back = served(&store);
    assert!(one.0.date < two.0.date && two.0.date < back.0.date);
    // Nothing else changed, and a server that goes by the second calls none of them unmodified.
    assert_eq!(back.0.files, one.0.files);
    assert!(one.1 + Duration::from_secs(1) <= two.1 && two.1 + Duration::from_secs(1) <= back.1);
    assert_eq!(
        fs::read(store.build(BuildNumber(1)).join(RELEASE))
            .map(|text| Release::parse(&text).expect("a Release").date)
            .expect("read"),
        order(10).at
    );
    assert_eq!(set(2, 13), How::Anew);
    let keyring =
        Keyring::parse(&KeyFolder::new(&store.keys()).export().expect("exported")).expect("a keyring");
    let in_release = fs::read(store.channel(&prod()).join("debian/dists/stable/InRelease")).expect("served");
    let verified = verify_cleartext(&in_release, &keyring, &Policy::any(order(14).at)).expect("signed");
    assert_eq!(Release::parse(&verified.text).expect("a Release"), served(&store).0);
}

#[test]
fn without_a_key_it_says_who_will_not_follow() {
    let (_folder, store, keys) = dated(&[10, 11]);
    to(&store, 1, 12).expect("set");
    to(&store, 2, 12).expect("set");
    let moved = to(&store, 1, 12).expect("set");
    let Switched::Moved(moved) = moved else { panic!("{moved:?}") };
    assert_eq!(moved.stuck().collect::<Vec<_>>(), ["debian/dists/stable"]);
    assert_eq!(served(&store).0.date, order(10).at);
    // Who has the key makes it good.
    refresh(&store, &prod(), &order(13), &keys).expect("dated");
    assert_eq!(served(&store).0.date, order(13).at);
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(1)));
    // That was no move to another build.
    rollback(&store, &prod(), &order(14), Some(&keys)).expect("back");
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(2)));
}

fn fetcher() -> Fetcher {
    Fetcher::new(Limits::default()).expect("a fetcher")
}

#[test]
fn a_mirror_follows_with_the_dates_of_its_source() {
    let (_folder, site, keys) = dated(&[10, 11]);
    let (_other, mirror) = store();
    let keyring =
        Keyring::parse(&KeyFolder::new(&site.keys()).export().expect("exported")).expect("a keyring");
    let signed = |json: &[u8], signature: &[u8]| {
        let verified = verify_detached(json, signature, &keyring, &Policy::any(order(20).at));
        let verified = verified.map_err(|error| error.to_string())?;
        Ok(verified.into_iter().map(|signer| signer.fingerprint.to_string()).collect())
    };
    let source = site.root().display().to_string();
    let follow = |day| follow(&mirror, &prod(), &source, &fetcher(), &signed, &order(day));
    assert!(matches!(follow(12), Err(ChannelError::Source { .. })));
    set(&site, &prod(), BuildNumber(2), &order(12), Some(&keys)).expect("set");
    assert!(matches!(follow(12), Err(ChannelError::NotWhole { .. })), "it does not hold the build");
    Recipe::dated(order(10).at, 5, |_| 1).make(&mirror, 1, None);
    Recipe::dated(order(11).at, 5, |_| 2).make(&mirror, 2, None);
    assert!(matches!(follow(12).expect("followed").switched, Switched::Moved(_)));
    assert_eq!(follow(12).expect("followed").switched, Switched::WasThere);
    let old = fs::read_link(site.channel(&prod())).expect("a link");
    set(&site, &prod(), BuildNumber(1), &order(13), Some(&keys)).expect("set");
    let followed = follow(13).expect("followed");
    assert_eq!(followed.signers.len(), 1);
    assert_eq!(served(&mirror).0, served(&site).0);
    assert_eq!(served(&mirror).0.date, order(13).at);
    // Somebody shows the mirror what was true before.
    let link = site.channel(&prod());
    fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(old, &link).expect("linked");
    let error = follow(14).expect_err("older").to_string();
    assert!(error.contains("or later"), "{error}");
    // Somebody changes what is told.
    let view = site.channel(&prod()).join("view.json");
    let text = fs::read_to_string(&view).expect("read").replace("1970-01-13", "1970-01-20");
    fs::write(&view, text).expect("written");
    let error = follow(14).expect_err("changed").to_string();
    assert!(error.contains("a good signature"), "{error}");
    assert_eq!(get(&mirror, &prod()).expect("read"), Some(BuildNumber(1)));
}

#[test]
fn a_clock_that_was_ahead_is_not_followed_for_ever() {
    let (_folder, store, keys) = dated(&[10, 11]);
    let to = |number, day| set(&store, &prod(), BuildNumber(number), &order(day), Some(&keys)).expect("set");
    to(1, 12);
    refresh(&store, &prod(), &order(400), &keys).expect("dated");
    assert_eq!(served(&store).0.date, order(400).at);
    to(2, 13);
    assert_eq!(served(&store).0.date, order(11).at);
    to(1, 14);
    assert_eq!(served(&store).0.date, order(14).at);
}

#[test]
fn what_a_verification_found_is_not_forgotten_by_a_quick_look() {
    let (_folder, store, keys) = dated(&[10, 11]);
    let number = BuildNumber(2);
    let held = Held::read(&store, number).expect("read");
    let package = held.manifest.files().iter().find(|file| file.area == Area::Pool).expect("a package");
    let path = package.below(&store, number);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened up");
    let good = fs::read(&path).expect("read");
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&path, bad).expect("written");
    let look = |scope: &Scope| {
        let findings = verify(&store, &[number], scope).expect("verified");
        record_verify(&store, &findings, scope.depth, order(12).at).expect("written down");
        findings.is_good()
    };
    assert!(!look(&Scope::FULL));
    assert!(look(&Scope::QUICK));
    let to = || set(&store, &prod(), number, &order(12), Some(&keys));
    let error = to().expect_err("known to be bad").to_string();
    assert!(error.contains("by its last verification 1 damaged"), "{error}");
    fs::write(&path, good).expect("written");
    assert!(look(&Scope::FULL));
    to().expect("good again");
}

#[test]
fn suites_that_clients_would_miss_are_named() {
    let (_folder, store) = store();
    let mut one = Recipe::of(3, |_| 1);
    one.suite("debian", "security", b"fixes");
    one.make(&store, 1, None);
    Recipe::of(3, |_| 2).make(&store, 2, None);
    to(&store, 1, 0).expect("set");
    let lost = lost_suites(&store, &prod(), BuildNumber(2)).expect("read");
    assert_eq!(lost, ["debian/dists/security"]);
    assert_eq!(lost_suites(&store, &prod(), BuildNumber(1)).expect("read"), Vec::<String>::new());
}

#[test]
fn a_number_stands_for_one_build() {
    let (_folder, site, keys) = dated(&[10]);
    let (_other, mirror) = store();
    Recipe::dated(order(10).at, 5, |_| 7).make(&mirror, 1, None);
    set(&site, &prod(), BuildNumber(1), &order(12), Some(&keys)).expect("set");
    let source = site.root().display().to_string();
    let believed = |_: &[u8], _: &[u8]| Ok(vec!["KEY".to_owned()]);
    let error = follow(&mirror, &prod(), &source, &fetcher(), &believed, &order(12)).expect_err("another");
    assert!(error.to_string().contains("another of this number"), "{error}");
}

#[test]
fn what_is_wrong_in_a_view_is_named_and_mended() {
    let (_folder, store, keys) = dated(&[10, 11]);
    for (number, day) in [(1, 12), (2, 12), (1, 13)] {
        set(&store, &prod(), BuildNumber(number), &order(day), Some(&keys)).expect("set");
    }
    assert_eq!(inspect(&store, &prod()).expect("read"), []);
    let view = store.channel(&prod());
    let folder = view.join("debian/dists/stable/main/binary-amd64");
    fs::remove_file(folder.join("Packages")).expect("removed");
    fs::write(folder.join("Packages.gz"), "foreign").expect("written");
    fs::write(folder.join("by-hash/SHA256").join(Sha256::of(b"x").hex()), "y").expect("written");
    fs::remove_file(view.join("debian/pool")).expect("removed");
    let troubles = inspect(&store, &prod()).expect("read");
    let paths: Vec<_> = troubles.iter().map(|one| one.path.rsplit('/').next().expect("a name")).collect();
    assert_eq!(paths, ["Packages", "Packages.gz", &Sha256::of(b"x").hex(), "pool"]);
    let before = served(&store).0;
    // Signed files that are good need no key; those that are not do.
    mend(&store, &prod(), order(14).at, None, &nowhere).expect("mended");
    assert_eq!(inspect(&store, &prod()).expect("read"), []);
    assert_eq!(served(&store).0, before);
    fs::write(store.channel(&prod()).join(RELEASE), "damaged").expect("written");
    assert_eq!(inspect(&store, &prod()).expect("read").len(), 1);
    for old in fs::read_dir(store.views()).expect("read") {
        fs::write(old.expect("read").path().join(RELEASE), "damaged").expect("written");
    }
    let links = || fs::read_link(store.channel(&prod())).expect("a link");
    let link = links();
    let error = mend(&store, &prod(), order(14).at, None, &nowhere).expect_err("no key").to_string();
    assert!(error.contains("channel refresh prod") && links() == link, "{error}");
    mend(&store, &prod(), order(14).at, Some(&keys), &nowhere).expect("mended");
    assert_eq!(inspect(&store, &prod()).expect("read"), []);
    assert_eq!((served(&store).0.files, served(&store).0.date), (before.files, order(14).at));
    let view = View::current(&store, &prod()).expect("read").expect("there").0;
    assert_eq!(view.build, BuildNumber(1));
    // Only what is served and what was served before it stays.
    assert_eq!(fs::read_dir(store.views()).expect("read").count(), 2);
}
