//! A server patches real machines, and is killed while it does.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::site::{Package, RUNS, Site};
use super::world::{Said, World};

const PACKAGES: [Package; 2] = [
    Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "sleep 1", unit: "" },
    Package { name: "scripted", epoch: "", depends: "plain", conffile: "", postinst: "sleep 1", unit: "" },
];

/// One step that needs a yes, one machine of the cluster at a time.
const PIPELINE: &str = "pipeline: all
title: all machines
owner: role:operator
steps:
  - step: patch
    title: all machines
    change: {approve: role:lead}
    budget: 0
    bags: [{bag: all, machines: all, parallel: unbounded}]
";

/// `smith serve` over the machines of a lab.
struct Serving<'w> {
    world: &'w World,
    folder: PathBuf,
    child: Option<Child>,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl<'w> Serving<'w> {
    fn new(world: &'w World, site: &Site<'_>) -> Self {
        let folder = site.path("server");
        fs::create_dir_all(folder.join("pipelines")).unwrap();
        fs::write(folder.join("pipelines/all.yaml"), PIPELINE).unwrap();
        let lab = world.folder();
        let settings = format!(
            "site: lab\ndata: data\nlisten: {{socket: smith.sock, http: '127.0.0.1:0'}}\ninventory: {}\n\
             inventory-every: 2s\npipelines: pipelines\nstore: {}\nmirrors: {{default: '{}'}}\nssh: {{identity: {}}}\n",
            lab.join("inventory/sources.yaml").display(),
            site.path("store").display(),
            site.address(),
            lab.join("keys/controller").display(),
        );
        fs::write(folder.join("smith.yaml"), settings).unwrap();
        let mut serving = Self { world, folder, child: None };
        serving.start();
        serving
    }

    fn start(&mut self) {
        let config = self.folder.join("smith.yaml");
        let log = File::create(self.folder.join("log")).unwrap();
        let mut command = self.world.smith(&["serve", "--config", config.to_str().unwrap()]);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.world
            .eventually("a server that answers", || (self.ask(&["status"]).code == Some(0)).then_some(()));
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn ask(&self, args: &[&str]) -> Said {
        Said::of(self.world.smith(args).env("SMITH_SERVER", self.folder.join("smith.sock")))
    }

    fn good(&self, args: &[&str]) -> String {
        let said = self.ask(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    /// The address that the server says it listens at.
    fn address(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        let line = log.lines().find_map(|line| line.strip_prefix("listening at http://"));
        format!("http://{}", line.unwrap().trim())
    }

    /// Somebody asks by a new token of their own, which root has made for them.
    fn ask_as(&self, name: &str, roles: &[&str], args: &[&str]) -> Said {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let secret = self.good(&["token", "new", name].into_iter().chain(roles).collect::<Vec<_>>());
        let mut command = self.world.smith(args);
        Said::of(command.env("SMITH_SERVER", self.address()).env("SMITH_TOKEN", secret.trim()))
    }

    /// Root has made the token of whoever asked, so somebody else says yes.
    fn approve_as_lead(&self, change: &str) {
        let own = self.ask(&["change", "approve", change]);
        assert!(own.code == Some(5) && own.err.contains("S0409"), "{own:?}");
        let said = self.ask_as("lead", &["approver", "lead"], &["change", "approve", change]);
        assert!(said.code == Some(0) && said.out.contains("approved by: lead"), "{said:?}");
    }

    fn project(&self) -> serde_json::Value {
        serde_json::from_str(&self.good(&["rollout", "show", "1", "--json"])).unwrap()
    }
}

/// More than the work takes, killed as often as it is.
const KILLS_MAX: u64 = 40;

#[test]
fn a_server_patches_a_cluster_one_by_one_and_goes_on_however_often_it_is_killed() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(2);
    let site = Site::new(&world, &machines, &PACKAGES);
    let mut serving = Serving::new(&world, &site);
    world.eventually("the build and the machines", || {
        serving.good(&["status"]).contains("2 machines, 1 build").then_some(())
    });
    let started = serving.ask_as("ana", &["operator"], &["chat", "patch 1 config:all"]);
    assert_eq!(started.out.trim(), "starting project ID: 1 patch 1 onto config all", "{started:?}");
    serving.approve_as_lead("CHG0000001");
    let mut kills = 0;
    while serving.project()["state"] == "running" {
        assert!(kills < KILLS_MAX, "{:?}", serving.project());
        // Another moment each time, spread over the whole of the work.
        std::thread::sleep(Duration::from_millis(300 + kills * 370 % 1_900));
        serving.kill();
        serving.start();
        kills += 1;
    }
    eprintln!("the server was killed {kills} times");
    let project = serving.project();
    assert_eq!((&project["state"], &project["totals"]["pass"]), (&"complete".into(), &2.into()), "{project}");
    for machine in &machines {
        site.is_at_build(machine);
        let runs = world.on_good(machine, &format!("cat {RUNS}"));
        assert_eq!(runs, "begin plain\nend plain\nbegin scripted\nend scripted", "{machine}");
    }
    let change: serde_json::Value =
        serde_json::from_str(&serving.good(&["change", "list", "--all", "--json"])).unwrap();
    assert_eq!((change.as_array().unwrap().len(), &change[0]["state"]), (1, &"closed".into()), "{change}");
    let tickets: serde_json::Value =
        serde_json::from_str(&serving.good(&["ticket", "list", "--all", "--json"])).unwrap();
    assert_eq!(tickets.as_array().unwrap().len(), 2, "an epic and a ticket: {tickets}");
    serving.kill();
    let journal = serving.folder.join("data/journal.db");
    let verified = Said::of(&mut world.smith(&["audit", "verify", journal.to_str().unwrap()]));
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
