//! Packages whose scripts fail, and dpkg killed in the middle.

use std::fs;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Cause, Done, Outcome, Work};

use super::fixture::{Deb, World, deb, world};

#[test]
fn a_script_that_fails_is_named_and_a_better_build_heals_it() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    world.publish(&[
        deb("a", "2").script("postinst", "echo no luck; exit 3"),
        deb("b", "2").with("Depends: a (>= 2)"),
    ]);
    let failure = world.fails(Cause::PackageFailed);
    assert_eq!(
        failure.message,
        "expected packages to be installed, found: a (--configure): installed a package post-installation script subprocess returned error exit status 3"
    );
    assert!(failure.tail.iter().any(|line| line == "no luck"), "{failure:?}");
    // The same once more: it is not called repaired.
    assert!(world.fails(Cause::PackageFailed).message.contains("a (--configure)"));
    let Ok(Outcome::Done(Done::Checked(checked))) = world.check() else { panic!("{}", world.said()) };
    assert_eq!(checked.work, Work::Install);
    world.publish(&[deb("a", "3"), deb("b", "3")]);
    let patched = world.patched();
    assert_eq!(patched.repaired[0], "dpkg was interrupted: a, b");
    assert_eq!(world.installed(), ["a 3", "b 3"]);
    world.is_already_so();
}

#[test]
fn a_disk_that_fills_up_in_the_middle_is_not_told_as_found_before() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    let full = "echo 'cp: error writing /x: No space left on device' >&2; exit 1";
    world.publish(&[deb("a", "2").script("postinst", full)]);
    let failure = world.fails(Cause::PackageFailed);
    assert!(failure.tail.iter().any(|line| line.contains("No space left on device")), "{failure:?}");
}

#[test]
fn a_purge_that_fails_is_told_as_such() {
    let Some(mut world) = world() else { return };
    let kernel = |release: &str| deb(&format!("linux-image-{release}-amd64"), "1");
    world.install(&[kernel("6.1.0-8").script("prerm", "exit 1"), kernel("6.1.0-9"), deb("a", "1")]);
    world.running("6.1.0-9-amd64");
    world.publish(&[deb("a", "2")]);
    let failure = world.fails(Cause::PackageFailed);
    assert!(
        failure.message.starts_with("old kernels 6.1.0-8-amd64 could not be purged: "),
        "{}",
        failure.message
    );
    assert!(failure.message.contains("linux-image-6.1.0-8-amd64 (--remove)"), "{}", failure.message);
    assert!(world.installed().contains(&"a 2".to_owned()));
}

/// Begins to install a package and kills dpkg when its script has come to a certain place.
fn kill_dpkg_in(world: &World, package: &Deb) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = package.build_into(folder.path());
    let mut child = world.dpkg_command().arg("-i").arg(file).spawn().expect("dpkg");
    let begun = Instant::now();
    while !world.root("tmp/here").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the script was never run");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    fs::remove_file(world.root("tmp/here")).expect("gone");
}

/// A script that stops where it is told, the first time.
const STOP: &str = "if [ ! -e /tmp/was ]; then touch /tmp/was /tmp/here; sleep 3; fi";

#[test]
fn dpkg_killed_while_it_configured_is_repaired() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    let stopped = deb("a", "2").script("postinst", STOP);
    kill_dpkg_in(&world, &stopped);
    assert!(!world.installed().contains(&"a 2".to_owned()));
    world.publish(&[stopped, deb("b", "2")]);
    let patched = world.patched();
    assert_eq!(patched.repaired, ["dpkg was interrupted: a"]);
    assert_eq!(world.installed(), ["a 2", "b 2"]);
    world.is_already_so();
}

#[test]
fn dpkg_killed_while_it_unpacked_is_repaired() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    let stopped = deb("a", "2").script("preinst", STOP);
    kill_dpkg_in(&world, &stopped);
    world.publish(&[stopped, deb("b", "2")]);
    let patched = world.patched();
    assert!(!patched.repaired.is_empty());
    assert_eq!(world.installed(), ["a 2", "b 2"]);
    world.is_already_so();
}

#[test]
fn a_package_that_has_to_be_there_again_and_is_nowhere_is_broken() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1")]);
    kill_dpkg_in(&world, &deb("a", "2").script("preinst", STOP));
    world.publish(&[deb("b", "2")]);
    let failure = world.fails(Cause::DpkgBroken);
    let found = "expected a plan of apt, found: E: The package a needs to be reinstalled, but I can't find an archive for it.";
    assert_eq!(failure.message, found);
}

/// Whether it is known that the machine is being changed, so that what breaks from here on counts as broken by us.
fn is_changing(world: &World) -> bool {
    let text = fs::read_to_string(world.root("var/lib/smith/baseline.json")).unwrap_or_default();
    text.contains("\"changing\":true")
}

#[test]
fn what_a_repair_or_a_purge_breaks_is_ours() {
    let Some(mut world) = world() else { return };
    // The script of the repair sees what is remembered.
    let sees = "if [ -e /tmp/was ]; then read line < /var/lib/smith/baseline.json || true; echo \"$line\" > /tmp/seen; fi";
    let stopped = deb("a", "2").script("postinst", &format!("{sees}\n{STOP}"));
    kill_dpkg_in(&world, &stopped);
    world.publish(std::slice::from_ref(&stopped));
    world.patched();
    let seen = fs::read_to_string(world.root("tmp/seen")).unwrap();
    assert!(seen.contains("\"changing\":true"), "{seen}");

    fs::remove_file(world.root("var/lib/smith/baseline.json")).unwrap();
    let kernel = |release: &str| deb(&format!("linux-image-{release}-amd64"), "1");
    world.install(&[kernel("6.1.0-8"), kernel("6.1.0-9")]);
    world.running("6.1.0-9-amd64");
    assert_eq!(world.patched().kernels_purged, ["6.1.0-8-amd64"]);
    assert!(is_changing(&world));
    fs::remove_file(world.root("var/lib/smith/baseline.json")).unwrap();
    world.is_already_so();
    assert!(!is_changing(&world), "nothing was changed");
}

/// A script that takes longer than its action may, with what it did until then.
const SLOW: &str = "touch /tmp/begun; sleep 4; touch /tmp/ended";

#[test]
fn a_time_limit_never_ends_dpkg() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1").with("Depends: a")]);
    world.publish(&[
        deb("a", "2").script("postinst", SLOW),
        // Configured in a later run of dpkg, or in the same; begun or not, it is never half done.
        deb("b", "2").with("Pre-Depends: a (>= 2)").script("preinst", "sleep 4; touch /tmp/late"),
    ]);
    world.limit = Duration::from_secs(3);
    let failure = world.fails(Cause::TimedOut);
    assert!(failure.message.contains("dpkg at work when it was over"), "{failure:?}");
    assert!(world.root("tmp/ended").exists(), "{}", world.said());
    assert!(world.installed().contains(&"a 2".to_owned()), "{:?}", world.installed());
    assert_eq!(world.dpkg(&["--audit"]), "");
    // Nothing more was begun.
    assert!(!world.root("tmp/late").exists());
    let told = format!("{:?}", world.told.0);
    assert!(told.contains("apt was asked to stop, and what dpkg is at is waited for"), "{told}");
    world.limit = Duration::from_secs(600);
    world.patched();
    assert_eq!(world.installed(), ["a 2", "b 2"]);
}

#[test]
fn a_time_limit_never_ends_the_repair() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    let again = "if [ -e /tmp/was ]; then sleep 4; touch /tmp/ended; fi";
    let stopped = deb("a", "2").script("postinst", &format!("{again}\n{STOP}"));
    kill_dpkg_in(&world, &stopped);
    world.publish(std::slice::from_ref(&stopped));
    world.limit = Duration::from_secs(2);
    world.fails(Cause::TimedOut);
    assert!(world.root("tmp/ended").exists());
    assert_eq!(world.installed(), ["a 2"]);
}
