//! What is not there, or is not what its name says: disks, builds and folders.

use std::fs;

use super::mirror::Site;

#[test]
fn a_folder_that_is_pulled_from_may_be_relative() {
    let Some(site) = Site::new() else { return };
    let root = super::run::root().canonicalize().unwrap();
    let up = "../".repeat(root.components().count() - 1);
    let from = format!("{up}{}", site.text("site").trim_start_matches('/'));
    let (keys, copy) = (site.text("keys.asc"), site.text("copy"));
    site.good(&["build", "key", "export", &keys]);
    let pull = |verb: &str| {
        let args = ["mirror", verb, "2", "--from", &from, "--keyring", &keys, "--store", &copy];
        site.good(&args)
    };
    assert!(pull("sync").contains("build=2 result=came"));
    assert!(site.path("copy/builds/2/build.json").exists());
    fs::remove_dir_all(site.path("copy")).unwrap();
    assert!(pull("recover").contains("Brought build 2"));
    let args = ["mirror", "sync", "2", "--from", "nowhere", "--keyring", &keys, "--store", &copy];
    let ran = site.run(&[&args[..], &["--dry-run"]].concat());
    assert!(!ran.err.contains("begins with http"), "{}", ran.err);
}
