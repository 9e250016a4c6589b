//! Roots of two Debian releases, each with its own apt, made from a build alone and brought to the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::peers;
use crate::site::{Site, good, has, is_root};
use crate::world::world;

/// Packages by name, with the version that is installed or would be.
type Versions = BTreeMap<String, String>;

#[test]
fn two_releases_are_installed_and_upgraded_from_builds_alone() {
    if !is_root() || !has(&["mmdebstrap", "chroot", "gpgv", "dpkg"]) {
        return;
    }
    let Some(site) = world() else { return };
    let server = site.serve();
    let address = server.address.as_str();
    site.smith(&["channel", "set", "prod", "1", "--reason", "a test"]);
    let releases = ["bookworm", "trixie"];
    let site = &site;
    let roots: Vec<PathBuf> = thread::scope(|scope| {
        let making: Vec<_> =
            releases.iter().map(|release| scope.spawn(move || make(site, address, release))).collect();
        making.into_iter().map(|one| one.join().unwrap()).collect()
    });
    site.smith(&["channel", "set", "prod", "2", "--reason", "a test"]);
    for (release, root) in releases.iter().zip(&roots) {
        upgrade(site, address, release, root);
    }
    peers::mirror_it(site, address);
}

/// A root from the build alone, that trusts our key alone.
fn make(site: &Site, address: &str, release: &str) -> PathBuf {
    let (root, key) = (site.path(release), site.path("smith.gpg"));
    let source = format!("deb [signed-by={}] {address}/channels/prod/debian {release} main", key.display());
    // Nobody boots it, so it needs no initial file system, and it may lose its files with the power.
    good(
        Command::new("mmdebstrap")
            .env("INITRD", "No")
            .args(["--mode=root", "--variant=important", "--include=linux-image-amd64,apt-utils"])
            .args([
                "--aptopt=Acquire::Languages \"none\"",
                "--aptopt=Acquire::http::Proxy::127.0.0.1 \"DIRECT\"",
            ])
            .arg("--dpkgopt=force-unsafe-io")
            .arg(format!("--keyring={}", key.display()))
            .arg(release)
            .arg(&root)
            .arg(source),
    );
    fs::create_dir_all(root.join("etc/apt/keyrings")).unwrap();
    fs::copy(&key, root.join("etc/apt/keyrings/smith.gpg")).unwrap();
    let line = |upstream: &str, suite: &str| {
        format!(
            "deb [signed-by=/etc/apt/keyrings/smith.gpg] {address}/channels/prod/{upstream} {suite} main\n"
        )
    };
    let lines = line("debian", release) + &line("debian-security", &format!("{release}-security"));
    fs::write(root.join("etc/apt/sources.list"), lines).unwrap();
    for entry in fs::read_dir(root.join("etc/apt/sources.list.d")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    root
}

fn upgrade(site: &Site, address: &str, release: &str, root: &Path) {
    let inside = |args: &[&str]| {
        let mut command = Command::new("chroot");
        command.arg(root).args(["env", "DEBIAN_FRONTEND=noninteractive", "INITRD=No"]);
        good(command.args(args))
    };
    let before = installed(root);
    let update =
        inside(&["apt-get", "-o", "Acquire::By-Hash=force", "-o", "APT::Sandbox::User=root", "update"]);
    let is_quiet = update.lines().all(|line| !line.starts_with("W:") && !line.starts_with("E:"));
    assert!(is_quiet, "{release} from {address}: {update}");
    // What apt would do is what the difference of the builds says, no more and no less.
    let expected = differences(site, release);
    assert!(!expected.is_empty(), "there are no security fixes for {release}");
    let simulated = inside(&["apt-get", "-s", "dist-upgrade"]);
    assert_eq!(would_install(&simulated), expected, "{release}");
    inside(&[
        "apt-get",
        "-y",
        "-o",
        "APT::Sandbox::User=root",
        "-o",
        "Dpkg::Options::=--force-unsafe-io",
        "dist-upgrade",
    ]);
    let mut wanted = before;
    wanted.extend(expected);
    assert_eq!(installed(root), wanted, "{release}");
}

fn installed(root: &Path) -> Versions {
    let admin = format!("--admindir={}", root.join("var/lib/dpkg").display());
    let list = good(Command::new("dpkg-query").args([
        &admin,
        "-W",
        "-f",
        "${Package} ${Version} ${db:Status-Status}\n",
    ]));
    let words = list.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(|words| words[2] == "installed").map(|words| (words[0].into(), words[1].into())).collect()
}

/// `Inst NAME [OLD] (NEW …)`
fn would_install(simulated: &str) -> Versions {
    let lines = simulated.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            let version = rest.split_once('(').unwrap().1.split(' ').next().unwrap();
            (name.to_owned(), version.to_owned())
        })
        .collect()
}

fn differences(site: &Site, release: &str) -> Versions {
    let diff = site.json(&["build", "diff", "1", "2", "--json"]);
    let sources = diff["sources"].as_array().unwrap().iter().filter(|one| one["distribution"] == *release);
    let packages = sources.flat_map(|source| source["packages"].as_array().unwrap());
    packages
        .filter(|one| one["kind"] == "upgraded" || one["kind"] == "added")
        .map(|one| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (text(&one["name"]), text(&one["new"]["version"]))
        })
        .collect()
}
