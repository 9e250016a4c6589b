//! What was changed is told as a whole, whichever of several patches changed it.

use std::fs;

use smith_agent::protocol::{Cause, Change, Done, Outcome, Patched};

use super::fixture::{World, deb, world};

fn is_kept(world: &World) -> bool {
    world.root("var/lib/smith/patching.json").exists()
}

/// `name from to`, as far as there is one.
fn words(changes: &[Change]) -> Vec<String> {
    let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".to_owned());
    changes.iter().map(|one| format!("{} {} {}", one.name, word(&one.from), word(&one.to))).collect()
}

fn begun_by(patched: &Patched) -> Option<&str> {
    patched.unfinished.as_ref().map(|unfinished| unfinished.operation.as_str())
}

fn already_so(world: &mut World) -> Patched {
    match world.patch() {
        Ok(Outcome::AlreadySo(Done::Patched(patched))) => *patched,
        other => panic!("{other:?}\n{}", world.said()),
    }
}

#[test]
fn a_patch_that_fails_tells_what_it_changed_and_the_one_that_heals_it_tells_all() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1"), deb("c", "1")]);
    world.publish(&[deb("a", "2").script("postinst", "exit 3"), deb("b", "2"), deb("c", "1")]);
    let before = crate::health::seconds();
    assert_eq!(words(&world.fails(Cause::PackageFailed).changes), ["a 1 2", "b 1 2"]);
    assert!(is_kept(&world));
    // A failure that comes before it has changed anything says what is so since then.
    let other = world.key("other");
    let keyring = std::mem::replace(&mut world.job.keyring, other);
    let refused = world.patch().expect_err("another key");
    assert_eq!(words(&refused.changes), ["a 1 2", "b 1 2"]);
    world.job.keyring = keyring;

    world.publish(&[deb("a", "3"), deb("b", "2"), deb("c", "2")]);
    let patched = world.patched();
    assert_eq!(words(&patched.changes), ["a 1 3", "b 1 2", "c 1 2"]);
    let unfinished = patched.unfinished.expect("the first patch");
    assert_eq!(unfinished.operation, "1");
    assert!((before..=crate::health::seconds()).contains(&unfinished.since), "{unfinished:?}");
    assert!(!is_kept(&world));
    assert_eq!(already_so(&mut world).unfinished, None);
}

#[test]
fn what_somebody_else_healed_is_told_by_the_patch_that_finds_nothing_to_do() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    let fails = "if [ ! -e /tmp/healed ]; then exit 3; fi";
    world.publish(&[deb("a", "2").script("postinst", fails), deb("b", "2")]);
    world.fails(Cause::PackageFailed);
    fs::write(world.root("tmp/healed"), "").expect("written");
    world.dpkg(&["--configure", "-a"]);
    let patched = already_so(&mut world);
    assert_eq!(words(&patched.changes), ["a 1 2", "b 1 2"]);
    assert_eq!(begun_by(&patched), Some("1"));
    world.is_already_so();
}

#[test]
fn what_was_done_and_not_told_is_told_by_the_next() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    world.killed().expect("a patch");
    assert!(is_kept(&world));
    let patched = already_so(&mut world);
    assert_eq!((words(&patched.changes), begun_by(&patched)), (vec!["a 1 2".to_owned()], Some("1")));
    assert!(!is_kept(&world));
}

#[test]
fn a_good_patch_leaves_nothing_and_a_refused_one_has_changed_nothing() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    world.publish(&[deb("a", "2").with("Conflicts: b")]);
    assert!(world.fails(Cause::RemovalRefused).changes.is_empty());
    assert!(!is_kept(&world));
    world.publish(&[deb("a", "2"), deb("b", "1")]);
    let patched = world.patched();
    assert_eq!((words(&patched.changes), patched.unfinished), (vec!["a 1 2".to_owned()], None));
    assert!(!is_kept(&world));
    world.is_already_so();
}

#[test]
fn a_beginning_that_cannot_be_read_is_told_and_stops_nothing() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    fs::write(world.root("var/lib/smith/patching.json"), "{").expect("written");
    assert_eq!(words(&world.patched().changes), ["a 1 2"]);
    let told = format!("{:?}", world.told.0);
    assert!(told.contains("what an unfinished change has changed is not known"), "{told}");
    assert!(!is_kept(&world));
}
