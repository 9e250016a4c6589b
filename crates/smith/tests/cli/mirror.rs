//! Mirrors of a site, with real builds of packages that are made here.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use smith_repo::channel::Order;
use smith_repo::mirror::{Bucket, Keys, S3};
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use super::bucket::{Service, service};
use super::run::{Ran, root, smith_with};

/// What asks a person before it destroys something.
const ASKING: [&[&str]; 5] = [
    &["build", "purge"],
    &["build", "archive"],
    &["build", "key", "forget"],
    &["mirror", "purge"],
    &["channel", "remove"],
];

/// A site with a key, and what its builds are made of.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

fn is_installed(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skipped(tool: &str) {
    println!("skipped: {tool} is not on this machine");
}

impl Site {
    /// With builds 1 and 2, of which the second has a newer alpha. Nothing, with a word, on a machine that is no Debian.
    pub(crate) fn new() -> Option<Self> {
        if !is_installed("dpkg-deb") {
            skipped("dpkg-deb");
            return None;
        }
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("debs")).unwrap();
        fs::create_dir(site.path("mirrors")).unwrap();
        fs::write(site.path("recipe.yaml"), "local:\n  - {local: own, folder: debs, suite: stable}\n")
            .unwrap();
        site.good(&["build", "key", "new", "--user-id", "Site <admin@site>"]);
        site.package("alpha", "1.0-1", "beta");
        site.package("beta", "2.0~rc1+x", "");
        site.build();
        site.package("alpha", "1.1", "beta");
        site.build();
        Some(site)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(super) fn build(&self) {
        self.good(&["build", "create", &self.text("recipe.yaml")]);
    }

    pub(super) fn package(&self, name: &str, version: &str, depends: &str) {
        let folder = self.path("package");
        let _ = fs::remove_dir_all(&folder);
        for old in walk(&self.path("debs")) {
            if old.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}_"))) {
                fs::remove_file(old).unwrap();
            }
        }
        fs::create_dir_all(folder.join("DEBIAN")).unwrap();
        fs::write(folder.join("content"), format!("{name} {version}")).unwrap();
        let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@b>\n{depends}Description: {name}\n"
        );
        fs::write(folder.join("DEBIAN/control"), control).unwrap();
        let out = self.path("debs").join(format!("{name}_{version}_amd64.deb"));
        let built = Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .args(["--root-owner-group", "-b"])
            .args([&folder, &out])
            .output();
        assert!(built.unwrap().status.success());
    }

    /// As somebody runs it who says yes beforehand where they are asked.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let asks = ASKING.iter().any(|asking| args.starts_with(asking));
        let yes: &[&str] = if asks { &["--yes"] } else { &[] };
        self.run_unsure(&[args, yes].concat())
    }

    /// As a timer runs it that was not told to say yes.
    pub(crate) fn run_unsure(&self, args: &[&str]) -> Ran {
        let store = self.text("site");
        let more =
            [("SMITH_STORE", store.as_str()), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        smith_with(args, &more)
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(args)).unwrap()
    }

    pub(crate) fn add(&self, name: &str, region: &str) {
        let path = self.text(&format!("mirrors/{name}"));
        self.good(&["mirror", "add", name, "--region", region, "--path", &path]);
    }

    /// Everything that lies there but for the lock, which says who held it last.
    pub(super) fn all(&self) -> BTreeMap<PathBuf, (u64, i64, i64)> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                if path.file_name().is_some_and(|name| name != "lock") {
                    all.insert(path, (metadata.len(), metadata.mtime(), metadata.mtime_nsec()));
                }
            }
        }
        all
    }

    /// Says what would be done, and proves that nothing was.
    pub(crate) fn tried(&self, args: &[&str]) -> Ran {
        let before = self.all();
        let mut args = args.to_vec();
        args.push("--dry-run");
        let ran = self.run(&args);
        assert_eq!(self.all(), before, "{args:?} changed something");
        ran
    }
}

#[test]
fn mirrors_are_added_renamed_and_forgotten() {
    let Some(site) = Site::new() else { return };
    assert_eq!(site.run(&["mirror", "sync", "--all"]).code, 5);
    let path = site.text("mirrors/fra-01");
    let add = ["mirror", "add", "fra-01", "--region", "eu", "--path", &path, "--label", "rack=7"];
    let would = site.tried(&add);
    assert_eq!((would.code, would.err.as_str()), (0, ""));
    assert!(would.out.starts_with("would add mirror fra-01 of region eu at /"), "{}", would.out);
    site.good(&add);
    let again = site.tried(&add);
    assert_eq!(again.code, 5);
    assert!(again.err.contains("there is a mirror fra-01 already"), "{}", again.err);
    for (args, code) in [
        (vec!["mirror", "add", "x", "--region", "eu"], 2),
        (vec!["mirror", "add", "725", "--region", "eu", "--path", "/x"], 5),
        (vec!["mirror", "add", "x", "--region", "eu", "--bucket", "b"], 2),
        (vec!["mirror", "remove", "x"], 5),
        (vec!["mirror", "sync", "x"], 5),
        (vec!["mirror", "sync", "--region", "mars"], 5),
        (vec!["mirror", "sync", "1"], 2),
        (vec!["mirror", "sync", "fra-01", "--from", "/x"], 2),
        (vec!["mirror", "purge", "1"], 2),
        (vec!["mirror", "recover"], 2),
        (vec!["mirror", "verify", "--dry-run"], 2),
        (vec!["mirror", "verify", "--repair"], 2),
    ] {
        assert_eq!(site.run(&args).code, code, "{args:?}");
    }
    site.good(&["mirror", "sync", "--all"]);
    let list = site.json(&["mirror", "list", "--json"]);
    assert_eq!((&list[0]["name"], &list[0]["labels"]["rack"]), (&"fra-01".into(), &"7".into()));
    assert!(site.good(&["mirror", "list"]).contains("fra-01  eu      /"));
    let rename = ["mirror", "rename", "fra-01", "fra-02"];
    let would = site.tried(&rename).out;
    assert!(would.contains("its folder would move from") && would.contains("mirrors/fra-02"), "{would}");
    site.good(&rename);
    assert!(site.path("mirrors/fra-02/builds/2").exists() && !site.path("mirrors/fra-01").exists());
    let remove = ["mirror", "remove", "fra-02"];
    let would = site.tried(&remove).out;
    assert!(would.starts_with("would forget mirror fra-02; 2 builds would stay at /"), "{would}");
    assert!(site.good(&remove).contains("mirror fra-02 is forgotten; 2 builds stay at /"));
    assert!(site.path("mirrors/fra-02/builds/2").exists());
    let log = site.json(&["mirror", "log", "--mirror", "fra-02", "--json"]);
    let actions: Vec<&str> =
        log.as_array().unwrap().iter().filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(actions, ["rename", "remove"]);
}

#[test]
fn mirrors_are_synced_side_by_side_and_status_says_how_they_stand() {
    let Some(site) = Site::new() else { return };
    assert!(site.good(&["mirror", "status"]).starts_with("no mirrors"));
    site.add("fra-01", "eu");
    site.add("ams-01", "eu");
    site.add("syd-01", "ap");
    let would = site.tried(&["mirror", "sync", "--region", "eu", "--json"]);
    let would: serde_json::Value = serde_json::from_str(&would.out).unwrap();
    let before = site.run(&["mirror", "status"]);
    assert_eq!(before.code, 1, "{}", before.out);
    let ran = site.run(&["mirror", "sync", "--region", "eu", "--json"]);
    let did: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for key in ["mirrors", "builds", "objects", "bytes", "failed"] {
        assert_eq!(would[key], did[key], "{key}");
    }
    assert_eq!((did["mirrors"].as_u64(), did["builds"].as_u64()), (Some(2), Some(4)));
    assert_eq!(
        ran.err.lines().filter(|line| line.contains("result=good state=came")).count(),
        4,
        "{}",
        ran.err
    );
    let log = fs::read_to_string(site.path("site/mirror-log")).unwrap();
    assert!(log.contains(" mirror=ams-01 build=2 action=sync result=good state=came objects="), "{log}");
    assert!(site.good(&["mirror", "sync", "fra-01"]).contains("1 mirror: 0 builds came"));
    let status = site.json(&["mirror", "status", "--region", "eu", "--json"]);
    for one in status.as_array().unwrap() {
        assert_eq!((one["lag"].as_u64(), one["builds"][1]["state"].as_str()), (Some(0), Some("good")));
        assert!(one["synced"].is_string() && one["free_bytes"].as_u64() > Some(0), "{one}");
    }
    // The third has nothing yet, and the newest build is enough for it.
    let all = site.run(&["mirror", "status"]);
    assert_eq!(all.code, 1);
    let line = all.out.lines().find(|line| line.starts_with("syd-01")).unwrap();
    assert!(line.contains("behind") && line.contains("none") && line.contains("never"), "{}", all.out);
    site.good(&["mirror", "sync", "syd-01", "--newest", "1"]);
    site.good(&["mirror", "status"]);
    assert!(site.good(&["mirror", "status", "--builds"]).contains("syd-01  1      partial"));
    // One that cannot be reached holds up no other. A disk that is not mounted leaves an empty folder.
    fs::rename(site.path("mirrors/ams-01"), site.path("mirrors/away")).unwrap();
    fs::create_dir(site.path("mirrors/ams-01")).unwrap();
    site.package("beta", "3.0", "");
    site.build();
    let ran = site.run(&["mirror", "sync", "--all"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("mirror=ams-01 action=sync result=bad why="), "{}", ran.err);
    assert!(ran.err.contains("is it mounted?"), "{}", ran.err);
    assert_eq!(fs::read_dir(site.path("mirrors/ams-01")).unwrap().count(), 0);
    assert!(site.path("mirrors/fra-01/builds/3").exists() && site.path("mirrors/syd-01/builds/3").exists());
    let bad = site.good(&["mirror", "log", "--bad"]);
    assert_eq!(bad.lines().count(), 1, "{bad}");
    let status = site.run(&["mirror", "status"]);
    assert!(status.code == 1 && status.out.contains("bad: ams-01: "), "{}", status.out);
    assert!(site.good(&["mirror", "recover", "ams-01"]).contains("Brought build 3"));
    site.good(&["mirror", "status"]);
}

#[test]
fn what_is_damaged_is_named_mended_and_recovered() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "--all"]);
    let pool = site.path("mirrors/fra-01/pool/own");
    let deb = walk(&pool).into_iter().find(|path| path.to_string_lossy().contains("alpha_1.1")).unwrap();
    let size = fs::metadata(&deb).unwrap().len();
    // A file of its own under both names: the mirror shares its files with the site, where all is well.
    let inode = fs::metadata(&deb).unwrap().ino();
    let object = walk(&site.path("mirrors/fra-01/objects"));
    let object = object.into_iter().find(|path| fs::metadata(path).unwrap().ino() == inode).unwrap();
    fs::remove_file(&deb).unwrap();
    fs::remove_file(&object).unwrap();
    fs::write(&object, vec![0; usize::try_from(size).unwrap()]).unwrap();
    fs::hard_link(&object, &deb).unwrap();
    site.good(&["mirror", "status"]);
    let ran = site.run(&["mirror", "verify", "--all"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("mirror=fra-01 build=2 action=verify result=bad why="), "{}", ran.err);
    let status = site.run(&["mirror", "status"]);
    assert!(status.code == 1 && status.out.contains("bad: fra-01 build 2: 1 damaged"), "{}", status.out);
    let would = site.tried(&["mirror", "verify", "--all", "--repair"]).out;
    assert!(would.contains(&format!("would do: 1 object ({size} bytes) fetched again, 1 name")), "{would}");
    let would = site.tried(&["mirror", "recover", "fra-01"]).out;
    assert!(would.contains(&format!("1 object, {size} bytes would come")), "{would}");
    let mended = site.good(&["mirror", "verify", "fra-01", "2", "--repair"]);
    assert!(
        mended.contains(&format!("done: 1 object ({size} bytes) fetched again, 1 name"))
            && mended.contains("good: fra-01: build 2 holds"),
        "{mended}"
    );
    site.good(&["mirror", "status"]);
    // Half of it is lost: a build's list is cut and an object is gone with its names.
    fs::write(site.path("mirrors/fra-01/builds/1/manifest.zst"), "cut").unwrap();
    fs::remove_file(site.path("mirrors/fra-01/builds/2/own/dists/stable/InRelease")).unwrap();
    let would = site.tried(&["mirror", "recover", "fra-01", "--json"]);
    let would: serde_json::Value = serde_json::from_str(&would.out).unwrap();
    let did = site.json(&["mirror", "recover", "fra-01", "--json"]);
    assert_eq!((&would["objects"], &would["bytes"]), (&did["objects"], &did["bytes"]), "{would} {did}");
    assert!(did["did"].to_string().contains("Set build 1 aside"), "{did}");
    site.good(&["mirror", "verify", "--all"]);
    // The mirror's own host does the same with its own store.
    let keyring = site.text("smith.gpg");
    site.good(&["build", "key", "export", &keyring]);
    let (from, store) = (site.text("site"), site.text("mirrors/other"));
    let own = ["--store", &store, "--from", &from, "--keyring", &keyring];
    let recover = [&["mirror", "recover", "1", "2"][..], &own].concat();
    assert!(site.tried(&recover).out.contains("Would bring build 2"));
    assert!(site.good(&recover).contains("the mirror is whole"));
    let sync = [&["mirror", "sync", "2"][..], &own].concat();
    assert!(site.good(&sync).contains("result=was whole"));
}

#[test]
fn builds_that_the_site_has_no_more_leave_its_mirrors() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.package("beta", "3.0", "");
    site.build();
    site.good(&["mirror", "sync", "--all"]);
    let order = ["--who", "ann", "--reason", "a trial"];
    let mirror = site.text("mirrors/fra-01");
    site.good(&[&["channel", "set", "prod", "2", "--store", &mirror][..], &order].concat());
    // A build that is archived may be whole on the mirror alone.
    site.good(&["build", "archive", "1", "2"]);
    let none = site.json(&["mirror", "purge", "fra-01", "--json"]);
    assert_eq!(none[0]["builds"].to_string(), "[]");
    site.good(&["build", "purge", "1", "2", "--now"]);
    let purge = ["mirror", "purge", "--all", "--json"];
    let would: serde_json::Value = serde_json::from_str(&site.tried(&purge).out).unwrap();
    let did = site.json(&purge);
    assert_eq!((&would[0]["objects"], &would[0]["bytes"]), (&did[0]["objects"], &did[0]["bytes"]));
    assert_eq!(did[0]["builds"].to_string(), "[1]");
    assert_eq!(did[0]["kept"]["2"][0]["why"], "channel");
    assert!(!site.path("mirrors/fra-01/builds/1").exists() && site.path("mirrors/fra-01/builds/2").exists());
    let named = site.run(&["mirror", "purge", "fra-01", "2"]);
    assert_eq!(named.code, 1);
    assert!(named.out.contains("stays: fra-01 build 2: channel prod is on it"), "{}", named.out);
    assert!(site.good(&["mirror", "log", "--build", "1"]).contains("action=purge result=good state=gone"));
    site.good(&["mirror", "verify", "fra-01"]);
}

#[test]
fn a_purge_that_was_killed_is_ended_by_the_same_words() {
    let Some(site) = Site::new() else { return };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let batch = site.path(&format!("site/trash/{now}-purge-4194999-1"));
    fs::create_dir(&batch).unwrap();
    fs::rename(site.path("site/builds/1"), batch.join("build-1")).unwrap();
    let would = site.good(&["build", "purge", "1", "--dry-run"]);
    assert!(would.starts_with("would end the earlier purge of build 1\ngood: no build: "), "{would}");
    let did = site.good(&["build", "purge", "1"]);
    assert!(did.starts_with("ended: the earlier purge of build 1\ngood: no build: "), "{did}");
    let again = site.good(&["build", "purge", "1"]);
    assert!(again.starts_with("gone: build 1 before\ngood: no build: 0 objects"), "{again}");
    assert_eq!(site.run(&["build", "purge", "9"]).code, 5);
    assert!(site.good(&["build", "fsck"]).starts_with("good: clean: 1 build, "));
}

#[test]
fn a_bucket_is_a_mirror_that_plain_apt_reads() {
    let Some(service) = service() else { return };
    let Some(site) = Site::new() else { return };
    let add =
        ["mirror", "add", "s3-eu", "--region", "eu", "--bucket", "smith", "--bucket-region", "us-east-1"];
    site.good(&[&add[..], &["--endpoint", &service.endpoint, "--prefix", "site/one"]].concat());
    let would = site.tried(&["mirror", "sync", "s3-eu", "--json"]);
    let would: serde_json::Value = serde_json::from_str(&would.out).unwrap();
    assert!(service.keys().is_empty());
    let did = site.json(&["mirror", "sync", "s3-eu", "--json"]);
    assert_eq!((&would["objects"], &would["bytes"]), (&did["objects"], &did["bytes"]));
    site.good(&["mirror", "status"]);
    let place = format!("{}/smith/site/one", service.endpoint);
    apt_reads(&site, &format!("{place}/own stable/2 main"), "1.1");
    apt_reads(&site, &format!("{place}/own stable/1 main"), "1.0-1");
    // A channel is one more folder of the suite, and moves.
    for (build, version) in [(1, "1.0-1"), (2, "1.1")] {
        set_channel(&site, &service, build);
        apt_reads(&site, &format!("{place}/own stable/prod main"), version);
    }
    service.copy_to(&site.path("copy"));
    let files = site.text("copy/site/one/own");
    apt_reads(&site, &format!("copy:{files} stable/prod main"), "1.1");
    fs::remove_dir_all(site.path("copy")).unwrap();
    let status = site.good(&["mirror", "status", "s3-eu"]);
    assert!(status.contains("prod 2"), "{status}");
    // Somebody has been at it.
    let key = service.keys().into_iter().find(|key| key.contains("alpha_1.1")).unwrap();
    assert!(service.raw(&format!("DELETE /smith/{key}"), b"").starts_with("HTTP/1.1 204"));
    let ran = site.run(&["mirror", "verify", "s3-eu"]);
    assert!(ran.code == 1 && ran.out.contains("missing  own/pool/"), "{}", ran.out);
    assert!(site.run(&["mirror", "status"]).out.contains("bad: s3-eu build 2: 1 missing"));
    let before = service.keys();
    assert!(site.tried(&["mirror", "verify", "s3-eu", "--repair"]).out.contains("would do: 1 object"));
    assert!(site.tried(&["mirror", "recover", "s3-eu"]).out.contains("1 object, "));
    assert_eq!(service.keys(), before);
    site.good(&["mirror", "verify", "s3-eu", "--repair"]);
    assert!(service.keys().contains(&key));
    assert!(site.good(&["mirror", "recover", "s3-eu"]).contains("the mirror is whole; 0 objects"));
    // Another mirror pulls from it, as from any web server.
    let path = site.text("mirrors/fra-01");
    site.good(&["mirror", "add", "fra-01", "--region", "eu", "--path", &path, "--from", &place]);
    site.good(&["mirror", "sync", "fra-01"]);
    site.good(&["mirror", "verify", "fra-01"]);
    site.package("beta", "3.0", "");
    site.build();
    site.good(&["mirror", "sync", "s3-eu"]);
    site.good(&["build", "purge", "1", "--now"]);
    let stays = site.good(&["mirror", "purge", "s3-eu", "--dry-run"]);
    assert!(stays.contains("stays: s3-eu build 1: it is the way back of channel prod"), "{stays}");
    set_channel(&site, &service, 3);
    let would = site.tried(&["mirror", "purge", "s3-eu", "--json"]);
    let would: serde_json::Value = serde_json::from_str(&would.out).unwrap();
    let before = service.keys().len();
    let did = site.json(&["mirror", "purge", "s3-eu", "--json"]);
    assert_eq!((&would[0]["objects"], &would[0]["bytes"]), (&did[0]["objects"], &did[0]["bytes"]));
    assert_eq!(before - service.keys().len(), usize::try_from(did[0]["objects"].as_u64().unwrap()).unwrap());
    assert!(!service.keys().iter().any(|key| key.contains("alpha_1.0") || key.contains("/builds/1/")));
    apt_reads(&site, &format!("{place}/own stable/2 main"), "1.1");
    apt_reads(&site, &format!("{place}/own stable/prod main"), "1.1");
    // What was set with the program is known when the bucket is lost, and comes back.
    let set = ["channel", "set", "test", "2", "--mirror", "s3-eu", "--reason", "a trial"];
    site.good(&set);
    for key in service.keys().into_iter().filter(|key| key.contains("/test")) {
        assert!(service.raw(&format!("DELETE /smith/{key}"), b"").starts_with("HTTP/1.1 204"));
    }
    let status = site.run(&["mirror", "status", "s3-eu"]);
    assert!(
        status.code == 1 && status.out.contains("channel test was on build 2 and is gone"),
        "{}",
        status.out
    );
    let would = site.tried(&["mirror", "recover", "s3-eu"]).out;
    assert!(would.contains("Would lead channel test to build 2, where it was."), "{would}");
    let did = site.good(&["mirror", "recover", "s3-eu"]);
    assert!(did.contains("Led channel test to build 2, where it was."), "{did}");
    site.good(&["mirror", "status", "s3-eu"]);
    apt_reads(&site, &format!("{place}/own stable/test main"), "1.1");
    site.good(&["channel", "set", "test", "3", "--mirror", "s3-eu", "--reason", "a trial"]);
    site.good(&["channel", "rollback", "test", "--mirror", "s3-eu", "--reason", "a trial"]);
    let end = site.run(&["channel", "rollback", "test", "--mirror", "s3-eu", "--reason", "a trial"]);
    assert!(end.code == 5 && end.err.contains("no build before"), "{}", end.err);
    site.good(&["channel", "remove", "test", "--mirror", "s3-eu", "--reason", "a trial"]);
    assert!(!service.keys().iter().any(|key| key.contains("/test")));
    site.good(&["mirror", "status", "s3-eu"]);
}

fn set_channel(site: &Site, service: &Service, build: u32) {
    let (bucket, region, prefix) = ("smith".to_owned(), "us-east-1".to_owned(), "site/one".to_owned());
    let bucket = Bucket { bucket, region, endpoint: Some(service.endpoint.clone()), prefix };
    let keys = Keys::Given { access: "a".to_owned(), secret: "b".to_owned() };
    let at = jiff::Timestamp::from_second(i64::from(build)).unwrap();
    let order = Order { who: "ann".to_owned(), why: "a trial".to_owned(), at };
    let store = Store::open(&site.path("site")).unwrap();
    let prod = ChannelName::new("prod").unwrap();
    S3::open(&bucket, &keys).unwrap().set_channel(&store, &prod, BuildNumber(build), &order, None).unwrap();
}

/// The machine's own apt, which knows nothing else, takes both packages from there, without a warning.
fn apt_reads(site: &Site, line: &str, version: &str) {
    for tool in ["apt-get", "gpgv"] {
        if !is_installed(tool) {
            return skipped(tool);
        }
    }
    let folder = site.path("apt");
    let _ = fs::remove_dir_all(&folder);
    for name in ["etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for name in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::write(folder.join("status"), "").unwrap();
    let keyring = folder.join("smith.gpg");
    site.good(&["build", "key", "export", &keyring.display().to_string()]);
    let source = format!("deb [arch=amd64 signed-by={}] {line}\n", keyring.display());
    fs::write(folder.join("etc/sources.list"), source).unwrap();
    let at = folder.display();
    let conf = format!(
        "Dir \"{at}\";\nDir::Etc \"{at}/etc\";\nDir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\n\
         Dir::Cache \"{at}/cache\";\nAPT::Architecture \"amd64\";\nAPT::Sandbox::User \"\";\n\
         Dir::Bin::Methods \"/usr/lib/apt/methods\";\nAcquire::http::Proxy \"DIRECT\";\n"
    );
    fs::write(folder.join("apt.conf"), conf).unwrap();
    let apt = |args: &[&str]| {
        let ran = Command::new("apt-get")
            .args(args)
            .env("APT_CONFIG", folder.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(&folder)
            .output()
            .unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && !text.contains("W:"), "{line}: {args:?}: {text}");
    };
    apt(&["update"]);
    apt(&["-y", "--download-only", "install", "alpha"]);
    let got = walk(&folder.join("cache/archives"));
    let has = |part: &str| got.iter().any(|path| path.to_string_lossy().contains(part));
    assert!(has(&format!("alpha_{version}_amd64")) && has("beta_"), "{line}: {got:?}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn every_command_is_on_the_page_of_mirrors() {
    let page = fs::read_to_string(root().join("docs/reference/mirrors.md")).unwrap();
    let help = smith_with(&["mirror", "--help"], &[]).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert!(page.contains(&format!("smith mirror {name}")), "{name}");
    }
}

#[test]
fn nothing_of_a_store_is_destroyed_where_nobody_can_be_asked() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    site.good(&["channel", "set", "test", "2", "--reason", "a trial"]);
    let key = site.json(&["build", "key", "list", "--json"])[0]["fingerprint"].as_str().unwrap().to_owned();
    let before = site.all();
    let asked: [&[&str]; 5] = [
        &["build", "purge", "1"],
        &["build", "archive", "1"],
        &["build", "key", "forget", &key, "--last"],
        &["mirror", "purge", "fra-01", "1"],
        &["channel", "remove", "test", "--reason", "the trial is over"],
    ];
    for args in asked {
        let ran = site.run_unsure(args);
        assert!(ran.code == 2 && ran.err.contains("hint: `--yes`"), "{args:?}: {}{}", ran.out, ran.err);
        assert_eq!(site.all(), before, "{args:?} changed something");
    }
    // What only says what it would do asks nobody, and what has nothing to take does not either.
    assert_eq!(site.run_unsure(&["build", "purge", "1", "--dry-run"]).code, 0);
    assert_eq!(site.run_unsure(&["build", "purge", "--keep-newest", "9"]).code, 0);
}
