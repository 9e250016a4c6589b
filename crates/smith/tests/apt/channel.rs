//! What real apt makes of a channel that moves.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use smith_repo::channel::{Order, set};
use smith_repo::name::ChannelName;
use smith_repo::pgp::{KeyFolder, Passphrase};
use smith_repo::store::Store;

use crate::site::{Site, has};

/// Each begins with nothing.
const UPDATES: u32 = 200;

/// One package in two builds, the second with a Release of a later second.
fn two_builds() -> Site {
    let site = Site::new();
    std::fs::write(site.path("site.yaml"), "local:\n  - {local: site, folder: debs, suite: stable}\n")
        .unwrap();
    site.package("alpha", "1.0");
    site.smith(&["build", "create", "site.yaml"]);
    site.package("alpha", "2.0");
    // A build has the date of its youngest key, of which the format knows the second: the next key is of a later one.
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let made = seconds();
    while seconds() == made {
        thread::yield_now();
    }
    site.new_key();
    site.smith(&["build", "create", "site.yaml"]);
    site
}

fn last(site: &Site) -> String {
    site.json(&["build", "list", "--json"]).as_array().unwrap().len().to_string()
}

#[test]
fn apt_follows_a_channel_back_as_it_follows_it_forward() {
    if !has(&["apt-get", "dpkg-deb", "gpgv"]) {
        return;
    }
    let site = two_builds();
    let newest = last(&site);
    let server = site.serve();
    let apt = site.apt("apt", &format!("{}/channels/prod/site stable main", server.address));
    let seen = |args: &[&str]| {
        site.smith(&[&["channel"], args, &["--reason", "a test"]].concat());
        apt.update();
        apt.candidate("alpha")
    };
    assert_eq!(seen(&["set", "prod", "1"]), "1.0");
    assert_eq!(seen(&["set", "prod", &newest]), "2.0");
    assert_eq!(seen(&["rollback", "prod"]), "1.0");
    assert_eq!(seen(&["set", "prod", &newest]), "2.0");
    assert_eq!(seen(&["set", "prod", "1"]), "1.0");
    assert_eq!(seen(&["refresh", "prod"]), "1.0");
}

#[test]
fn clients_of_a_mirror_that_was_lost_follow_its_channel_all_the_same() {
    if !has(&["apt-get", "dpkg-deb", "gpgv"]) {
        return;
    }
    let site = two_builds();
    let newest = last(&site);
    let path = site.path("fra-01");
    site.smith(&["mirror", "add", "fra-01", "--region", "fra", "--path", path.to_str().unwrap()]);
    site.smith(&["mirror", "sync", "fra-01"]);
    let set = |build: &str| {
        site.smith(&["channel", "set", "prod", build, "--mirror", "fra-01", "--reason", "a test"])
    };
    set("1");
    set(&newest);
    let server = site.serve_store("fra-01");
    let apt = site.apt("apt", &format!("{}/channels/prod/site stable main", server.address));
    apt.update();
    assert_eq!(apt.candidate("alpha"), "2.0");
    let view = path.join("channels/prod/view.json");
    let seen = std::fs::metadata(view).unwrap().modified().unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    // HTTP tells files apart by the second, and nobody makes a mirror whole within one.
    while SystemTime::now() < seen + std::time::Duration::from_secs(2) {
        thread::sleep(std::time::Duration::from_millis(50));
    }
    let text = site.finds(&["mirror", "status"]);
    assert!(text.contains("is it mounted?"), "{text}");
    let text = site.smith(&["mirror", "recover", "fra-01"]);
    assert!(text.contains(&format!("Led channel prod to build {newest}, where it was.")), "{text}");
    site.smith(&["mirror", "status"]);
    set("1");
    apt.update();
    assert_eq!(apt.candidate("alpha"), "1.0");
    site.smith(&["mirror", "status"]);
}

#[test]
fn a_mirror_without_keys_keeps_up_by_itself() {
    if !has(&["apt-get", "dpkg-deb", "gpgv"]) {
        return;
    }
    let site = two_builds();
    let newest = last(&site);
    let builder = site.serve();
    let (keyring, mirror) = (site.path("smith.gpg"), site.path("pulled"));
    let (keyring, mirror) = (keyring.to_str().unwrap(), mirror.to_str().unwrap());
    let from = ["--store", mirror, "--from", &builder.address, "--keyring", keyring];
    let pull = |more: &[&str]| site.smith(&[&["mirror", "sync"], &from[..], more].concat());
    let follow = || site.smith(&[&["channel", "follow", "prod"], &from[..]].concat());
    let dry = pull(&["--newest", "1", "--dry-run"]);
    assert!(dry.contains(&format!("build={newest} result=would come")), "{dry}");
    let first = pull(&["--newest", "1"]);
    assert!(first.contains(&format!("build={newest} result=came")) && !first.contains("build=1 "), "{first}");
    assert!(pull(&["--newest", "1"]).contains("nothing is missing"));
    site.smith(&["channel", "set", "prod", &newest, "--reason", "a test"]);
    follow();
    let server = site.serve_store("pulled");
    let apt = site.apt("apt", &format!("{}/channels/prod/site stable main", server.address));
    apt.update();
    assert_eq!(apt.candidate("alpha"), "2.0");
    // The way back: its build comes, and then the channel with the date that only the builder could give.
    site.smith(&["channel", "set", "prod", "1", "--reason", "a test"]);
    assert!(pull(&[]).contains("build=1 result=came"));
    follow();
    apt.update();
    assert_eq!(apt.candidate("alpha"), "1.0");
}

#[test]
fn a_build_that_nobody_here_has_signed_gets_no_channel() {
    if !has(&["dpkg-deb"]) {
        return;
    }
    let (site, other) = (two_builds(), Site::new());
    // Another site's key, and nothing of our own: as if somebody had put his builds here.
    std::fs::remove_dir_all(site.path("store/keys")).unwrap();
    std::fs::rename(other.path("store/keys"), site.path("store/keys")).unwrap();
    let refused = site.refused(&["channel", "set", "prod", "1", "--reason", "a test"]);
    assert!(refused.contains("expected it signed by a key of the store"), "{refused}");
    assert!(site.smith(&["channel", "show"]).contains("no channel"));
}

/// Moves the channel as the program does, without the time that it takes to start.
fn flip(site: &Site, build: &str) {
    let store = Store::open(&site.path("store")).unwrap();
    let keys = KeyFolder::new(&store.keys()).signing_keys(&Passphrase::None).unwrap();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = Timestamp::from_second(i64::try_from(since).unwrap()).unwrap();
    let order = Order { who: "tester".to_owned(), why: "a test".to_owned(), at };
    set(&store, &ChannelName::new("prod").unwrap(), build.parse().unwrap(), &order, Some(&keys)).unwrap();
}

/// Cold updates until there were this many, none of which may fail.
fn update_often(site: &Site, address: &str, begun: &AtomicU32, worker: u32) {
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        if number >= UPDATES {
            return;
        }
        let name = format!("apt-{worker}-{number}");
        let apt = site.apt(&name, &format!("{address}/channels/prod/site stable main"));
        apt.update();
        assert!(["1.0", "2.0"].contains(&apt.candidate("alpha").as_str()));
        std::fs::remove_dir_all(site.path(&name)).unwrap();
    }
}

#[test]
fn no_update_fails_while_the_channel_flips() {
    if !has(&["apt-get", "dpkg-deb", "gpgv"]) {
        return;
    }
    let site = two_builds();
    let newest = last(&site);
    let (server, is_over, flips) = (site.serve(), AtomicBool::new(false), AtomicU32::new(0));
    flip(&site, "1");
    let begun = AtomicU32::new(0);
    let (site, begun, address) = (&site, &begun, server.address.as_str());
    thread::scope(|scope| {
        let flipping = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for build in [&newest, "1"] {
                    flip(site, build);
                    flips.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let updates: Vec<_> =
            (0..4).map(|worker| scope.spawn(move || update_often(site, address, begun, worker))).collect();
        let ended: Vec<_> = updates.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        flipping.join().unwrap();
        assert!(ended.iter().all(Result::is_ok));
    });
    let flips = flips.load(Ordering::Relaxed);
    println!("{UPDATES} updates during {flips} flips");
    assert!(flips > UPDATES, "the channel hardly moved: {flips}");
}
