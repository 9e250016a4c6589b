//! What is not there, or is not what its name says: disks, builds and folders.

use std::fs;

use super::mirror::Site;

#[test]
fn a_disk_that_is_not_mounted_is_not_filled_though_no_sync_ended_well() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    let there = site.path("mirrors/fra-01");
    // The first sync ends badly: its builds are not those that are believed.
    let (other, keys) = (site.text("other"), site.text("other.asc"));
    site.good(&["build", "key", "new", "--user-id", "Other <a@other>", "--store", &other]);
    site.good(&["build", "key", "export", &keys, "--store", &other]);
    assert_eq!(site.run(&["mirror", "sync", "fra-01", "--keyring", &keys]).code, 1);
    fs::rename(&there, site.path("mirrors/disk")).unwrap();
    fs::create_dir(&there).unwrap();
    let ran = site.run(&["mirror", "sync", "fra-01"]);
    assert!(ran.code == 1 && ran.err.contains("is it mounted?"), "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    // Mounted again it goes on.
    fs::remove_dir(&there).unwrap();
    fs::rename(site.path("mirrors/disk"), &there).unwrap();
    site.good(&["mirror", "sync", "fra-01"]);
}

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

#[test]
fn an_archived_build_says_how_it_comes_back() {
    let Some(site) = Site::new() else { return };
    site.good(&["build", "archive", "1"]);
    let asked: [&[&str]; 6] = [
        &["build", "show", "1"],
        &["build", "packages", "1"],
        &["build", "diff", "1", "2"],
        &["build", "diff", "2", "1"],
        &["channel", "set", "prod", "1", "--reason", "a trial"],
        &["mirror", "verify", "1"],
    ];
    for args in asked {
        let ran = site.run(args);
        assert_eq!(ran.code, 5, "{args:?}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("build 1 is archived; `smith build restore 1` brings it back"),
            "{args:?}: {}",
            ran.err
        );
    }
    site.good(&["build", "restore", "1"]);
    site.good(&["build", "show", "1"]);
}

#[test]
fn one_damaged_build_hides_no_other() {
    let Some(site) = Site::new() else { return };
    site.package("beta", "3.0", "");
    site.build();
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    let words = site.path("site/builds/2/build.json");
    let mut bytes = fs::read(&words).unwrap();
    bytes.insert(1, b'\0');
    fs::remove_file(&words).unwrap();
    fs::write(&words, bytes).unwrap();
    let list = site.run(&["build", "list"]);
    assert_eq!(list.code, 1, "{}", list.err);
    let states: Vec<&str> =
        list.out.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(states, ["ready", "damaged", "ready"], "{}", list.out);
    assert!(list.err.contains("bad: build 2: ") && list.err.contains("smith mirror recover"), "{}", list.err);
    let json: serde_json::Value = serde_json::from_str(&site.run(&["build", "list", "--json"]).out).unwrap();
    assert_eq!((json[1]["state"].as_str(), json[0]["packages"].as_u64()), (Some("damaged"), Some(2)));
    assert!(json[1]["damage"].as_str().unwrap().contains("builds/2/build.json"), "{json}");
    let purge = site.run(&["build", "purge", "1", "--dry-run"]);
    assert_eq!(purge.code, 3);
    assert!(
        purge.err.contains("builds/2/build.json") && purge.err.contains("smith mirror recover"),
        "{}",
        purge.err
    );
    // What it says mends it.
    let (keys, from) = (site.text("keys.asc"), site.text("mirrors/fra-01"));
    site.good(&["build", "key", "export", &keys]);
    site.good(&["mirror", "recover", "--from", &from, "--keyring", &keys]);
    site.good(&["build", "list"]);
    site.good(&["build", "purge", "1", "--dry-run"]);
}

#[test]
fn what_is_no_build_stands_in_nobodys_way() {
    let Some(site) = Site::new() else { return };
    site.package("beta", "3.0", "");
    site.build();
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    let junk = site.path("mirrors/fra-01/builds/99");
    fs::create_dir(&junk).unwrap();
    let status = site.good(&["mirror", "status"]);
    assert!(!status.contains("99"), "{status}");
    assert_eq!(site.tried(&["mirror", "purge", "fra-01", "1"]).code, 0);
    site.good(&["build", "purge", "1"]);
    assert!(site.good(&["mirror", "purge", "--all"]).contains("fra-01: build 1"));
    let none = site.run(&["mirror", "purge", "fra-01", "99"]);
    assert!(none.code == 5 && none.err.contains("found 99"), "{}", none.err);
    let verify = site.run(&["mirror", "verify", "fra-01"]);
    assert!(verify.code == 1 && verify.out.contains("foreign  builds/99"), "{}", verify.out);
    let would = site.tried(&["mirror", "recover", "fra-01"]).out;
    assert!(would.contains("Would put away into the trash: builds/99."), "{would}");
    let did = site.good(&["mirror", "recover", "fra-01"]);
    assert!(
        did.contains(": builds/99.") && did.contains("1 file put away") && would.contains("1 file put away"),
        "{did}"
    );
    assert!(!junk.exists());
    site.good(&["mirror", "verify", "fra-01"]);
}
