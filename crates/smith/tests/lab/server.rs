//! `smith serve` over the machines of a lab.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::site::Site;
use super::world::{Said, World};

pub(crate) struct Serving<'w> {
    world: &'w World,
    pub(crate) folder: PathBuf,
    child: Option<Child>,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl<'w> Serving<'w> {
    /// Serves the pipeline over these machines of the lab.
    pub(crate) fn new(world: &'w World, site: &Site<'_>, pipeline: &str, machines: &[&str]) -> Self {
        let folder = site.path("server");
        fs::create_dir_all(folder.join("pipelines")).unwrap();
        fs::write(folder.join("pipelines/all.yaml"), pipeline).unwrap();
        let lab = world.folder();
        let settings = format!(
            "site: lab\ndata: data\nlisten: {{socket: smith.sock, http: '127.0.0.1:0'}}\ninventory: inventory/sources.yaml\n\
             inventory-every: 1s\npipelines: pipelines\nstore: {}\nmirrors: {{default: '{}'}}\nssh: {{identity: {}}}\n",
            site.path("store").display(),
            site.address(),
            lab.join("keys/controller").display(),
        );
        fs::write(folder.join("smith.yaml"), settings).unwrap();
        fs::create_dir_all(folder.join("inventory")).unwrap();
        fs::copy(lab.join("inventory/sources.yaml"), folder.join("inventory/sources.yaml")).unwrap();
        let mut serving = Self { world, folder, child: None };
        serving.list(machines);
        serving.start();
        let counted =
            if machines.len() == 1 { "1 machine," } else { &format!("{} machines,", machines.len()) };
        world.eventually("the build and the machines", || {
            let status = serving.good(&["status"]);
            (status.contains(counted) && status.contains("1 build")).then_some(())
        });
        serving
    }

    pub(crate) fn start(&mut self) {
        let config = self.folder.join("smith.yaml");
        let log = File::create(self.folder.join("log")).unwrap();
        let mut command = self.world.smith(&["serve", "--config", config.to_str().unwrap()]);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.world
            .eventually("a server that answers", || (self.ask(&["status"]).code == Some(0)).then_some(()));
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn ask(&self, args: &[&str]) -> Said {
        Said::of(self.world.smith(args).env("SMITH_SERVER", self.folder.join("smith.sock")))
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let said = self.ask(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    /// The address that the server says it listens at.
    pub(crate) fn address(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        let line = log.lines().find_map(|line| line.strip_prefix("listening at http://"));
        format!("http://{}", line.unwrap().trim())
    }

    /// Root has asked, so somebody else says yes, by a token of their own.
    pub(crate) fn approve_as_lead(&self, change: &str) {
        let own = self.ask(&["change", "approve", change]);
        assert!(own.code == Some(5) && own.err.contains("S0409"), "{own:?}");
        let secret = self.good(&["token", "new", "lead", "--role", "approver", "--role", "lead"]);
        let mut command = self.world.smith(&["change", "approve", change]);
        let said = Said::of(command.env("SMITH_SERVER", self.address()).env("SMITH_TOKEN", secret.trim()));
        assert!(said.code == Some(0) && said.out.contains("approved by: lead"), "{said:?}");
    }

    /// The inventory has these machines of the lab from now on.
    pub(crate) fn list(&self, machines: &[&str]) {
        let all = fs::read_to_string(self.world.folder().join("inventory/machines.yaml")).unwrap();
        let (head, entries) = all.split_once("  - name: ").unwrap();
        let mut text = head.to_owned();
        for entry in entries.split("  - name: ") {
            let name = entry.lines().next().unwrap();
            if machines.contains(&name) {
                text.push_str("  - name: ");
                text.push_str(entry);
            }
        }
        let file = self.folder.join("inventory/machines.yaml");
        fs::write(file.with_extension("new"), text).unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    }

    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(&[args, &["--json"]].concat())).unwrap()
    }

    pub(crate) fn project(&self) -> serde_json::Value {
        self.json(&["rollout", "show", "1"])
    }

    /// Ends the server and has its journal verified.
    pub(crate) fn audit(&mut self) {
        self.kill();
        let journal = self.folder.join("data/journal.db");
        let verified = Said::of(&mut self.world.smith(&["audit", "verify", journal.to_str().unwrap()]));
        assert_eq!(verified.code, Some(0), "{verified:?}");
    }
}
