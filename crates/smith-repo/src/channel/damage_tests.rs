//! A channel whose own files are damaged holds nobody up, and is made anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::channel::{
    ChannelError, Moved, Order, Switched, Way, get, history, inspect, mend, names, previous, refresh, remove,
    rollback, set, standing,
};
use crate::fixture::{Recipe, store};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase, SigningKeys};
use crate::release::Release;
use crate::retention::{Roots, Wish, plan};
use crate::store::Store;

const RELEASE: &str = "debian/dists/stable/Release";

fn prod() -> ChannelName {
    ChannelName::new("prod").expect("a name")
}

fn order(day: i64) -> Order {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
    Order { who: "ann".to_owned(), why: format!("day {day}"), at }
}

/// Builds from the second day on, one a day, and keys.
fn world(builds: u32) -> (tempfile::TempDir, Store, SigningKeys) {
    let (folder, store) = store();
    for number in 1..=builds {
        Recipe::dated(order(i64::from(number)).at, 3, |_| number).make(&store, number, None);
    }
    let keys = KeyFolder::new(&store.keys());
    let (kind, user_id) = (KeyKind::Ed25519, "Site <admin@site>".to_owned());
    let request = KeyRequest { kind, user_id, made_at: order(0).at, expires_at: None };
    keys.generate(&request, &Passphrase::None).expect("a key");
    let keys = keys.signing_keys(&Passphrase::None).expect("unlocked");
    (folder, store, keys)
}

fn to(store: &Store, keys: &SigningKeys, number: u32, day: i64) -> Moved {
    let moved = set(store, &prod(), BuildNumber(number), &order(day), Some(keys)).expect("set");
    let Switched::Moved(moved) = moved else { panic!("{moved:?}") };
    moved
}

fn date(store: &Store) -> Timestamp {
    let text = fs::read(store.channel(&prod()).join(RELEASE)).expect("served");
    Release::parse(&text).expect("a Release").date
}

/// What a purge of all but the newest would keep.
fn kept(store: &Store) -> Result<Vec<u32>, String> {
    let plan = plan(store, &Wish::AllButNewest(0), &Roots::default()).map_err(|error| error.to_string())?;
    Ok(plan.kept.keys().map(|number| number.0).collect())
}

fn view(store: &Store) -> PathBuf {
    store.channel(&prod()).join("view.json")
}

#[test]
fn a_damaged_view_is_known_by_what_is_left_and_made_anew() {
    let (_folder, store, keys) = world(4);
    to(&store, &keys, 2, 10);
    to(&store, &keys, 1, 11);
    assert_eq!(date(&store), order(11).at);
    for damage in ["", "{", "{\"format\": 9}"] {
        fs::write(view(&store), damage).expect("written");
        assert_eq!(get(&store, &prod()).expect("told by build.json"), Some(BuildNumber(1)));
        assert_eq!(kept(&store).expect("planned"), [1, 2, 4]);
        let troubles = inspect(&store, &prod()).expect("looked at");
        assert_eq!(troubles.len(), 1);
        assert!(troubles[0].path.ends_with("/view.json"), "{troubles:?}");
        assert!(troubles[0].found.contains("`smith channel set prod 1` makes it anew"), "{troubles:?}");
        let nowhere: &dyn Fn(&str) -> Vec<Vec<u8>> = &|_| Vec::new();
        let error = mend(&store, &prod(), order(12).at, None, nowhere).expect_err("nobody knows what it was");
        assert!(matches!(error, ChannelError::Damaged { .. }), "{error}");
        // What clients have seen is known by the Releases that they saw.
        let moved = to(&store, &keys, 1, 12);
        assert_eq!((moved.from, moved.to), (Some(BuildNumber(1)), BuildNumber(1)));
        assert_eq!(inspect(&store, &prod()).expect("looked at"), []);
        assert!(date(&store) >= order(11).at);
    }
    // Also a refresh and a rollback do.
    fs::write(view(&store), "").expect("written");
    refresh(&store, &prod(), &order(13), &keys).expect("dated");
    fs::write(view(&store), "").expect("written");
    rollback(&store, &prod(), &order(14), Some(&keys)).expect("back");
    assert_eq!(get(&store, &prod()).expect("read"), Some(BuildNumber(2)));
    assert_eq!(inspect(&store, &prod()).expect("looked at"), []);
}

#[test]
fn what_nothing_tells_keeps_every_build() {
    let (_folder, store, keys) = world(3);
    to(&store, &keys, 1, 10);
    to(&store, &keys, 2, 11);
    fs::write(view(&store), "").expect("written");
    fs::remove_file(store.channel(&prod()).join("build.json")).expect("removed");
    let error = kept(&store).expect_err("refused");
    assert!(
        error.contains("views/prod-2/view.json") && error.contains("smith channel set prod BUILD"),
        "{error}"
    );
    assert!(standing(&store, &prod()).expect("read").expect("there").build.is_none());
    to(&store, &keys, 2, 12);
    assert_eq!(kept(&store).expect("planned"), [1, 2, 3]);
    // A link to nowhere, and one to something else.
    for target in ["../views/prod-77", "/etc"] {
        fs::remove_file(store.channel(&prod())).expect("removed");
        std::os::unix::fs::symlink(target, store.channel(&prod())).expect("linked");
        kept(&store).expect_err("refused");
        to(&store, &keys, 2, 13);
        assert_eq!(inspect(&store, &prod()).expect("looked at"), []);
    }
}

#[test]
fn a_damaged_history_begins_anew_with_what_is_known() {
    let (_folder, store, keys) = world(4);
    for (number, day) in [(1, 10), (2, 11), (3, 12)] {
        to(&store, &keys, number, day);
    }
    let path = store.channel_history(&prod());
    for damage in [&b""[..], b"{}", b"\xff\xfe"] {
        fs::write(&path, damage).expect("written");
        assert!(history(&store, &prod()).is_err() && previous(&store, &prod()).is_err());
        // The view from before tells the way back.
        assert_eq!(kept(&store).expect("planned"), [2, 3, 4]);
        let troubles = inspect(&store, &prod()).expect("looked at");
        assert_eq!(troubles[0].path, "channels/prod.json");
        to(&store, &keys, 3, 13);
        let moves = history(&store, &prod()).expect("read");
        let told: Vec<_> = moves.iter().map(|one| (one.from.map(|from| from.0), one.to.0)).collect();
        assert_eq!(told, [(Some(2), 3), (Some(3), 3)]);
        assert_eq!(previous(&store, &prod()).expect("known"), BuildNumber(2));
        to(&store, &keys, 2, 14);
        to(&store, &keys, 3, 15);
    }
    let aside: BTreeSet<u64> = fs::read_dir(store.trash())
        .expect("read")
        .map(|batch| fs::metadata(batch.expect("read").path().join("prod.json")).expect("kept").len())
        .collect();
    assert_eq!(aside, BTreeSet::from([0, 2]));
    // Where neither tells, nothing goes.
    fs::write(&path, "").expect("written");
    refresh(&store, &prod(), &order(16), &keys).expect("dated");
    fs::write(&path, "").expect("written");
    let error = kept(&store).expect_err("refused");
    assert!(error.contains("channels/prod.json") && error.contains("smith channel set prod 3"), "{error}");
}

#[test]
fn each_rollback_leads_further_back() {
    let (_folder, store, keys) = world(4);
    for (number, day) in [(1, 10), (2, 11), (3, 12)] {
        to(&store, &keys, number, day);
    }
    refresh(&store, &prod(), &order(13), &keys).expect("dated");
    let back = |day| rollback(&store, &prod(), &order(day), Some(&keys));
    let at = || get(&store, &prod()).expect("read").expect("there").0;
    back(14).expect("back");
    assert_eq!(at(), 2);
    // Both where it came from and where the next leads are still wanted.
    assert_eq!(kept(&store).expect("planned"), [1, 2, 3, 4]);
    back(15).expect("back");
    assert_eq!(at(), 1);
    assert!(matches!(back(16), Err(ChannelError::NoPrevious { .. })));
    // What was left behind by going back is not on the way of what comes then.
    to(&store, &keys, 4, 17);
    back(18).expect("back");
    assert_eq!(at(), 1);
    let ways: Vec<Way> = history(&store, &prod()).expect("read").iter().map(|one| one.way).collect();
    assert_eq!(ways, [Way::To, Way::To, Way::To, Way::To, Way::Back, Way::Back, Way::To, Way::Back]);
}

#[test]
fn a_channel_that_is_taken_away_leaves_its_history_and_what_was_seen() {
    let (_folder, store, keys) = world(3);
    to(&store, &keys, 2, 10);
    to(&store, &keys, 1, 11);
    let seen = date(&store);
    let gone = remove(&store, &prod(), &order(12)).expect("removed");
    assert_eq!(gone.from, Some(BuildNumber(1)));
    assert_eq!(names(&store).expect("read"), []);
    assert_eq!(fs::read_dir(store.views()).expect("read").count(), 0);
    assert_eq!(kept(&store).expect("planned"), [3]);
    assert!(matches!(remove(&store, &prod(), &order(12)), Err(ChannelError::Unknown { .. })));
    let last = history(&store, &prod()).expect("read").pop().expect("a line");
    assert_eq!((last.way, last.who.as_str(), last.why.as_str()), (Way::Removed, "ann", "day 12"));
    // It comes back, and clients that have seen it follow.
    let moved = to(&store, &keys, 1, 13);
    assert_eq!(moved.from, None);
    assert!(date(&store) >= seen);
    assert!(matches!(previous(&store, &prod()), Err(ChannelError::NoPrevious { .. })));
    // One that was killed before it was done is done again.
    fs::remove_file(store.channel(&prod())).expect("removed");
    remove(&store, &prod(), &order(14)).expect("the rest");
    assert_eq!(fs::read_dir(store.views()).expect("read").count(), 0);
}
