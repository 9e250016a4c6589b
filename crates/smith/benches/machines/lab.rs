//! Machines of the lab: how long they take to come up, what they weigh, and what the agent adds to apt.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::Outcome;
use crate::measure::{Cost, median, run};
use crate::street::agent;
use crate::table::{Goal, Table};

const CLUSTERS: &str = "3";
const MACHINES: &str = "4";

/// A lab of the bench's own, removed with it. The base is the one that other labs of this computer use.
struct Lab {
    dir: tempfile::TempDir,
    name: String,
    servers: Vec<Child>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = self.smith(&["lab", "down", "--yes", "--name", &self.name]).stdout(Stdio::null()).status();
    }
}

impl Lab {
    fn new() -> Outcome<Self> {
        let dir = tempfile::Builder::new().prefix("smith-bench").tempdir()?;
        Ok(Self { dir, name: format!("b{}", std::process::id() % 1_000_000), servers: Vec::new() })
    }

    fn smith(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        command
            .args(args)
            .env("SMITH_LAB_DIR", self.dir.path())
            .env("SMITH_STORE", self.dir.path().join("store"));
        command.env("SMITH_INVENTORY", self.dir.path().join(&self.name).join("inventory/sources.yaml"));
        command.env("SMITH_IDENTITY", self.dir.path().join(&self.name).join("keys/controller"));
        command
    }

    fn said(&self, args: &[&str]) -> Outcome<String> {
        let output = self.smith(args).stdin(Stdio::null()).output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            Ok(out.into_owned())
        } else {
            Err(format!("smith {args:?}: {out}{err}").into())
        }
    }

    fn up(&self, clusters: &str, machines: &str) -> Outcome<Command> {
        let agent = agent()?;
        let mut command =
            self.smith(&["lab", "up", "--name", &self.name, "--clusters", clusters, "--machines", machines]);
        command.arg("--agent").arg(agent);
        Ok(command)
    }

    fn seen(&self) -> Outcome<Value> {
        let labs: Value =
            serde_json::from_str(&self.said(&["lab", "list", "--name", &self.name, "--json"])?)?;
        Ok(labs.get(0).cloned().ok_or("expected one lab")?)
    }
}

/// Twelve machines, with the base at hand.
pub(crate) fn twelve(runs: u32, table: &mut Table) -> Outcome {
    let lab = Lab::new()?;
    // The base is fetched once for all labs of a computer, and is not what is measured.
    run(&mut lab.up("1", "1")?)?;
    lab.said(&["lab", "down", "--yes", "--name", &lab.name])?;
    let mut costs = Vec::new();
    let mut heaviest = 0.0_f64;
    for _ in 0..runs {
        costs.push(run(&mut lab.up(CLUSTERS, MACHINES)?)?);
        let seen = lab.seen()?;
        for machine in seen["machines"].as_array().ok_or("expected machines")? {
            heaviest = heaviest.max(machine["memory"].as_f64().unwrap_or(f64::INFINITY));
        }
        lab.said(&["lab", "down", "--yes", "--name", &lab.name])?;
    }
    let cost = median(&costs);
    let goals = vec![
        Goal::at_most("time", "s", cost.wall, 60.0),
        Goal::at_most("memory of the heaviest machine", "MiB", heaviest / f64::from(1 << 20), 60.0),
    ];
    table.row("12 machines of the lab", "smith", cost, goals);
    Ok(())
}

/// The same upgrade of the same machine, by the agent and by hand: one after the other on the same machine, made anew before
/// each, so that whatever the computer does meanwhile hits both alike.
pub(crate) fn patch(runs: u32, table: &mut Table) -> Outcome {
    let mut lab = Lab::new()?;
    run(&mut lab.up("1", "1")?)?;
    let seen = lab.seen()?;
    let machine = seen["machines"][0]["name"].as_str().ok_or("expected a machine")?.to_owned();
    let gateway = seen["gateway"].as_str().ok_or("expected a gateway")?.to_owned();
    let base = lab.serve(&machine, &gateway)?;
    let (mut agent, mut hand) = (Vec::new(), Vec::new());
    let mut packages = [String::new(), String::new()];
    for round in 0..runs {
        // Who begins changes from round to round.
        for turn in 0..2 {
            lab.said(&["lab", "reload", "--yes", "--name", &lab.name, &machine])?;
            let by_agent = (round + turn) % 2 == 0;
            let began = Instant::now();
            if by_agent {
                lab.said(&["agent", "run", &machine, "patch", "--build", "1", "--from", &base])?;
            } else {
                lab.by_hand(&machine, &base)?;
            }
            let cost = Cost { wall: began.elapsed().as_secs_f64(), cpu: 0.0, rss: 0 };
            let list = lab.on(
                &machine,
                "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' | grep -v ^smith-agent",
            )?;
            packages[usize::from(by_agent)] = list;
            if by_agent { agent.push(cost) } else { hand.push(cost) }
        }
        if packages[0] != packages[1] {
            return Err("expected the same packages by hand and by the agent, found others".into());
        }
    }
    let mut ratios: Vec<f64> = agent.iter().zip(&hand).map(|(agent, hand)| agent.wall / hand.wall).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let goals = vec![Goal::at_most("time beside apt-get by hand", "x", ratio, 1.05)];
    table.row("a patch of a real machine", "smith", median(&agent), goals);
    table.row("a patch of a real machine", "apt-get", median(&hand), Vec::new());
    Ok(())
}

impl Lab {
    fn on(&self, machine: &str, script: &str) -> Outcome<String> {
        self.said(&["lab", "ssh", "--name", &self.name, machine, script])
    }

    /// A build of what the machine has installed, served where it can reach it.
    fn serve(&mut self, machine: &str, gateway: &str) -> Outcome<String> {
        let folder = self.dir.path().join("recipe");
        fs::create_dir_all(folder.join("status"))?;
        fs::write(folder.join("status/machine"), self.on(machine, "cat /var/lib/dpkg/status")?)?;
        let recipe = folder.join("recipe.yaml");
        let text = self.said(&["build", "init"])?;
        let taken =
            text.replace("    keyring:", "    take: {installed: [status], closure: depends}\n    keyring:");
        fs::write(&recipe, taken)?;
        self.said(&["build", "key", "new", "--user-id", "Bench <bench@site.example>"])?;
        self.said(&["build", "create", &text_of(&recipe)])?;
        self.said(&["build", "key", "export", &text_of(&self.dir.path().join("keys.gpg"))])?;
        let mut command = self.smith(&["mirror", "serve", "--listen", &format!("{gateway}:0")]);
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let said = server.stdout.take().ok_or("expected its words")?;
        self.servers.push(server);
        // One line, with the address; a mirror that ends closes its side, so nobody waits here for ever.
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim();
        if address.starts_with("http://") {
            Ok(address.to_owned())
        } else {
            Err(format!("expected the mirror to say where it listens, found {address:?}").into())
        }
    }

    /// What an administrator does with the same build: sources, update, dist-upgrade without questions. In the agent's locale:
    /// the scripts of packages are slower with UTF-8 than with none, whoever runs them.
    fn by_hand(&self, machine: &str, base: &str) -> Outcome {
        let keys = fs::read(self.dir.path().join("keys.gpg"))?;
        let octal: String = keys.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let builds = self.dir.path().join("store/builds/1");
        let mut sources = String::new();
        for upstream in fs::read_dir(&builds)?.flatten().filter(|entry| entry.path().join("dists").is_dir()) {
            for suite in fs::read_dir(upstream.path().join("dists"))?.flatten() {
                let (upstream, suite) = (upstream.file_name(), suite.file_name());
                sources.push_str(&format!(
                    "deb [signed-by=/etc/apt/bench.gpg] {base}/builds/1/{} {} main\\n",
                    upstream.display(),
                    suite.display()
                ));
            }
        }
        let script = format!(
            "export LC_ALL=C.UTF-8; printf '{octal}' >/etc/apt/bench.gpg && printf '{sources}' >/etc/apt/sources.list && rm -f /etc/apt/sources.list.d/* && \
             apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Options::=--force-confold dist-upgrade"
        );
        self.on(machine, &script)?;
        Ok(())
    }
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}
