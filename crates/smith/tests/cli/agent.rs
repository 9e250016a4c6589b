//! What `smith agent run` refuses before any machine hears of it, and machines of which nobody knows how they are reached.

use std::fs;
use std::net::TcpListener;

use super::run::{Ran, smith_with};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// Two machines, of which one has no recorded key.
fn run(folder: &tempfile::TempDir, args: &[&str]) -> Ran {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machines = format!(
        "machines:\n  - {{name: one, address: 127.0.0.1, ssh-port: \"{port}\", host-key: \"{KEY}\"}}\n  \
         - {{name: two, address: 127.0.0.1}}\n"
    );
    fs::write(folder.path().join("a.yaml"), machines).unwrap();
    let sources = "sources:\n  - {name: a, file: a.yaml, labels: all}\n";
    fs::write(folder.path().join("sources.yaml"), sources).unwrap();
    let inventory = folder.path().join("sources.yaml");
    let more = [
        ("SMITH_INVENTORY", inventory.to_str().unwrap()),
        ("SSH_AUTH_SOCK", "/nonexistent"),
        ("SMITH_STORE", "/nonexistent"),
    ];
    smith_with(&[&["agent", "run"], args].concat(), &more)
}

#[test]
fn what_no_machine_may_be_asked_for_is_refused_here() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = folder.path().join("site.gpg");
    fs::write(&keyring, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n").unwrap();
    let keyring = keyring.to_str().unwrap();
    let repository = |uri| ["one", "check", "--suite", "s", "--keyring", keyring, "--uri", uri];
    let from = ["one", "check", "--build", "1", "--from", "mirror"];
    for (args, code, words) in [
        (
            &["one", "facts", "--build", "1"][..],
            2,
            "expected --build with check and patch alone, found it with facts",
        ),
        (&["one", "health", "--to", "a"], 2, "expected --to with attach alone"),
        (&["one", "attach"], 2, "expected --to NAME with attach, found none"),
        (&["one", "drain", "--dead-man", "60"], 2, "expected --dead-man with patch and reboot alone"),
        (&from, 2, "expected an address that begins with http://"),
        (&repository("http://u:secret@mirror/debian"), 2, "expected an address without a name or password"),
        // That a store is exported is no contradiction to a repository.
        (&repository("http://mirror/debian"), 3, "found an armored one"),
    ] {
        let ran = run(&folder, args);
        assert!(ran.code == code && ran.err.contains(words), "{args:?}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("secret"), "{}", ran.err);
    }
}

#[test]
fn a_machine_without_a_key_keeps_no_other_from_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&folder, &["/one|two/", "facts", "--limit", "1"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("unreachable: one "), "{}", ran.out);
    assert!(ran.out.contains("not asked: two expected the host key of two"), "{}", ran.out);
    assert!(ran.out.ends_with("2 machines: 1 unreachable, 1 not asked\n"), "{}", ran.out);
    // Where nobody is left to be asked, it is an error.
    assert_eq!(run(&folder, &["two", "facts"]).code, 5);
}
