//! The whole process that people know, driven by nothing but the API: with the pipelines that are shipped one test machine,
//! subsets, what is left of dev to stage, a soak, trains and the channel, the canary region, another region. `smith demo`
//! drives the same by lines of the chat.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::agent::package;
use super::server::Serving;
use super::site::{Package, Site};
use super::world::{Said, World};

const PACKAGES: [Package; 1] =
    [Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "", unit: "" }];

/// One machine of each kind that the shipped pipelines speak of.
const FLEET: &str = "\
dev-mon01-infra-test-01 region=us-south cluster=mon01-carrier1
dev-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1
prestage-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1
stgiks-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1
prod-syd01-carrier1-master-01 region=ap-south
prod-syd01-carrier1-worker-1001 region=ap-south
prod-syd01-carrier1-haproxy01 region=ap-south
prod-syd01-carrier1-haproxy02 region=ap-south
prod-dal10-carrier1-master-01 region=us-south
prod-dal10-carrier1-worker-1001 region=us-south
prod-dal10-carrier1-haproxy01 region=us-south
prod-dal10-carrier1-haproxy02 region=us-south
";

const TRAIN: &str = "Squad: conductors
Service: redpill
Title: Update the smith-patching prod symlink from 724 to 1
Environment: ap-south us-south
Details: |
 Testing has been completed from dev to stage in epic #1
Risk: low
DeploymentImpact: small
DeploymentMethod: automated
PlannedStartTime: now
PlannedEndTime: now + 1h
StageDeployDate: 2026-11-20
VendoredOrNonBuilt: true
SecurityOnly: true
BackoutPlan: Revert to previous value
";

/// A config on this fleet takes a tenth of it on a busy computer.
const LONG: Duration = Duration::from_secs(300);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Operator,
    Lead,
}

struct Process<'w> {
    world: &'w World,
    serving: Serving<'w>,
}

impl Process<'_> {
    fn api(&self, who: Who, method: &str, path: &str, body: &Value) -> Value {
        let socket = self.serving.folder.join("smith.sock");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: smith\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let script = "my $s = IO::Socket::UNIX->new(Peer => shift) or die $!; print $s shift; $s->flush; local $/; print <$s>";
        let mut perl = Command::new("perl");
        perl.args(["-MIO::Socket::UNIX", "-e", script]).arg(&socket).arg(&request).current_dir("/");
        if who == Who::Lead {
            Serving::as_lead(&mut perl);
        }
        let said = Said::of(&mut perl);
        let (head, answer) = said.out.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said:?}"));
        assert!(
            head.split(' ').nth(1).is_some_and(|code| code.starts_with('2')),
            "{method} {path} {body}: {}",
            said.out
        );
        serde_json::from_str(answer).unwrap_or_else(|error| panic!("{method} {path}: {error}: {answer}"))
    }

    fn get(&self, path: &str) -> Value {
        self.api(Who::Operator, "GET", path, &Value::Null)
    }

    /// Starts a config and sees it through; the lead says yes to whatever waits for it. Gives how many gates did.
    fn run(&self, config: &str) -> usize {
        let body = json!({"build": 1, "config": config, "reason": "the week"});
        let project = &self.api(Who::Operator, "POST", "/v1/projects", &body)["project"];
        let begun = Instant::now();
        let mut approved = 0;
        loop {
            let found = self.get(&format!("/v1/projects/{project}"));
            if found["state"] != "running" {
                assert_eq!(
                    (&found["state"], &found["totals"]["failed"]),
                    (&"complete".into(), &0.into()),
                    "{found}"
                );
                return approved;
            }
            assert!(begun.elapsed() < LONG, "{found}");
            self.approve_changes();
            for step in found["steps"].as_array().unwrap() {
                let waits = |reason: &Value| reason.as_str().unwrap().contains("waits for approval \"");
                if step["reasons"].as_array().unwrap().iter().any(waits) {
                    let path = format!("/v1/projects/{project}/approve");
                    let said = json!({"step": step["step"], "reason": "looked at"});
                    self.api(Who::Lead, "POST", &path, &said);
                    approved += 1;
                }
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// The lead says yes to all changes that wait for it.
    fn approve_changes(&self) {
        for change in self.get("/v1/changes")["items"].as_array().unwrap() {
            if change["state"] == "waiting for approval" {
                let path = format!("/v1/changes/{}/approve", change["number"].as_str().unwrap());
                self.api(Who::Lead, "POST", &path, &json!({"reason": "looked at"}));
            }
        }
    }

    /// Leads the channel of both regions to the build, under a train.
    fn switch_channel(&self) {
        let raised = self.api(Who::Operator, "POST", "/v1/trains", &json!({"template": TRAIN}));
        let numbers = || {
            let trains = self.get("/v1/trains");
            let train =
                trains["items"].as_array().unwrap().iter().find(|one| one["train"] == raised["train"]);
            let changes = train.unwrap()["changes"].as_array().unwrap().clone();
            let is_number = |one: &Value| one.as_str().unwrap().starts_with("CHG");
            (changes.len() == 2 && changes.iter().all(is_number)).then_some(changes)
        };
        let changes = self.world.eventually("numbers of the train's changes", numbers);
        self.approve_changes();
        self.api(Who::Operator, "POST", "/v1/trains/start", &json!({"changes": changes}));
        for change in &changes {
            let found = self.get(&format!("/v1/changes/{}", change.as_str().unwrap()));
            let said = json!({"build": 1, "region": found["region"], "change": change});
            self.api(Who::Operator, "POST", "/v1/channels/prod", &said);
        }
        let url = "https://evidence.example/smith-prod-symlink-1-evidence.txt";
        let done = json!({"changes": changes, "test_url": url, "test_passed": true});
        self.api(Who::Operator, "POST", "/v1/trains/complete", &done);
        let channels = self.get("/v1/channels");
        assert!(channels.to_string().matches("\"build\":1").count() >= 2, "{channels}");
    }
}

/// The shipped pipelines, but that a day is two seconds.
fn pipelines() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pipelines");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        found.push((name, fs::read_to_string(&path).unwrap().replace("soak: 24h", "soak: 2s")));
    }
    assert!(found.iter().any(|(_, text)| text.contains("soak: 2s")));
    found
}

#[test]
fn the_whole_process_by_the_api() {
    let Some(world) = World::large() else { return };
    let fleet = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(fleet.path(), FLEET).unwrap();
    world.good(&["up", "--fleet", fleet.path().to_str().unwrap(), "--agent", package().to_str().unwrap()]);
    let machines: Vec<String> =
        FLEET.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let site = Site::new(&world, &machines, &PACKAGES);
    let names: Vec<&str> = machines.iter().map(String::as_str).collect();
    let serving = Serving::with(&world, &site, &pipelines(), &names);
    let mut process = Process { world: &world, serving };
    assert_eq!(process.run("buildTestDevToStage"), 0, "gates before production");
    process.switch_channel();
    assert!(process.run("rebootProductionAPSouth") > 0, "nobody was asked before the canary");
    let before = process.get("/v1/machines/prod-dal10-carrier1-worker-1001");
    assert_eq!(before["build"], Value::Null, "{before}");
    assert!(process.run("rebootProductionUSSouth") > 0, "nobody was asked before the next region");

    for machine in &machines {
        site.is_at_build(machine);
        let told = process.get(&format!("/v1/machines/{machine}"));
        assert_eq!(told["build"], 1, "{told}");
    }
    let changes = process.get("/v1/changes");
    let open = changes["items"].as_array().unwrap().iter().filter(|one| one["state"] != "closed").count();
    assert_eq!(open, 0, "{changes}");
    let names =
        ["project-1-rebootStgiksOnly.md", "project-2-patchHaproxy.json", "project-3-rebootCarriers.md"];
    world.eventually("the evidence", || {
        let evidence = process.get("/v1/evidence").to_string();
        names.iter().all(|name| evidence.contains(name)).then_some(())
    });
    process.serving.audit();
}
