//! Patches that are not begun, and what is said of them.

use std::process::{Child, Command, Stdio};
use std::{fs, io::Read as _};

use smith_agent::protocol::Cause;

use super::fixture::{World, deb, world};

fn one_behind() -> Option<World> {
    let world = world()?;
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    Some(world)
}

#[test]
fn another_build_than_the_jobs_is_a_mismatch() {
    let Some(mut world) = one_behind() else { return };
    let expected = "0".repeat(64);
    world.job.sources[0].releases[0].in_release_sha256 = Some(expected.clone());
    let failure = world.fails(Cause::Mismatch);
    let found = world.in_release_sha256();
    assert!(
        failure.message.ends_with(&format!("expected the InRelease {expected}, found {found}")),
        "{}",
        failure.message
    );
    world.job.sources[0].releases[0].in_release_sha256 = Some(found.to_uppercase());
    world.patched();
}

#[test]
fn lists_that_are_there_are_fetched_again_only_if_they_are_not_the_builds() {
    let Some(mut world) = one_behind() else { return };
    world.job.sources[0].releases[0].in_release_sha256 = Some(world.in_release_sha256());
    world.check().expect("checked");
    let updates = |world: &World| world.said().contains("stable InRelease");
    let lists = world.root("var/cache/smith-agent/lists");
    let list = |end: &str| {
        let found = fs::read_dir(&lists)
            .expect("a folder")
            .flatten()
            .find(|one| one.path().to_string_lossy().ends_with(end));
        found.expect("a list").path()
    };
    // Whoever writes into a list does not change what is believed.
    let packages = list("_Packages");
    let text = fs::read_to_string(&packages).expect("a list");
    fs::remove_file(&packages).expect("gone");
    fs::write(&packages, text.replace("Version: 2", "Version: 9")).expect("written");
    world.job.expect = Some([("a".to_owned(), "1".to_owned())].into());
    world.fails(Cause::Mismatch);
    assert!(updates(&world));
    // Nor does another keyring take over what the first one believed.
    let keyring = std::mem::replace(&mut world.job.keyring, "mQ==".to_owned());
    world.fails(Cause::BadSignature);
    world.job.keyring = keyring;
    world.fails(Cause::Mismatch);
    assert!(updates(&world), "a failed fetch leaves nothing to be believed");
    world.fails(Cause::Mismatch);
    assert!(!updates(&world), "{}", world.said());
    world.job.expect = None;
    world.patched();
    assert!(!updates(&world), "{}", world.said());
}

#[test]
fn only_the_jobs_key_is_believed() {
    let Some(mut world) = one_behind() else { return };
    world.key("other");
    world.publish_signed(&[deb("a", "2")], "other", "");
    assert!(world.fails(Cause::BadSignature).message.contains("NO_PUBKEY"));
    fs::remove_file(world.path("repo/dists/stable/InRelease")).expect("gone");
    assert!(world.fails(Cause::BadSignature).message.contains("is not signed"));
    world.publish(&[deb("a", "2")]);
    let path = world.path("repo/dists/stable/InRelease");
    let text = fs::read_to_string(&path).expect("a file").replace("Suite: stable", "Suite: staple");
    fs::write(path, text).expect("written");
    assert!(world.fails(Cause::BadSignature).message.contains("BADSIG"));
    assert_eq!(world.installed(), ["a 1"]);
}

#[test]
fn a_mirror_that_is_not_there_is_named_so() {
    let Some(mut world) = one_behind() else { return };
    let file = world.job.sources[0].uri.clone();
    // The port was ours a moment ago, and nobody listens.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    world.job.sources[0].uri = format!("http://127.0.0.1:{port}/repo");
    assert!(world.fails(Cause::MirrorUnreachable).message.contains("127.0.0.1"));
    world.serve();
    world.job.sources[0].uri += "/nothing";
    world.fails(Cause::MirrorUnreachable);
    world.job.sources[0].uri = file;
    fs::remove_file(world.path("repo/pool/a_2_all.deb")).expect("gone");
    world.serve();
    assert!(world.fails(Cause::MirrorUnreachable).message.contains("a_2_all.deb"));
    fs::write(world.path("repo/pool/a_2_all.deb"), "other").expect("written");
    world.fails(Cause::Mismatch);
    assert_eq!(world.installed(), ["a 1"]);
}

#[test]
fn an_expired_or_half_written_index_is_a_mismatch() {
    let Some(mut world) = one_behind() else { return };
    world.publish_signed(&[deb("a", "2")], "gpg", "Valid-Until: Sun, 02 Nov 2025 00:00:00 UTC\n");
    assert!(world.fails(Cause::Mismatch).message.contains("is expired"));
    world.publish(&[deb("a", "2")]);
    let path = world.path("repo/dists/stable/main/binary-amd64/Packages");
    let text = fs::read_to_string(&path).expect("a file").replace("Version: 2", "Version: 3");
    fs::write(path, text).expect("written");
    world.serve();
    world.fails(Cause::Mismatch);
}

#[test]
fn another_end_than_expected_is_a_mismatch() {
    let Some(mut world) = one_behind() else { return };
    let mut expecting = |pairs: &[(&str, &str)]| {
        world.job.expect =
            Some(pairs.iter().map(|(name, to)| ((*name).to_owned(), (*to).to_owned())).collect());
        world.fails(Cause::Mismatch).message
    };
    let begin = "expected a patch to the versions of the job, found ";
    assert_eq!(expecting(&[("a", "3")]), format!("{begin}a 2 instead of 3"));
    assert_eq!(expecting(&[("a", "2"), ("b", "1")]), format!("{begin}b nothing instead of 1"));
    assert_eq!(expecting(&[]), format!("{begin}a 2, which nobody expects"));
    assert_eq!(world.installed(), ["a 1"]);
}

#[test]
fn a_build_that_knows_nothing_of_the_machine_is_not_its_build() {
    let Some(mut world) = one_behind() else { return };
    world.publish(&[deb("other", "1")]);
    let found = "expected build 7 to have packages of this amd64 machine, found none of its 1";
    assert_eq!(world.fails(Cause::Mismatch).message, found);
}

#[test]
fn what_does_not_fit_is_not_downloaded() {
    let Some(mut world) = one_behind() else { return };
    world.publish(&[deb("a", "2").with("Installed-Size: 99999999999")]);
    let failure = world.fails(Cause::DiskFull);
    assert!(
        failure.message.starts_with("expected ") && failure.message.contains(" MiB free on /, found "),
        "{}",
        failure.message
    );
    assert_eq!(world.installed(), ["a 1"]);
}

/// A program that holds a lock until it is told to end.
fn holder(world: &World, lock: &str) -> Option<Child> {
    let script = "use Fcntl qw(:flock F_SETLK F_WRLCK); open(my $f, '+<', $ARGV[0]) or die; \
        my $lock = pack('s s x![q] q q i x![q]', F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die; \
        $| = 1; print 'x'; <STDIN>";
    let mut command = Command::new("perl");
    command.args(["-e", script]).arg(world.root(lock));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut byte = [0];
    child.stdout.as_mut()?.read_exact(&mut byte).ok().map(|()| child)
}

#[test]
fn whoever_holds_the_lock_is_named_and_waited_for() {
    let Some(mut world) = one_behind() else { return };
    let Some(mut child) = holder(&world, "var/lib/dpkg/lock-frontend") else {
        println!("skipped: perl is not on this machine");
        return;
    };
    let failure = world.fails(Cause::Busy);
    let named = format!("found it held by perl (process {})", child.id());
    assert!(failure.message.contains(&named), "{}", failure.message);
    assert_eq!(world.installed(), ["a 1"]);
    // It ends while it is waited for.
    let stdin = child.stdin.take();
    let ender = std::thread::spawn(move || {
        drop(stdin);
        child.wait()
    });
    world.patched();
    assert!(ender.join().expect("a thread").expect("an end").success());
}

#[test]
fn an_apt_that_a_killed_agent_left_behind_is_waited_for() {
    let Some(mut world) = one_behind() else { return };
    world.check().expect("checked");
    let Some(mut child) = holder(&world, "var/cache/smith-agent/lists/lock") else {
        println!("skipped: perl is not on this machine");
        return;
    };
    let failure = world.fails(Cause::Busy);
    assert!(failure.message.contains(&format!("perl (process {})", child.id())), "{}", failure.message);
    drop(child.stdin.take());
    child.wait().expect("ended");
    world.patched();
}
