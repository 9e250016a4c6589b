//! Hooks in a folder of the test's own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use smith_agent::protocol::{Cause, Done, Failure, Outcome};

use super::run::all;
use super::{Folder, Listed, Owner, list};
use crate::op::{Context, Host, Told};

/// The tests own what they make, whoever runs them.
fn me() -> Owner {
    Owner(rustix::process::getuid().as_raw())
}

fn root(folder: Folder) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("etc/smith").join(folder.word());
    fs::create_dir_all(&path).unwrap();
    for path in [path.parent().unwrap(), &path] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

fn put(root: &Path, folder: Folder, name: &str, script: &str, mode: u32) {
    let (path, script) =
        (root.join("etc/smith").join(folder.word()).join(name), format!("#!/bin/sh\n{script}\n"));
    // Another process writes it: one that a test beside this one starts could hold it open for writing, and then it
    // could not be run.
    let write = r#"printf %s "$1" > "$2" && chmod "$3" "$2""#;
    let mut sh = Command::new("sh");
    sh.args(["-c", write, "sh", &script]).arg(&path).arg(format!("{mode:o}"));
    assert!(sh.status().unwrap().success());
}

fn ran(root: &Path, folder: Folder) -> (Result<Outcome, Failure>, Vec<String>) {
    let (host, mut told) = (Host::at(root), Told(Vec::new()));
    let ops = root.join("op-1");
    let mut ctx = Context::new(&host, &ops, &mut told, Duration::from_secs(60));
    let done = if folder == Folder::Drain { Done::Drained } else { Done::Undrained };
    let result = all(&mut ctx, folder, done);
    (result, told.0)
}

#[test]
fn without_hooks_it_is_already_so() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(ran(root.path(), Folder::Drain).0, Ok(Outcome::AlreadySo(Done::Drained)));
    assert_eq!(ran(root.path(), Folder::Undrain).0, Ok(Outcome::AlreadySo(Done::Undrained)));
}

#[test]
fn hooks_run_in_the_order_of_their_names_and_know_what_for() {
    let root = root(Folder::Drain);
    let out = root.path().join("out");
    for name in ["20-b", "10-a", "9_z"] {
        let script = format!("echo {name} $SMITH_ACTION $SMITH_OPERATION >> {}", out.display());
        put(root.path(), Folder::Drain, name, &script, 0o755);
    }
    // What an editor and dpkg leave behind is no hook, and one without the permission is off.
    for (name, mode) in [("10-a~", 0o755), ("10-a.dpkg-old", 0o755), ("README", 0o644)] {
        put(root.path(), Folder::Drain, name, "exit 9", mode);
    }
    let (result, told) = ran(root.path(), Folder::Drain);
    assert_eq!(result, Ok(Outcome::Done(Done::Drained)));
    assert_eq!(fs::read_to_string(&out).unwrap(), "10-a drain op-1\n20-b drain op-1\n9_z drain op-1\n");
    assert_eq!(told, ["drain.d/README cannot be executed and is passed over"]);
}

#[test]
fn the_first_that_refuses_a_drain_ends_it() {
    let root = root(Folder::Drain);
    put(root.path(), Folder::Drain, "a", "echo still 3 calls; exit 3", 0o755);
    put(root.path(), Folder::Drain, "b", "touch \"$0.ran\"", 0o755);
    let failure = ran(root.path(), Folder::Drain).0.unwrap_err();
    assert_eq!(failure.cause, Cause::DrainRefused);
    assert_eq!(failure.message, "expected drain.d/a to end with exit code 0, found exit code 3");
    assert_eq!(failure.tail, ["still 3 calls"]);
    assert!(!root.path().join("etc/smith/drain.d/b.ran").exists());
}

#[test]
fn a_drain_that_is_refused_half_way_gives_back_what_it_took() {
    let root = root(Folder::Drain);
    let undrain = root.path().join("etc/smith/undrain.d");
    fs::create_dir(&undrain).unwrap();
    fs::set_permissions(&undrain, fs::Permissions::from_mode(0o755)).unwrap();
    put(root.path(), Folder::Drain, "a", "exit 0", 0o755);
    put(root.path(), Folder::Drain, "b", "exit 3", 0o755);
    put(root.path(), Folder::Undrain, "a", "touch \"$0.ran\"; exit 5", 0o755);
    let (result, told) = ran(root.path(), Folder::Drain);
    assert_eq!(result.unwrap_err().message, "expected drain.d/b to end with exit code 0, found exit code 3");
    assert!(undrain.join("a.ran").exists());
    let last = "what was drained could not be given back: expected undrain.d/a to end with exit code 0, found exit code 5";
    assert_eq!(told.last().map(String::as_str), Some(last));
}

#[test]
fn an_undrain_runs_all_and_tells_the_first_failure() {
    let root = root(Folder::Undrain);
    put(root.path(), Folder::Undrain, "a", "exit 4", 0o755);
    put(root.path(), Folder::Undrain, "b", "touch \"$0.ran\"", 0o755);
    put(root.path(), Folder::Undrain, "c", "kill -9 $$", 0o755);
    let (result, told) = ran(root.path(), Folder::Undrain);
    assert_eq!(
        result.unwrap_err().message,
        "expected undrain.d/a to end with exit code 0, found exit code 4"
    );
    assert_eq!(told[1], "expected undrain.d/c to end with exit code 0, found signal 9 (SIGKILL)");
    assert!(root.path().join("etc/smith/undrain.d/b.ran").exists());
}

#[test]
fn a_hook_that_does_not_end_is_ended() {
    let root = root(Folder::Drain);
    fs::write(root.path().join("etc/smith/agent.json"), r#"{"hooks": {"drain_s": 1}}"#).unwrap();
    put(root.path(), Folder::Drain, "a", "echo waiting; exec sleep 300", 0o755);
    let failure = ran(root.path(), Folder::Drain).0.unwrap_err();
    assert_eq!(failure.message, "expected drain.d/a to end with exit code 0, found no end within 1 s");
    assert_eq!(failure.tail, ["waiting"]);
}

#[test]
fn what_another_can_write_is_not_run() {
    let root = root(Folder::Drain);
    put(root.path(), Folder::Drain, "a", "touch \"$0.ran\"", 0o755);
    put(root.path(), Folder::Drain, "b", "", 0o775);
    let failure = ran(root.path(), Folder::Drain).0.unwrap_err();
    assert_eq!(
        failure.message,
        "expected drain.d/b to be root's alone, found it writable by others (mode 0775)"
    );
    assert!(!root.path().join("etc/smith/drain.d/a.ran").exists(), "nothing is run before all are trusted");
}

#[test]
fn a_link_and_a_foreign_owner_and_an_open_folder_are_refused() {
    let root = root(Folder::Health);
    let folder = root.path().join("etc/smith/health.d");
    let host = Host::at(root.path());
    symlink("/bin/true", folder.join("link")).unwrap();
    let refused = Listed::Refused { name: "link".to_owned(), why: "no regular file".to_owned() };
    assert_eq!(list(&host, Folder::Health, me()), Ok(vec![refused]));
    let other = Owner(me().0 + 1);
    assert_eq!(
        list(&host, Folder::Health, other),
        Err(format!("expected /etc/smith to be root's alone, found it owned by user {}", me().0))
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(
        list(&host, Folder::Health, me()),
        Err("expected /etc/smith/health.d to be root's alone, found it writable by others (mode 0777)"
            .to_owned())
    );
}
