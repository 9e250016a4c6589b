//! `smith init`, and what it leads to.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::run::{good, smith, smith_with};

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_site_to_begin_with_is_one_that_serves() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let key = folder.path().join("key");
    fs::write(&key, "a key that is there").unwrap();
    let (key, approver) = (text(&key), ["--approver", "role:sre-lead"]);
    let args = [
        "init",
        &text(&site),
        "--yes",
        "--ssh-key",
        &key,
        "--zone",
        "Europe/London",
        approver[0],
        approver[1],
    ];
    let next = good(&args);
    assert_eq!(next.lines().filter(|line| line.starts_with("  ")).count(), 3, "three commands: {next}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "a key that is there");
    let config = text(&site.join("smith.yaml"));
    good(&["serve", "--config", &config, "--check"]);
    good(&["pipeline", "check", &text(&site.join("pipelines"))]);
    // A recipe without `take` would be a whole distribution; there is none where this machine's apt has no sources.
    if let Ok(recipe) = fs::read_to_string(site.join("recipes/site.yaml")) {
        let takes = recipe.lines().filter(|line| line.trim().starts_with("take: {priorities: ")).count();
        assert_eq!(takes, recipe.matches("- upstream: ").count(), "{recipe}");
        assert_eq!(recipe.contains("installed:"), site.join("profiles/controller").exists(), "{recipe}");
    }
    // What is there stays, and nothing beside it is written.
    fs::write(site.join("smith.d/notify.yaml"), "notify: []\n").unwrap();
    fs::remove_file(site.join("inventory/machines.yaml")).unwrap();
    let again = smith(&args);
    assert!(again.code == 5 && again.err.contains("hint: `--replace`"), "{}", again.err);
    assert!(!site.join("inventory/machines.yaml").exists());
    assert_eq!(fs::read_to_string(site.join("smith.d/notify.yaml")).unwrap(), "notify: []\n");
    good(&[&args[..], &["--replace"]].concat());
    assert!(site.join("inventory/machines.yaml").exists());
    // A key that machines let in must be one before it is served with.
    fs::remove_file(&key).unwrap();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status();
    if made.is_ok_and(|status| status.success()) {
        serves(&site, &config);
    }
}

fn serves(site: &Path, config: &str) {
    let settings = fs::read_to_string(config).unwrap();
    // Tests run beside each other, so none takes the usual port.
    let listens = settings.replace("listen: {socket:", "listen: {http: no, socket:");
    assert_ne!(listens, settings);
    fs::write(config, listens).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_smith"))
        .args(["serve", "--config", config])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let socket = text(&site.join("smith.sock"));
    let began = Instant::now();
    let weeks = loop {
        let ran = smith_with(&["cycle", "weeks", "--json"], &[("SMITH_SERVER", &socket)]);
        if ran.code == 0 || began.elapsed() > Duration::from_secs(60) {
            break ran;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let pipelines = smith_with(&["pipeline", "list"], &[("SMITH_SERVER", &socket)]);
    // What the week names is in the pipelines beside it; there is none where this machine's apt has no sources.
    let started = smith_with(&["cycle", "start", "prod"], &[("SMITH_SERVER", &socket)]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(weeks.code, 0, "{}", weeks.err);
    let has_week = weeks.out.contains("prod");
    assert_eq!(started.code, if has_week { 0 } else { 5 }, "{}{}", started.out, started.err);
    assert!(pipelines.out.contains("buildTestDevToStage"), "{}{}", pipelines.out, pipelines.err);
}

#[test]
fn nobody_is_asked_where_nobody_is() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let ran = smith(&["init", &text(&site)]);
    assert!(ran.code == 2 && ran.err.contains("hint: `--yes`"), "{}", ran.err);
    assert!(!site.exists());
}
