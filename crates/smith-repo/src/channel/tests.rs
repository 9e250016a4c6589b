//! Channels move whole, and no client in the middle of an update is left without its index.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::channel::{ChannelError, Order, Switched, get, history, names, rollback, set};
use crate::fixture::{Recipe, store};
use crate::hash::Sha256;
use crate::manifest::{Area, Manifest};
use crate::mirror::{Scope, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::store::Store;

fn prod() -> ChannelName {
    ChannelName::new("prod").expect("a name")
}

fn order(day: i64) -> Order {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
    Order { who: "ann".to_owned(), why: format!("day {day}"), at }
}

fn to(store: &Store, number: u32, day: i64) -> Result<Switched, ChannelError> {
    set(store, &prod(), BuildNumber(number), &order(day))
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
    assert!(matches!(rollback(&store, &prod(), &order(0)), Err(ChannelError::NoPrevious { .. })));
    assert_eq!(to(&store, 1, 0).expect("set"), Switched::Moved { from: None, to: BuildNumber(1) });
    assert_eq!(to(&store, 1, 0).expect("set"), Switched::WasThere);
    to(&store, 2, 1).expect("set");
    assert_eq!(fs::read_link(store.channel(&prod())).expect("a link"), PathBuf::from("../builds/2"));
    rollback(&store, &prod(), &order(2)).expect("back");
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
fn every_index_that_a_client_may_hold_is_served_in_both_directions() {
    let (_folder, store, manifests) = builds(4);
    to(&store, 1, 0).expect("set");
    to(&store, 2, 1).expect("set");
    to(&store, 3, 2).expect("set");
    assert!(manifests[..3].iter().all(|manifest| serves(&store, manifest)));
    rollback(&store, &prod(), &order(3)).expect("back");
    assert!(manifests[..3].iter().all(|manifest| serves(&store, manifest)));
    // After a month only where it is and where it was before are remembered.
    to(&store, 4, 33).expect("set");
    let served: Vec<bool> = manifests.iter().map(|manifest| serves(&store, manifest)).collect();
    assert_eq!(served, [false, true, true, true]);
    // What is borrowed is not foreign.
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
    rollback(&store, &prod(), &order(2)).expect("back");
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
            let hash = text.split_whitespace().nth(1).expect("a hash");
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
