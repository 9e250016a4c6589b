//! Other mirrors' tools take a build for what it is: a repository.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::site::{Site, good, has};

/// aptly, debmirror and debootstrap, as far as they are here, each of the second build.
pub(crate) fn mirror_it(site: &Site, address: &str) {
    let packages = packages(site);
    assert!(packages > 100, "{packages}");
    if has(&["aptly", "gpgv"]) {
        aptly(site, address, packages);
    }
    if has(&["debmirror", "gpgv"]) {
        debmirror(site, address, packages);
    }
    if has(&["debootstrap", "gpgv"]) {
        debootstrap(site, address);
    }
}

/// Of the suite that all of them mirror.
fn packages(site: &Site) -> usize {
    let list = site.json(&["build", "packages", "2", "--json"]);
    let list = list.as_array().unwrap();
    list.iter().filter(|one| one["suite"] == "bookworm").count()
}

fn aptly(site: &Site, address: &str, packages: usize) {
    let home = site.path("gnupg");
    fs::create_dir_all(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(site.path("smith.gpg"), home.join("trustedkeys.gpg")).unwrap();
    let config = site.path("aptly.conf");
    let root = site.path("aptly");
    fs::write(&config, serde_json::json!({"rootDir": root, "gpgProvider": "gpg"}).to_string()).unwrap();
    let run = |args: &[&str]| {
        let config = format!("-config={}", config.display());
        let mut command = Command::new("aptly");
        command.env("GNUPGHOME", &home).env("no_proxy", "127.0.0.1").arg(config);
        good(command.args(args))
    };
    let url = format!("{address}/builds/2/debian");
    let made = run(&["-architectures=amd64", "mirror", "create", "smith", &url, "bookworm", "main"]);
    assert!(made.contains("Good signature"), "{made}");
    run(&["mirror", "update", "smith"]);
    let shown = run(&["mirror", "show", "smith"]);
    assert!(shown.contains(&format!("Number of packages: {packages}\n")), "{shown}");
}

fn debmirror(site: &Site, address: &str, packages: usize) {
    let (host, folder) = (address.strip_prefix("http://").unwrap(), site.path("debmirror"));
    let out = good(
        Command::new("debmirror")
            .env("no_proxy", "127.0.0.1")
            .args(["--method=http", "--root=builds/2/debian", "--dist=bookworm", "--section=main"])
            .args(["--arch=amd64", "--nosource", "--diff=none", "--rsync-extra=none", "--progress"])
            .arg(format!("--host={host}"))
            .arg(format!("--keyring={}", site.path("smith.gpg").display()))
            .arg(&folder),
    );
    assert!(out.contains("Everything OK"), "{out}");
    let files = good(Command::new("find").arg(folder.join("pool")).args(["-name", "*.deb"]));
    assert_eq!(files.lines().count(), packages);
}

/// Its own way of reading a Release, which is not apt's.
fn debootstrap(site: &Site, address: &str) {
    let out = good(
        Command::new("debootstrap")
            .env("no_proxy", "127.0.0.1")
            .args(["--download-only", "--variant=minbase"])
            .arg(format!("--keyring={}", site.path("smith.gpg").display()))
            .args(["bookworm", site.path("debootstrap").to_str().unwrap()])
            .arg(format!("{address}/builds/2/debian")),
    );
    assert!(out.contains("Download complete") || out.contains("Valid Release signature"), "{out}");
}
