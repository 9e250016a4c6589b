//! Patches that come to their end.

use std::fs;

use smith_agent::protocol::{
    Body, Cause, Change, Conffiles, Done, Downgrades, Holds, Outcome, Removals, Work,
};

use super::fixture::{World, deb, world};
use crate::apt::facts;

fn change(name: &str, from: Option<&str>, to: Option<&str>) -> Change {
    let text = |version: Option<&str>| version.map(str::to_owned);
    Change { name: name.to_owned(), architecture: "amd64".to_owned(), from: text(from), to: text(to) }
}

#[test]
fn packages_and_their_new_dependencies_come_to_the_build() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1.0"), deb("b", "1.0"), deb("own", "3")]);
    world.publish(&[
        deb("a", "1.1").with("Depends: c (>= 2)").script("postinst", "sleep 1; touch /tmp/ran"),
        deb("b", "1.0"),
        deb("c", "2:2.0"),
        deb("d", "1"),
    ]);
    world.serve();
    world.job.sources[0].releases[0].in_release_sha256 = Some(world.in_release_sha256());
    let expect = [("a", "1.1"), ("b", "1.0"), ("c", "2:2.0")];
    world.job.expect = Some(expect.map(|(name, version)| (name.to_owned(), version.to_owned())).into());
    let before = facts(&world.host()).expect("facts");
    let changes = [change("a", Some("1.0"), Some("1.1")), change("c", None, Some("2:2.0"))];

    let Ok(Outcome::Done(Done::Checked(checked))) = world.check() else { panic!("{}", world.said()) };
    assert_eq!((checked.work, checked.changes.as_slice()), (Work::Install, changes.as_slice()));
    assert!(checked.download_bytes > 500, "{}", checked.download_bytes);
    assert_eq!(facts(&world.host()).expect("facts"), before);
    assert!(!world.said().contains("unsandboxed"), "{}", world.said());

    let patched = world.patched();
    assert_eq!(patched.changes, changes);
    assert_eq!((patched.build, patched.verified), (7, 3));
    assert_eq!(patched.download_bytes, checked.download_bytes);
    assert_eq!(world.installed(), ["a 1.1", "b 1.0", "c 2:2.0", "own 3"]);
    assert!(world.root("tmp/ran").exists());
    let percent = |body: &Body| matches!(body, Body::Phase(phase) if phase.step == "install" && phase.percent.is_some());
    assert!(world.told.0.iter().any(percent), "{:?}", world.told);
    let after = facts(&world.host()).expect("facts");
    assert_eq!((after.packages, after.packages_sha256 == patched.packages_sha256), (4, true));
    assert!(
        fs::read_to_string(world.path("ops/2/packages.before"))
            .expect("a list")
            .contains("a all 1.0 install ok installed\n")
    );
    assert!(
        fs::read_to_string(world.path("ops/2/packages.after"))
            .expect("a list")
            .contains("c all 2:2.0 install ok installed\n")
    );
    let left = fs::read_dir(world.root("var/cache/smith-agent/archives")).expect("a folder").flatten();
    assert!(!left.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "deb")));

    world.is_already_so();
    let Ok(Outcome::AlreadySo(Done::Checked(checked))) = world.check() else { panic!("{}", world.said()) };
    assert_eq!(checked.work, Work::Nothing);
}

#[test]
fn a_changed_configuration_file_is_kept_or_replaced_and_told() {
    for (rule, text, told) in [
        (
            Conffiles::Keep,
            "mine",
            "/etc/a.conf: the machine's was kept, the package's is /etc/a.conf.dpkg-dist",
        ),
        (
            Conffiles::Replace,
            "new",
            "/etc/a.conf: the package's was taken, the machine's is /etc/a.conf.dpkg-old",
        ),
    ] {
        let Some(mut world) = world() else { return };
        world.install(&[deb("a", "1").file("etc/a.conf", "old").file("etc/b.conf", "old")]);
        fs::write(world.root("etc/a.conf"), "mine").expect("written");
        world.publish(&[deb("a", "2").file("etc/a.conf", "new").file("etc/b.conf", "new")]);
        world.job.conffiles = rule;
        assert_eq!(world.patched().conffiles, [told]);
        assert_eq!(fs::read_to_string(world.root("etc/a.conf")).expect("a file"), text);
        assert_eq!(fs::read_to_string(world.root("etc/b.conf")).expect("a file"), "new");
    }
}

#[test]
fn a_hold_is_refused_or_left_as_the_job_says() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("b", "1"), deb("c", "1")]);
    fs::write(world.root("tmp/selections"), "a hold\n").expect("written");
    let selections = fs::File::open(world.root("tmp/selections")).expect("a file");
    let status = world.dpkg_command().arg("--set-selections").stdin(selections).status().expect("dpkg");
    assert!(status.success());
    world.publish(&[deb("a", "2"), deb("b", "2").with("Depends: a (>= 2)"), deb("c", "2")]);
    let failure = world.fails(Cause::HeldPackage);
    assert!(
        failure.message.starts_with("expected no hold against build 7, found a 1 (the build has 2)"),
        "{}",
        failure.message
    );
    assert_eq!(world.installed(), ["a 1", "b 1", "c 1"]);

    world.job.holds = Holds::Leave;
    let patched = world.patched();
    assert_eq!(world.installed(), ["a 1", "b 1", "c 2"]);
    let held: Vec<_> = patched.held.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(held, ["a", "b"], "b is kept back by a");
    assert_eq!(facts(&world.host()).expect("facts").holds, ["a"]);
    world.is_already_so();
}

#[test]
fn what_is_newer_than_the_build_is_refused_left_or_taken_back() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "3"), deb("b", "1")]);
    world.publish(&[deb("a", "2"), deb("b", "2")]);
    let failure = world.fails(Cause::Mismatch);
    assert_eq!(failure.message, "expected nothing newer than build 7, found a 3 (the build has 2)");
    world.job.downgrades = Downgrades::Leave;
    let patched = world.patched();
    assert_eq!((patched.newer.len(), patched.newer[0].build.as_str()), (1, "2"));
    assert_eq!(world.installed(), ["a 3", "b 2"]);
    world.job.downgrades = Downgrades::Take;
    assert!(world.patched().newer.is_empty());
    assert_eq!(world.installed(), ["a 2", "b 2"]);
    world.is_already_so();
}

#[test]
fn a_removal_is_refused_unless_it_is_named() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1"), deb("old", "1").with("Depends: a (<< 2)")]);
    world.publish(&[
        deb("a", "2").with("Breaks: old").with("Replaces: old").with("Conflicts: old"),
        deb("b", "1"),
    ]);
    let failed = world.patch();
    // apt may keep `a` back in place of removing `old`, which is no way to the build either.
    let Err(failure) = failed else { panic!("{failed:?}") };
    assert!(matches!(failure.cause, Cause::RemovalRefused), "{failure:?}");
    assert_eq!(failure.message, "expected no removal that is not allowed, found old");
    assert_eq!(world.installed(), ["a 1", "old 1"]);
    world.job.removals = Removals::Named(vec!["old".to_owned()]);
    assert_eq!(world.patched().changes, [change("a", Some("1"), Some("2")), change("old", Some("1"), None)]);
    assert_eq!(world.installed(), ["a 2"]);
}

#[test]
fn architectures_are_told_apart() {
    let Some(mut world) = world() else { return };
    world.dpkg(&["--add-architecture", "i386"]);
    let lib = |version: &str, of: &str| deb("lib", version).of(of).with("Multi-Arch: same");
    world.install(&[lib("1", "amd64"), lib("1", "i386")]);
    world.publish(&[lib("2", "amd64"), lib("2", "i386")]);
    let patched = world.patched();
    assert_eq!(patched.verified, 2);
    assert_eq!(world.installed(), ["lib:amd64 2", "lib:i386 2"]);
    let of: Vec<_> = patched.changes.iter().map(|one| one.architecture.as_str()).collect();
    assert_eq!(of, ["amd64", "i386"]);
}

#[test]
fn old_kernels_go_and_the_running_and_the_newest_stay() {
    let Some(mut world) = world() else { return };
    let kernel = |release: &str| deb(&format!("linux-image-{release}-amd64"), "1");
    let meta = |version: &str, release: &str| {
        deb("linux-image-amd64", version).with(&format!("Depends: linux-image-{release}-amd64"))
    };
    world.install(&[kernel("6.1.0-8"), kernel("6.1.0-9"), kernel("6.1.0-10"), meta("1", "6.1.0-10")]);
    world.install(&[deb("linux-headers-6.1.0-8-amd64", "1")]);
    world.running("6.1.0-9-amd64");
    world.publish(&[kernel("6.1.0-11"), meta("2", "6.1.0-11")]);
    let patched = world.patched();
    assert_eq!(patched.kernels_purged, ["6.1.0-8-amd64", "6.1.0-10-amd64"]);
    assert_eq!(patched.reboot, ["kernel 6.1.0-11-amd64 is installed, 6.1.0-9-amd64 runs"]);
    let expected = ["linux-image-6.1.0-11-amd64 1", "linux-image-6.1.0-9-amd64 1", "linux-image-amd64 2"];
    assert_eq!(world.installed(), expected);
    let Ok(Outcome::Done(Done::Checked(checked))) = world.check() else { panic!("{}", world.said()) };
    assert_eq!(checked.work, Work::RebootOnly);
}

#[test]
fn old_kernels_go_first_where_there_is_no_room_for_a_new_one() {
    let Some(mut world) = world() else { return };
    let kernel = |release: &str| {
        deb(&format!("linux-image-{release}-amd64"), "1").file(&format!("boot/vmlinuz-{release}-amd64"), "x")
    };
    let meta = |version: &str, release: &str| {
        deb("linux-image-amd64", version).with(&format!("Depends: linux-image-{release}-amd64"))
    };
    world.install(&[kernel("6.1.0-8"), kernel("6.1.0-9"), meta("1", "6.1.0-9")]);
    world.running("6.1.0-9-amd64");
    world.publish(&[kernel("6.1.0-11"), meta("2", "6.1.0-11")]);
    // Larger than any disk, and without a byte on this one.
    let grow = |world: &World, release: &str| {
        let path = world.root(&format!("boot/vmlinuz-{release}-amd64"));
        fs::File::options().write(true).open(path).expect("a file").set_len(8 << 40).expect("a sparse file");
    };
    grow(&world, "6.1.0-9");
    assert!(world.fails(Cause::DiskFull).message.contains("MiB free on /"));
    assert_eq!(world.installed().len(), 3);
    grow(&world, "6.1.0-8");
    let Ok(Outcome::Done(Done::Checked(checked))) = world.check() else { panic!("{}", world.said()) };
    assert_eq!(checked.work, Work::Install);
    assert_eq!(world.patched().kernels_purged, ["6.1.0-8-amd64"]);
    let said = world.said();
    assert!(
        said.find("Removing linux-image-6.1.0-8") < said.find("Unpacking linux-image-6.1.0-11"),
        "{said}"
    );
}

#[test]
fn a_kernel_that_something_else_needs_is_left_and_told() {
    let Some(mut world) = world() else { return };
    let kernel = |release: &str| deb(&format!("linux-image-{release}-amd64"), "1");
    world.install(&[
        kernel("6.1.0-8"),
        kernel("6.1.0-9"),
        deb("driver", "1").with("Depends: linux-image-6.1.0-8-amd64"),
    ]);
    world.running("6.1.0-9-amd64");
    world.publish(&[deb("driver", "1").with("Depends: linux-image-6.1.0-8-amd64")]);
    let Ok(Outcome::AlreadySo(Done::Patched(patched))) = world.patch() else { panic!("{}", world.said()) };
    assert_eq!(
        patched.kernels_left,
        ["6.1.0-8-amd64: expected that only old kernels go, found that driver would, too"]
    );
}
