//! `smith build fsck`, and the codes of what a store and its sources can be.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::run::{good, json, smith};

/// A store with a key and nothing else.
fn store() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store").display().to_string();
    good(&["build", "key", "new", "--store", &store, "--user-id", "A <a@b>"]);
    (folder, store)
}

#[test]
fn a_store_is_clean_or_it_is_said_what_is_wrong() {
    let (_folder, store) = store();
    assert_eq!(good(&["build", "fsck", "--store", &store]), "good: clean: 0 builds, 0 objects\n");
    assert_eq!(json(&["build", "fsck", "--store", &store, "--json"])["clean"], true);

    let root = Path::new(&store);
    fs::write(root.join("builds/.tmp-index.json-4194999-1"), "[1").unwrap();
    let left = good(&["build", "fsck", "--store", &store, "--deep"]);
    let expected = "left: 1 temporary files of runs that have ended, 2 bytes: the next create, purge or recover clears it \
                    up\n  builds/.tmp-index.json-4194999-1\ngood: nothing is damaged: 0 builds, 0 objects\n";
    assert_eq!(left, expected);

    symlink("../views/prod-7", root.join("channels/prod")).unwrap();
    fs::set_permissions(root.join("keys"), fs::Permissions::from_mode(0o755)).unwrap();
    let ran = smith(&["build", "fsck", "--store", &store, "--mend"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(
        ran.out.starts_with(
            "bad: views/prod-7/view.json: expected the words about what the channel serves, found"
        ),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("mended: 1 cleared, 0 taken in, 0 orphans taken away, 1 protected"),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("bad: 1 place: 0 builds, 0 objects\n"), "{}", ran.out);
    let mode = fs::metadata(root.join("keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    fs::remove_file(root.join("channels/prod")).unwrap();
    fs::create_dir(root.join("builds/7")).unwrap();
    fs::write(root.join("builds/7/build.json"), "x").unwrap();
    let ran = smith(&["build", "fsck", "--store", &store]);
    let untold = "untold: foreign files and orphans could not be told: builds/7 cannot be read\n";
    assert!(ran.code == 1 && ran.out.contains(untold), "{}", ran.out);
    let ran = smith(&["mirror", "verify", "--store", &store]);
    let untold = "untold: foreign files could not be told: builds/7 cannot be read\n";
    assert!(ran.code == 1 && ran.out.contains(untold), "{}", ran.out);
    fs::remove_dir_all(root.join("builds/7")).unwrap();
    assert_eq!(good(&["build", "fsck", "--store", &store]), "good: clean: 0 builds, 0 objects\n");
}

#[test]
fn a_key_that_others_may_read_is_named_and_keeps_nothing_from_being_looked_at() {
    let (_folder, store) = store();
    let root = Path::new(&store);
    let key = fs::read_dir(root.join("keys")).unwrap().next().unwrap().unwrap().path();
    let name = key.strip_prefix(root).unwrap().display().to_string();
    let mode = || fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(root.join("pool/stranger"), "x").unwrap();
    let ran = smith(&["build", "fsck", "--store", &store]);
    let said = format!("bad: {name}: expected nobody else to have access, found mode 0644\n");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(ran.out.contains(&said) && ran.out.contains("bad: pool/stranger: "), "{}", ran.out);
    assert_eq!(mode(), 0o644);
    fs::remove_file(root.join("pool/stranger")).unwrap();
    let mended = good(&["build", "fsck", "--store", &store, "--mend"]);
    assert!(mended.contains("1 protected"), "{mended}");
    assert_eq!(mode(), 0o600);
    assert_eq!(json(&["build", "fsck", "--store", &store, "--json"])["signatures_checked"], true);

    // The same with one that is no key any more.
    fs::write(&key, "no key").unwrap();
    let ran = smith(&["build", "fsck", "--store", &store, "--mend"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(ran.out.contains("bad: keys: expected keys that can be read, found "), "{}", ran.out);
}

#[test]
fn an_error_about_what_is_fetched_has_a_code() {
    let (folder, store) = store();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("debs")).unwrap();
    fs::write(path("debs/a.deb"), "no package").unwrap();
    fs::write(path("recipe.yaml"), "local:\n  - {local: site, folder: debs, suite: stable}\n").unwrap();
    let recipe = path("recipe.yaml").display().to_string();
    let ran = smith(&["build", "create", &recipe, "--store", &store]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    let first = ran.err.lines().next().unwrap();
    assert!(first.starts_with("error: ") && first.ends_with(" cannot be published [S0370]"), "{}", ran.err);
    assert!(ran.err.contains("\n  because: at byte 8: expected an ar archive"), "{}", ran.err);
    assert_eq!(good(&["build", "fsck", "--store", &store]), "good: clean: 0 builds, 0 objects\n");
}
