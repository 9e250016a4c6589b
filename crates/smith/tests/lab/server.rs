//! `smith serve` over the machines of a lab.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::site::Site;
use super::world::{Said, World};

/// Nobody, who has an account on every computer.
const LEAD: u32 = 65_534;

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
        let pipelines = [("all.yaml".to_owned(), pipeline.to_owned())];
        Self::with(world, site, &pipelines, machines)
    }

    /// Serves the pipelines over them.
    pub(crate) fn with(
        world: &'w World,
        site: &Site<'_>,
        pipelines: &[(String, String)],
        machines: &[&str],
    ) -> Self {
        let folder = site.path("server");
        for name in ["pipelines", "inventory"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for (name, text) in pipelines {
            fs::write(folder.join("pipelines").join(name), text).unwrap();
        }
        // So that somebody who is not root comes to the socket.
        for path in folder.ancestors().take_while(|path| path.starts_with(site.path(""))) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let lab = world.folder();
        let settings = format!(
            "site: lab\ndata: data\nlisten: {{socket: smith.sock, group: nogroup, http: '127.0.0.1:0'}}\n\
             inventory: inventory/sources.yaml\ninventory-every: 1s\npipelines: pipelines\nstore: {}\n\
             mirrors: {{default: '{}'}}\nssh: {{identity: {}}}\n\
             people: [{{uid: {LEAD}, name: lena, roles: [approver, lead, sre-lead]}}]\n",
            site.path("store").display(),
            site.address(),
            lab.join("keys/controller").display(),
        );
        fs::write(folder.join("smith.yaml"), settings).unwrap();
        fs::copy(lab.join("inventory/sources.yaml"), folder.join("inventory/sources.yaml")).unwrap();
        fs::write(folder.join("inventory/machines.yaml"), entries(world, machines)).unwrap();
        let mut serving = Self { world, folder, child: None };
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

    /// Somebody else on this computer, who may only say yes and no.
    pub(crate) fn ask_as_lead(&self, args: &[&str]) -> Said {
        let mut command = self.world.smith(args);
        command.env("SMITH_SERVER", self.folder.join("smith.sock"));
        Self::as_lead(&mut command);
        Said::of(&mut command)
    }

    pub(crate) fn as_lead(command: &mut Command) {
        command.uid(LEAD).gid(LEAD).current_dir("/");
    }

    /// Root has asked, so somebody else says yes.
    pub(crate) fn approve_as_lead(&self, change: &str) {
        let own = self.ask(&["change", "approve", change]);
        assert!(own.code == Some(5) && own.err.contains("S0409"), "{own:?}");
        let said = self.ask_as_lead(&["change", "approve", change]);
        assert!(said.code == Some(0) && said.out.contains("approved by: lena"), "{said:?}");
    }

    /// The inventory has these machines of the lab from now on.
    pub(crate) fn list(&self, machines: &[&str]) {
        let file = self.folder.join("inventory/machines.yaml");
        fs::write(file.with_extension("new"), entries(self.world, machines)).unwrap();
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

/// What the lab's own inventory says of these machines.
fn entries(world: &World, machines: &[&str]) -> String {
    let all = fs::read_to_string(world.folder().join("inventory/machines.yaml")).unwrap();
    let (head, entries) = all.split_once("  - name: ").unwrap();
    let is_wanted = |entry: &&str| machines.contains(&entry.lines().next().unwrap());
    entries
        .split("  - name: ")
        .filter(is_wanted)
        .fold(head.to_owned(), |text, entry| text + "  - name: " + entry)
}
