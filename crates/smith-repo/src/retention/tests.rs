//! Purges that take what nobody needs and nothing else, also beside others and in the middle of being killed.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::channel::{self, Order};
use crate::fetch::{Fetcher, Limits, Proxies, Silent};
use crate::fixture::{Recipe, check};
use crate::hash::Sha256;
use crate::mirror::{Mode, Pull, Scope, sync, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::retention::plan::Keep;
use crate::retention::{
    Pin, Pins, PurgePlan, RetentionError, Roots, Wish, archive, empty_trash, plan, purge, restore,
};
use crate::store::Store;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("a store");
    (folder, store)
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

/// So many builds, each of which changes a part of the one before.
fn make(store: &Store, builds: u32) {
    for number in 1..=builds {
        let version = |package: usize| if package % 7 < number as usize { number } else { 0 };
        Recipe::of(40, version).make(store, number, (number > 1).then(|| number - 1));
    }
}

fn is_good(store: &Store) {
    let builds = store.builds_present().expect("read");
    let findings = verify(store, &builds, &Scope::FULL).expect("verified");
    assert!(findings.is_good(), "{}", findings.why());
}

fn objects(store: &Store) -> usize {
    let shards = fs::read_dir(store.objects()).expect("read");
    shards.map(|shard| fs::read_dir(shard.expect("a shard").path()).expect("read").count()).sum()
}

fn these(numbers: &[u32]) -> Wish {
    Wish::These(numbers.iter().map(|number| BuildNumber(*number)).collect())
}

fn fetcher() -> Fetcher {
    Fetcher::new(Limits { proxies: Proxies::None, retries: 0, ..Limits::default() }).expect("a fetcher")
}

fn order() -> Order {
    Order { who: "ann".to_owned(), why: "because".to_owned(), at: now() }
}

#[test]
fn what_is_in_use_stays_and_the_reason_is_told() {
    let (_folder, store) = store();
    make(&store, 6);
    let prod = ChannelName::new("prod").expect("a name");
    for number in [1, 2] {
        channel::set(&store, &prod, BuildNumber(number), &order(), None).expect("set");
    }
    let pin = Pin { by: "bob".to_owned(), at: now(), reason: "audit".to_owned() };
    Pins::change(&store, BuildNumber(3), Some(pin)).expect("pinned");
    let roots = Roots { recorded: BTreeMap::from([(BuildNumber(4), 12)]), ..Roots::default() };
    let found = plan(&store, &Wish::AllButNewest(0), &roots).expect("a plan");
    assert_eq!(found.builds, [BuildNumber(5)]);
    let kept: Vec<String> = found
        .kept
        .iter()
        .map(|(number, why)| {
            format!("{number}: {}", why.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        })
        .collect();
    assert_eq!(
        kept,
        [
            "1: it is the way back of channel prod",
            "2: channel prod is on it",
            "3: bob keeps it: audit",
            "4: 12 machines are on it",
            "6: it is the newest",
        ]
    );
    assert!(plan(&store, &these(&[5, 77]), &roots).is_err(), "a mistyped number takes nothing");
}

#[test]
fn a_purge_frees_what_it_said_and_nothing_that_is_referred_to() {
    let (_folder, store) = store();
    make(&store, 4);
    let before = objects(&store);
    let roots = Roots::default();
    let found = plan(&store, &these(&[1, 2]), &roots).expect("a plan");
    assert!(found.objects > 0);
    let purged = purge(&store, &found, &roots, now()).expect("purged");
    assert_eq!(purged.builds, [BuildNumber(1), BuildNumber(2)]);
    assert_eq!((purged.objects, purged.bytes), (found.objects, found.bytes));
    assert_eq!(objects(&store), before - usize::try_from(found.objects).expect("few"));
    is_good(&store);
    assert_eq!(store.builds_present().expect("read"), [BuildNumber(3), BuildNumber(4)]);
    // The bytes are free once the grace period is over, and not before.
    assert_eq!(empty_trash(&store, SignedDuration::from_hours(24), now()).expect("emptied"), 0);
    let later = now() + SignedDuration::from_hours(25);
    assert!(empty_trash(&store, SignedDuration::from_hours(24), later).expect("emptied") >= found.bytes);
    assert_eq!(fs::read_dir(store.trash()).expect("read").count(), 0);
    is_good(&store);
}

#[test]
fn a_build_that_came_into_use_after_the_plan_stays() {
    let (_folder, store) = store();
    make(&store, 3);
    let roots = Roots::default();
    let found = plan(&store, &these(&[1, 2]), &roots).expect("a plan");
    channel::set(&store, &ChannelName::new("prod").expect("a name"), BuildNumber(1), &order(), None)
        .expect("set");
    let purged = purge(&store, &found, &roots, now()).expect("purged");
    assert_eq!(purged.builds, [BuildNumber(2)]);
    assert!(matches!(purged.kept[&BuildNumber(1)][..], [Keep::Channel { .. }]));
    is_good(&store);
}

#[test]
fn builds_that_come_and_go_after_the_plan_count_as_they_are_then() {
    let (_folder, store) = store();
    let roots = Roots::default();
    let only = |wanted: usize, number: u32| Recipe::of(6, move |at| if at == wanted { number } else { 0 });
    // The first two share a file, and so do the first and one that comes later.
    only(0, 7).make(&store, 1, None);
    only(0, 7).make(&store, 2, Some(1));
    let mut both = only(1, 8);
    both.pool.extend(only(0, 7).pool);
    both.make(&store, 3, Some(2));
    only(5, 9).make(&store, 4, Some(3));
    let found = plan(&store, &these(&[1, 3]), &roots).expect("a plan");
    // The one that kept the shared file goes, and one that needs what was to go comes.
    let other = plan(&store, &these(&[2]), &roots).expect("a plan");
    purge(&store, &other, &roots, now()).expect("purged");
    let late = only(1, 8).make(&store, 5, Some(4));
    let purged = purge(&store, &found, &roots, now()).expect("purged");
    assert_eq!(purged.builds, [BuildNumber(1), BuildNumber(3)]);
    assert!(late.objects().iter().all(|hash| store.has(hash)));
    let mut left = late.objects();
    left.extend(only(5, 9).make(&store, 6, Some(5)).objects());
    assert_eq!(objects(&store), left.len());
    is_good(&store);
}

#[test]
fn while_a_build_cannot_be_read_nothing_goes() {
    let (_folder, store) = store();
    make(&store, 4);
    let (before, roots) = (objects(&store), Roots::default());
    let found = plan(&store, &these(&[1]), &roots).expect("a plan");
    let manifest = store.build(BuildNumber(3)).join("manifest.zst");
    let good = fs::read(&manifest).expect("read");
    // Of another build: it can be read, and its hash is not the one that is signed.
    fs::copy(store.build(BuildNumber(2)).join("manifest.zst"), &manifest).expect("copied");
    assert!(matches!(plan(&store, &these(&[1]), &roots), Err(RetentionError::Held(_))));
    assert!(matches!(plan(&store, &these(&[3]), &roots), Err(RetentionError::Held(_))));
    let unaware = PurgePlan { builds: found.builds.clone(), ..PurgePlan::default() };
    assert!(matches!(purge(&store, &unaware, &roots, now()), Err(RetentionError::Held(_))));
    assert_eq!(objects(&store), before);
    fs::write(&manifest, good).expect("written");
    // What was not swept then is swept by the next.
    let purged = purge(&store, &PurgePlan::default(), &roots, now()).expect("purged");
    assert_eq!((purged.objects, purged.finished), (found.objects, found.builds));
    is_good(&store);
}

#[test]
fn what_a_killed_purge_left_is_swept_by_the_next() {
    let (_folder, store) = store();
    make(&store, 4);
    let roots = Roots::default();
    let whole = plan(&store, &these(&[1, 2]), &roots).expect("a plan");
    // It lost its name, and then the process was killed.
    let left = store.trash().join("1763640000-purge-1-1");
    fs::create_dir_all(&left).expect("made");
    fs::rename(store.build(BuildNumber(1)), left.join("build-1")).expect("renamed");
    let rest = plan(&store, &these(&[2]), &roots).expect("a plan");
    let purged = purge(&store, &rest, &roots, now()).expect("purged");
    assert_eq!(purged.objects, whole.objects);
    is_good(&store);
}

/// Takes builds as a purge does that is killed before it sweeps, each in a batch of its own.
fn take_and_be_killed(store: &Store, numbers: &[u32]) {
    for number in numbers {
        // No process has such a number.
        let batch = store.trash().join(format!("1763640000-purge-4194999-{number}"));
        fs::create_dir_all(&batch).expect("made");
        fs::rename(store.build(BuildNumber(*number)), batch.join(format!("build-{number}"))).expect("taken");
    }
}

#[test]
fn a_killed_purge_that_is_repeated_is_ended() {
    let ((_folder, store), (_other, undisturbed)) = (store(), store());
    let roots = Roots::default();
    for store in [&store, &undisturbed] {
        make(store, 4);
    }
    let whole = plan(&undisturbed, &these(&[2]), &roots).expect("a plan");
    purge(&undisturbed, &whole, &roots, now()).expect("purged");
    take_and_be_killed(&store, &[2]);
    let found = plan(&store, &these(&[2]), &roots).expect("a plan");
    assert_eq!((&found.builds[..], &found.unfinished[..]), (&[][..], &[BuildNumber(2)][..]));
    assert_eq!((found.objects, found.bytes), (whole.objects, whole.bytes));
    assert!(found.objects > 0);
    let purged = purge(&store, &found, &roots, now()).expect("purged");
    assert_eq!((&purged.builds[..], &purged.finished[..]), (&[][..], &[BuildNumber(2)][..]));
    assert_eq!((purged.objects, purged.bytes), (whole.objects, whole.bytes));
    assert_eq!(objects(&store), objects(&undisturbed));
    // Once more there is nothing to do; a build that never was is still unknown.
    let again = plan(&store, &these(&[2]), &roots).expect("a plan");
    assert_eq!(again, PurgePlan::default());
    assert!(matches!(plan(&store, &these(&[2, 9]), &roots), Err(RetentionError::Unknown { .. })));
    is_good(&store);
}

#[test]
fn purges_beside_each_other_do_not_trip() {
    for _ in 0..8 {
        let (_folder, store) = store();
        make(&store, 10);
        let dead: Vec<u32> = (1..=9).collect();
        take_and_be_killed(&store, &dead);
        let start = Barrier::new(4);
        // What they take themselves stays for longer than they run.
        let grace = SignedDuration::from_mins(1);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    purge(&store, &PurgePlan::default(), &Roots::default(), now()).expect("purged");
                    empty_trash(&store, grace, now()).expect("emptied");
                });
            }
        });
        is_good(&store);
        let names =
            fs::read_dir(store.trash()).expect("read").map(|entry| entry.expect("an entry").file_name());
        let left: Vec<_> = names.filter(|name| !name.to_string_lossy().contains("-sweep-")).collect();
        assert!(
            left.iter().all(|name| name.to_string_lossy().contains("-purge-")
                && !name.to_string_lossy().contains("4194999")),
            "{left:?}"
        );
    }
}

#[test]
fn a_batch_is_deleted_while_others_mark_it() {
    let (_folder, store) = store();
    let batch = store.trash().join("1763640000-purge-4194999-1");
    let (build, done) = (batch.join("build-1"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _locked = store.lock_now().expect("free");
                // What a sweep that looked at the batch before writes there now.
                (0..200).for_each(|number| drop(fs::write(build.join(format!(".swept{}", number % 3)), "")));
            }
        });
        for _ in 0..8 {
            fs::create_dir_all(&build).expect("made");
            fs::write(build.join(".swept"), "").expect("written");
            for number in 0..2000 {
                fs::write(build.join(number.to_string()), "").expect("written");
            }
            let emptied = empty_trash(&store, SignedDuration::from_mins(1), now());
            done.store(emptied.is_err(), Ordering::Relaxed);
            emptied.expect("emptied");
            assert!(!batch.exists());
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_was_being_deleted_when_its_purge_was_killed_is_cleared() {
    let (_folder, store) = store();
    make(&store, 2);
    let doomed = store.trash().join(".tmp-4194999-1");
    fs::create_dir(&doomed).expect("made");
    fs::write(doomed.join(Sha256::of(b"x").hex()), "x").expect("written");
    purge(&store, &PurgePlan::default(), &Roots::default(), now()).expect("purged");
    assert!(!doomed.exists());
}

#[test]
fn objects_of_a_running_operation_stay() {
    let (_folder, store) = store();
    let manifest = Recipe::of(20, |_| 1).make(&store, 1, None);
    Recipe::of(20, |_| 2).make(&store, 2, Some(1));
    let roots = Roots::default();
    let found = plan(&store, &these(&[1]), &roots).expect("a plan");
    let lease = store.lease(manifest.objects()).expect("a lease");
    let purged = purge(&store, &found, &roots, now()).expect("purged");
    assert_eq!(purged.objects, 0);
    assert!(manifest.objects().iter().all(|hash| store.has(hash)));
    assert!(
        manifest
            .files()
            .iter()
            .filter(|file| file.in_pool().is_some())
            .all(|file| { file.below(&store, BuildNumber(1)).exists() })
    );
    drop(lease);
}

#[test]
fn an_archived_build_comes_back_from_the_trash_or_from_elsewhere() {
    let (_folder, store) = store();
    make(&store, 3);
    let (_other_folder, other) = self::store();
    make(&other, 3);
    let roots = Roots::default();
    let archived = archive(&store, &[BuildNumber(1)], &roots, now()).expect("archived");
    assert!(archived.objects > 0);
    assert_eq!(store.builds_present().expect("read"), [BuildNumber(2), BuildNumber(3)]);
    is_good(&store);
    let fetcher = fetcher();
    let back = restore(&store, BuildNumber(1), &fetcher, &[], &Silent).expect("restored");
    assert_eq!((back.from_trash, back.fetched, back.missing.len()), (archived.objects, 0, 0));
    is_good(&store);
    assert_eq!(store.builds_present().expect("read").len(), 3);

    archive(&store, &[BuildNumber(1)], &roots, now()).expect("archived");
    empty_trash(&store, SignedDuration::ZERO, now()).expect("emptied");
    let back = restore(&store, BuildNumber(1), &fetcher, &[], &Silent).expect("looked");
    assert_eq!(back.missing.len() as u64, archived.objects, "it says what is nowhere any more");
    assert_eq!(store.builds_archived().expect("read"), [BuildNumber(1)]);
    let source = [format!("file://{}", other.root().display())];
    let back = restore(&store, BuildNumber(1), &fetcher, &source, &Silent).expect("restored");
    assert_eq!((back.fetched, back.missing.len()), (archived.objects, 0));
    is_good(&store);
}

#[test]
fn a_purge_beside_syncs_breaks_neither() {
    let (_folder, store) = store();
    let (_source_folder, source) = self::store();
    make(&source, 12);
    let done = AtomicBool::new(false);
    let fetcher = fetcher();
    let sources = [format!("file://{}", source.root().display())];
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..3 {
                for number in 1..=12 {
                    let pull = Pull {
                        store: &store,
                        fetcher: &fetcher,
                        sources: &sources,
                        check: &check,
                        progress: &Silent,
                    };
                    sync(&pull, BuildNumber(number), Mode::Do)
                        .unwrap_or_else(|error| panic!("{round} {number}: {error}"));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            let roots = Roots::default();
            while !done.load(Ordering::Relaxed) {
                let found = plan(&store, &Wish::AllButNewest(1), &roots).expect("a plan");
                purge(&store, &found, &roots, now()).expect("purged");
                empty_trash(&store, SignedDuration::ZERO, now()).expect("emptied");
            }
            // What the last sync relied on while it ran was spared.
            purge(&store, &PurgePlan::default(), &roots, now()).expect("purged");
        });
    });
    // What the last sync held when the last purge swept is swept now.
    let (found, roots) = (PurgePlan::default(), Roots::default());
    purge(&store, &found, &roots, now()).expect("purged");
    is_good(&store);
}

#[derive(Debug, Clone)]
enum Deed {
    Make,
    Set(u32),
    Purge(Vec<u32>),
    Archive(u32),
    Restore(u32),
    Empty,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Make),
        2 => (1u32..12).prop_map(Deed::Set),
        3 => prop::collection::vec(1u32..12, 1..4).prop_map(Deed::Purge),
        2 => (1u32..12).prop_map(Deed::Archive),
        1 => (1u32..12).prop_map(Deed::Restore),
        1 => Just(Deed::Empty),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is done in whatever order, every live build is whole, and the channel's is there.
    #[test]
    fn live_builds_stay_whole(deeds in prop::collection::vec(deed(), 1..25)) {
        let (_folder, store) = store();
        let (prod, roots) = (ChannelName::new("prod").expect("a name"), Roots::default());
        let fetcher = fetcher();
        let mut next = 1;
        for deed in deeds {
            match deed {
                Deed::Make => {
                    let made = next;
                    Recipe::of(12, |package| if package % 5 == made as usize % 5 { made } else { 0 }).make(&store, made, None);
                    next += 1;
                }
                // What is not there is refused, and that is all that may happen.
                Deed::Set(number) => {
                    let _ = channel::set(&store, &prod, BuildNumber(number), &order(), None);
                }
                Deed::Purge(numbers) => {
                    let found = plan(&store, &these(&numbers), &roots).unwrap_or_else(|_| PurgePlan::default());
                    purge(&store, &found, &roots, now()).expect("purged");
                }
                Deed::Archive(number) => {
                    let _ = archive(&store, &[BuildNumber(number)], &roots, now());
                }
                Deed::Restore(number) => {
                    let _ = restore(&store, BuildNumber(number), &fetcher, &[], &Silent);
                }
                Deed::Empty => {
                    empty_trash(&store, SignedDuration::ZERO, now()).expect("emptied");
                }
            }
            let builds = store.builds_present().expect("read");
            let findings = verify(&store, &builds, &Scope::FULL).expect("verified");
            prop_assert!(findings.missing.is_empty() && findings.damaged.is_empty() && findings.links.is_empty(), "{}", findings.why());
            if let Some(current) = channel::get(&store, &prod).expect("read") {
                prop_assert!(builds.contains(&current));
            }
        }
    }
}
