//! A server of a small site, and commands that speak to it. Nobody is root and no machine is touched.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::run::{Ran, smith, smith_with};

const MACHINES: &str = "machines:
  - {name: dev-mon01-infra-test-01, environment: dev, region: us-south, cluster: dev-infra, role: infra-test}
  - {name: prod-syd01-carrier1-worker-1001, environment: prod, region: ap-south, cluster: prod-carrier1, role: worker}
  - {name: prod-dal10-carrier3-worker-11, environment: prod, region: us-south, cluster: prod-carrier3, role: worker}
";

const PIPELINE: &str = "pipeline: devOnly
title: the machines of development, one after the other
owner: role:operator
steps:
  - step: patchDev
    title: dev machines
    gates: [{approval: go, who: role:lead}]
    bags: [{bag: dev, machines: environment=dev}]
";

const SETTINGS: &str = "data: data
listen: {socket: smith.sock, http: no}
inventory: sources.yaml
inventory-every: 1s
pipelines: pipelines
store: store
weeks:
  - week: prod
    owner: role:sre-oncall
    recipe: recipe.yaml
    channel: prod
    regions: [ap-south]
    change: none
    rollouts: [devOnly]
    schedule: {cron: 0 3 1 1 *, zone: Europe/London}
";

/// A server is there, or something came about, within this on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Served {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("pipelines")).unwrap();
        put("machines.yaml", MACHINES);
        put("sources.yaml", "sources: [{name: site, file: machines.yaml}]\n");
        put("pipelines/devOnly.yaml", PIPELINE);
        // A mistake that shows only when the link is done.
        put("recipe.yaml", "upstreams: nothing\n");
        put("smith.yaml", SETTINGS);
        let (store, who) = (folder.path().join("store"), "Site <admin@site>");
        let key = ["build", "key", "new", "--user-id", who, "--store", store.to_str().unwrap()];
        assert_eq!(smith(&key).code, 0);
        let child = Command::new(env!("CARGO_BIN_EXE_smith"))
            .args(["serve", "--config", folder.path().join("smith.yaml").to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let served = Self { folder, child };
        served
            .eventually("the machines", || served.run(&["status"]).out.contains("3 machines").then_some(()));
        served
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("smith.sock")
    }

    pub(crate) fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(began.elapsed() < PATIENCE, "expected {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_at(args, "100")
    }

    fn run_at(&self, args: &[&str], columns: &str) -> Ran {
        smith_with(args, &[("SMITH_SERVER", self.socket().to_str().unwrap()), ("COLUMNS", columns)])
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(&[args, &["--json"]].concat())).unwrap()
    }

    /// A cycle whose first link has failed.
    fn failed_cycle(&self) {
        self.good(&["cycle", "start", "prod", "--reason", "the mirror is back"]);
        self.eventually("a failed link", || (self.run(&["cycle", "show", "1"]).code == 1).then_some(()));
    }
}

#[test]
fn the_week_by_hand() {
    let served = Served::new();
    let weeks = served.json(&["cycle", "weeks"]);
    assert_eq!(
        (&weeks[0]["week"], &weeks[0]["owner"]),
        (&"prod".into(), &"role:sre-oncall".into()),
        "{weeks}"
    );
    assert!(weeks[0]["next"].as_str().unwrap().ends_with("-01-01T03:00:00Z"), "{weeks}");
    let misspelt = served.run(&["cycle", "start", "prd"]);
    assert!(misspelt.code == 5 && misspelt.err.contains("hint: did you mean prod?"), "{}", misspelt.err);
    assert_eq!(served.run(&["cycle", "show", "1"]).code, 5);
    served.failed_cycle();
    let shown = served.run(&["cycle", "show", "1"]);
    assert_eq!(shown.code, 1);
    assert!(shown.out.starts_with("cycle 1: week prod to prod: failed, since "), "{}", shown.out);
    let build = shown.out.lines().nth(1).unwrap();
    assert!(build.starts_with("  build     failed     "), "{}", shown.out);
    assert!(shown.out.contains("recipe.yaml"), "the reason is told whole: {}", shown.out);
    assert!(served.good(&["cycle", "list"]).contains(" failed "));
    let again = served.json(&["cycle", "rerun", "1", "build", "--reason", "the recipe is mended"]);
    assert_ne!(again["links"][0]["state"], "waiting", "{again}");
    served.eventually("a second failure", || {
        (served.json(&["cycle", "list"])[0]["state"] == "failed").then_some(())
    });
    let link = served.run(&["cycle", "rerun", "1", "biuld"]);
    assert!(link.code == 5 && link.err.contains("hint: did you mean build?"), "{}", link.err);
    assert_eq!(served.run(&["cycle", "skip", "1", "sync"]).code, 2, "a reason is needed");
    let skipped = served.good(&["cycle", "skip", "1", "diff", "--reason", "the first build"]);
    assert!(skipped.contains("skipped") && skipped.contains("the first build"), "{skipped}");
    let none = served.run(&["cycle", "approve", "1"]);
    assert!(none.code == 5 && none.err.contains("expected an approval of cycle 1"), "{}", none.err);
    let silent = served.run(&["cycle", "stop", "1", "--reason", "next week"]);
    assert!(silent.code == 2 && silent.err.contains("hint: `--yes`"), "{}", silent.err);
    let stopped = served.good(&["cycle", "stop", "1", "--reason", "next week", "--yes"]);
    assert!(stopped.contains(": stopped, "), "{stopped}");
    assert_eq!(served.json(&["cycle", "list"]), serde_json::json!([]));
    assert_eq!(served.json(&["cycle", "list", "--all"])[0]["state"], "stopped");
}

#[test]
fn machines_are_looked_up_exempted_and_vouched_for() {
    let served = Served::new();
    let found = served.json(&["fleet", "lookup", "environment=prod", "--cross-region"]);
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    let shown = served.good(&["fleet", "show", "prod-dal10-carrier3-worker-11"]);
    assert!(shown.contains("  cluster: prod-carrier3\n"), "{shown}");
    let misspelt = served.run(&["fleet", "show", "prod-dal10-carrier3-worker-12"]);
    assert!(misspelt.code == 5 && misspelt.err.contains("prod-dal10-carrier3-worker-11"), "{}", misspelt.err);
    let gaps = served.run(&["fleet", "gaps"]);
    assert_eq!(gaps.code, 1, "production is in no bag");
    assert!(gaps.out.ends_with("1 of 3 machines are in a bag, 2 machines missed\n"), "{}", gaps.out);
    let exempt =
        ["exemption", "add", "prod-dal10-carrier3-worker-11", "--owner", "ana", "--reason", "retires"];
    let made = served.good(&[&exempt[..], &["--until", "2999-12-01"]].concat());
    assert!(made.contains("until 2999-12-01T00:00:00Z"), "{made}");
    // In a bag: the exemption keeps nobody from patching it, and that is said.
    let other = ["exemption", "add", "environment=dev", "--owner", "ana", "--reason", "retires"];
    let in_bag = served.run(&[&other[..], &["--until", "2999-12-01"]].concat());
    assert!(in_bag.code == 0 && in_bag.err.contains("1 machine of it are in bags"), "{}", in_bag.err);
    let ended = served.json(&["exemption", "list"])[1]["exemption"].to_string();
    served.good(&["exemption", "end", &ended, "--reason", "a bag has it"]);
    assert!(served.run(&["fleet", "gaps"]).out.contains(", 1 exempt, 1 machine missed"));
    let listed = served.json(&["exemption", "list"]);
    let number = listed[0]["exemption"].to_string();
    served.good(&["exemption", "end", &number, "--reason", "it stays"]);
    assert_eq!(served.json(&["exemption", "list"]), serde_json::json!([]));
    let vouched = served.run(&["fleet", "sign-off", "dev-mon01-infra-test-01", "--reason", "looked at"]);
    assert!([0, 5].contains(&vouched.code), "{}{}", vouched.out, vouched.err);
    assert!(served.good(&["pipeline", "list"]).contains("devOnly"));
    assert!(served.good(&["pipeline", "show", "devOnly"]).contains("patchDev"));
}

/// Who says yes before anything is shown names what was seen, and it must still be so.
#[test]
fn a_word_is_about_what_was_seen() {
    let served = Served::new();
    let accept = ["clock", "accept", "--reason", "it is right", "--yes"];
    let unseen = served.run(&accept);
    assert!(unseen.code == 2 && unseen.err.contains("expected --ahead with --yes"), "{}", unseen.err);
    let moved = served.run(&[&accept[..], &["--ahead", "-60"]].concat());
    assert!(moved.code != 0 && moved.err.contains("S0106"), "{}", moved.err);
    assert!(served.good(&[&accept[..], &["--ahead", "0"]].concat()).contains("the clock agrees"));
    let confirm = ["fleet", "confirm", "site", "--reason", "they are gone", "--yes"];
    let unseen = served.run(&confirm);
    assert!(unseen.code == 2 && unseen.err.contains("expected --lost with --yes"), "{}", unseen.err);
    // Two of three are missing.
    let machines = served.folder.path().join("machines.yaml");
    fs::write(served.folder.path().join("fresh"), "machines:\n  - {name: dev-mon01-infra-test-01}\n")
        .unwrap();
    fs::rename(served.folder.path().join("fresh"), &machines).unwrap();
    let lost = served.eventually("a source that is held back", || {
        let ran = served.run(&["fleet", "sources", "--json"]);
        let sources: serde_json::Value = serde_json::from_str(&ran.out).ok()?;
        Some(sources[0]["held"]["fingerprint"].as_str()?.to_owned())
    });
    let shown = served.run(&["fleet", "sources"]);
    assert!(shown.code == 1 && shown.out.contains(&format!("fingerprint {lost}: ")), "{}", shown.out);
    assert!(shown.out.contains("prod-dal10-carrier3-worker-11"), "{}", shown.out);
    let others = served.run(&[&confirm[..], &["--lost", "0123456789abcdef"]].concat());
    assert!(others.code != 0 && others.err.contains("S0105"), "{}", others.err);
}

#[test]
fn what_is_recorded_is_told_as_it_is_recorded() {
    let served = Served::new();
    let told = served.good(&["events", "--after", "0", "--count", "2"]);
    assert_eq!(told.lines().count(), 2, "{told}");
    let json = served.good(&["events", "--after", "0", "--count", "1", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["row"], 1);
    assert!(served.json(&["errand", "list"]).is_array());
    assert!(served.json(&["build", "known"]).is_array());
    assert!(served.json(&["channel", "known"]).is_array());
}

/// Each of these asks a person, and here is none: it refuses, says how to go on, and has done nothing.
#[test]
fn nothing_is_destroyed_where_nobody_can_be_asked() {
    let served = Served::new();
    let why = ["--reason", "a trial"];
    let asked: [&[&str]; 7] = [
        &["rollout", "abort", "1", why[0], why[1]],
        &["change", "revoke", "CHG0000001", why[0], why[1]],
        &["change", "cancel", "CHG0000001", why[0], why[1]],
        &["token", "revoke", "1", why[0], why[1]],
        &["build", "withdraw", "1", why[0], why[1]],
        &["cycle", "stop", "1", why[0], why[1]],
        &["lab", "down", "--name", "nolab"],
    ];
    for args in asked {
        let ran = served.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
        assert!(
            ran.err.contains("expected somebody to say yes") && ran.err.contains("`--yes`"),
            "{}",
            ran.err
        );
        // Said with a yes it goes as far as what is not there.
        assert_ne!(served.run(&[args, &["--yes"]].concat()).code, 2, "{args:?}");
    }
}

/// Names of seventy characters and people who say much: tables fit a narrow terminal all the same.
#[test]
fn tables_fit_eighty_columns() {
    let served = Served::new();
    served.failed_cycle();
    let reason =
        "a reason that is as long as reasons are where somebody explains the whole story to the auditor";
    let exempt = ["exemption", "add", "prod-*", "--owner", "the-team-that-owns-it", "--until", "2999-12-01"];
    served.good(&[&exempt[..], &["--reason", reason]].concat());
    let roles = ["operator", "approver", "lead", "sre-oncall"].map(|role| ["--role", role]).concat();
    served.good(&[&["token", "new", "the-pipeline-of-the-weekly-build"], &roles[..]].concat());
    let listed: [&[&str]; 15] = [
        &["cycle", "list"],
        &["cycle", "show", "1"],
        &["cycle", "weeks"],
        &["rollout", "list"],
        &["change", "list", "--all"],
        &["train", "list"],
        &["ticket", "list", "--all"],
        &["token", "list"],
        &["exemption", "list"],
        &["errand", "list"],
        &["build", "known"],
        &["channel", "known"],
        &["pipeline", "list"],
        &["fleet", "lookup", "environment=prod", "--cross-region"],
        &["status"],
    ];
    for args in listed {
        let ran = served.run_at(args, "80");
        assert!(ran.code <= 1, "{args:?}: {}", ran.err);
        let longest = ran.out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= 80, "{args:?}: {longest} columns\n{}", ran.out);
    }
    let names = served.run_at(&["fleet", "lookup", "environment=prod", "--cross-region"], "40").out;
    assert!(names.contains("prod-syd01-carrier1-worker-1001\n"), "names stay whole: {names}");
}
