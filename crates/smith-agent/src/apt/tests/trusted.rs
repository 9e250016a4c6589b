//! Keys that a machine does not let builds be signed with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use smith_agent::protocol::Cause;

use super::fixture::{World, deb, run, world};

/// Writes the file, as root alone can.
fn trust(world: &World, text: &str) {
    fs::create_dir_all(world.root("etc/smith")).unwrap();
    fs::write(world.root("etc/smith/trusted-keys"), text).unwrap();
    fs::set_permissions(world.root("etc/smith/trusted-keys"), fs::Permissions::from_mode(0o644)).unwrap();
}

/// What gpg itself says of the keys in a folder, subkeys too.
fn fingerprints(world: &World, home: &str) -> Vec<String> {
    let said = run(Command::new("gpg").arg("--homedir").arg(world.path(home)).args([
        "--batch",
        "--with-colons",
        "--with-subkey-fingerprint",
        "--list-keys",
    ]));
    let lines = said.lines().filter_map(|line| line.strip_prefix("fpr:"));
    lines.map(|line| line.trim_matches(':').to_owned()).collect()
}

#[test]
fn only_keys_that_the_machine_trusts_are_believed() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    let [own] = fingerprints(&world, "gpg").try_into().unwrap();
    let _ = world.key("gpg-other");
    let [other] = fingerprints(&world, "gpg-other").try_into().unwrap();

    trust(&world, &format!("# ours\n{other}\n"));
    let refused = format!("expected no other build keys than /etc/smith/trusted-keys names, found {own}");
    assert_eq!(world.fails(Cause::BadSignature).message, refused);
    assert_eq!(world.check().unwrap_err().message, refused);
    // A file that names nobody trusts nobody.
    trust(&world, "");
    assert_eq!(world.fails(Cause::BadSignature).message, refused);
    assert_eq!(world.installed(), ["a 1"]);

    trust(&world, &format!("{other}  # theirs\n{}\n", own.to_lowercase()));
    world.patched();
    assert_eq!(world.installed(), ["a 2"]);
}

#[test]
fn a_subkey_is_a_key_of_its_own() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    let [key] = fingerprints(&world, "gpg").try_into().unwrap();
    let gpg = |args: &[&str]| {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(world.path("gpg"));
        gpg.args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]).args(args);
        gpg
    };
    run(&mut gpg(&["--quick-add-key", &key, "rsa2048", "sign", "never"]));
    let public = gpg(&["--export"]).output().unwrap().stdout;
    let [_, subkey] = fingerprints(&world, "gpg").try_into().unwrap();
    world.job.keyring = crate::apt::base64::tests::encode(&public);
    world.publish(&[deb("a", "2")]);
    trust(&world, &key);
    assert!(world.fails(Cause::BadSignature).message.ends_with(&format!("found {subkey}")));
    trust(&world, &format!("{key}\n{subkey}\n"));
    world.patched();
}

#[test]
fn a_file_of_keys_that_cannot_be_believed_is_no_permission() {
    let Some(mut world) = world() else { return };
    world.install(&[deb("a", "1")]);
    world.publish(&[deb("a", "2")]);
    trust(&world, "any\n");
    let message = world.fails(Cause::BadSignature).message;
    assert!(
        message.starts_with("/etc/smith/trusted-keys cannot be understood: expected a fingerprint"),
        "{message}"
    );
    let [own] = fingerprints(&world, "gpg").try_into().unwrap();
    trust(&world, &own);
    fs::set_permissions(world.root("etc/smith/trusted-keys"), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(
        world.fails(Cause::BadSignature).message,
        "expected /etc/smith/trusted-keys to be root's alone, found it writable by others (mode 0666)"
    );
    fs::remove_file(world.root("etc/smith/trusted-keys")).unwrap();
    std::os::unix::fs::symlink("/dev/null", world.root("etc/smith/trusted-keys")).unwrap();
    world.fails(Cause::BadSignature);
    assert_eq!(world.installed(), ["a 1"]);
}
