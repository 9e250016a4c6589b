//! The way in: what `smith init` writes on this machine, and the commands that it names.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::site::{Site, good, has, upstream};

/// The commands that stand at the end of what it says, as somebody copies them into a shell.
fn commands(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("  ")).collect()
}

fn shell(site: &Site, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_smith")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    good(shell.args(["-c", command]).env("PATH", path).current_dir(site.folder.path()))
}

#[test]
fn what_init_writes_makes_a_build_that_apt_installs_from() {
    if !has(&["apt-get", "ssh-keygen"]) || upstream().is_none() {
        return;
    }
    let site = Site::empty();
    let said = site.smith(&["init", "conf", "--yes"]);
    let commands = commands(&said);
    let [key, create, serve] = commands.as_slice() else { panic!("three commands: {said}") };
    shell(&site, key);
    let made = shell(&site, create);
    shell(&site, &format!("{serve} --check"));
    let store = site.path("conf/data/store").display().to_string();
    let shown = site.json(&["build", "list", "--store", &store, "--json"]);
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown} {made}");
    // It is a part of what there is: what this machine has, and not a whole distribution.
    let packages = site.smith(&["build", "packages", "1", "--store", &store]).lines().count();
    assert!((100..20_000).contains(&packages), "{packages} packages");
    site.smith(&["build", "key", "export", site.path("smith.gpg").to_str().unwrap(), "--store", &store]);
    let server = site.serve_store("conf/data/store");
    let apt = site.apt("root", &format!("{}/builds/1/debian bookworm main", server.address));
    apt.update();
    assert_ne!(apt.candidate("dpkg"), "(none)");
    let (is_good, text) = apt.run("apt-get", &["download", "dpkg"]);
    assert!(is_good, "{text}");
    let mut files = fs::read_dir(site.path("root")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(files.any(|name| name.to_string_lossy().starts_with("dpkg_")), "{text}");
}
