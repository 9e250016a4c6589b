//! Builds of 63,000 packages: the first, of nothing new, and with two of a hundred changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::measure::{Cost, median, run};
use crate::place::{Place, is_installed, settle};
use crate::stubs::PUBLISH;
use crate::table::{Goal, Table};

const MIB: f64 = (1 << 20) as f64;

pub(crate) fn builds(place: &Place, table: &mut Table) -> Outcome {
    let aptly = Peer::measure(place)?;
    let store = place.store("build")?;
    place.upstream.show(1)?;
    let recipe = place.folder.join("build.yaml");
    place.upstream.recipe(&recipe, "gz, zst")?;
    let create = |more: &[&str]| {
        let mut command = place.smith(&store);
        command.args(["build", "create"]).arg(&recipe).args(more);
        command
    };
    settle();
    let first = run(&mut create(&[]))?;
    table.row("first mirror of 63k", "smith", first, Vec::new());
    let same = place.measured(|_| Ok(create(&[])))?;
    let goals = vec![
        Goal::at_most("time", "s", same.wall, 0.5),
        Goal::at_most("memory", "MiB", same.rss as f64 / MIB, 60.0),
    ];
    table.row("nothing changed, 63k", "smith", same, goals);
    publish(place, table, aptly.as_ref())?;
    // As if nothing had ever been packed: the whole of a build but for the downloads.
    let published = place.measured(|_| {
        fs::remove_dir_all(store.join("state/compressed"))?;
        fs::create_dir_all(store.join("state/compressed"))?;
        Ok(create(&["--even-if-unchanged"]))
    })?;
    table.row("a whole new build of 63k", "smith", published, Vec::new());
    let mut costs = Vec::new();
    for state in 2..place.runs + 2 {
        place.upstream.show(state)?;
        settle();
        costs.push(run(&mut create(&[]))?);
    }
    let changed = median(&costs);
    table.row("2 % changed, 63k, all of it", "smith", changed, Vec::new());
    match aptly {
        Some(peer) => peer.rows(table),
        None => Table::skipped("builds of 63k", "aptly"),
    }
    Ok(())
}

/// Indexes, Release and signatures alone: what a publishing tool calls publishing.
fn publish(place: &Place, table: &mut Table, aptly: Option<&Peer>) -> Outcome {
    let command = |store: &Path, state: u32| -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(PUBLISH).arg(store).arg(place.upstream.tree(state));
        Ok(command)
    };
    let first = place.measured(|_| command(&place.store("publish")?, 1))?;
    let mut goals = vec![
        Goal::at_most("time", "s", first.wall, 1.5),
        Goal::at_most("memory", "MiB", first.rss as f64 / MIB, 120.0),
    ];
    if let Some(peer) = aptly {
        goals.push(Goal::at_most("processor time beside aptly", "x", first.cpu / peer.publish.cpu, 0.2));
    }
    table.row("publish 63k, gz and zst", "smith", first, goals);
    let store = place.folder.join("publish");
    let mut costs = Vec::new();
    for state in 2..place.runs + 2 {
        settle();
        costs.push(run(&mut command(&store, state)?)?);
    }
    let changed = median(&costs);
    let goals = vec![
        Goal::at_most("time", "s", changed.wall, 1.0),
        Goal::at_most("memory", "MiB", changed.rss as f64 / MIB, 120.0),
    ];
    table.row("publish 63k, 2 % changed", "smith", changed, goals);
    Ok(())
}

/// What aptly takes for the same.
struct Peer {
    first: Cost,
    same: Cost,
    publish: Cost,
    changed: Cost,
}

impl Peer {
    fn measure(place: &Place) -> Outcome<Option<Self>> {
        if !is_installed("aptly") {
            return Ok(None);
        }
        place.upstream.show(1)?;
        let aptly = Aptly::fresh(place, "aptly-build")?;
        fs::copy(place.upstream.keyring(), aptly.home.join("trustedkeys.gpg"))?;
        let address = format!("{}/", place.upstream.address());
        aptly.run(&["-architectures=amd64", "mirror", "create", "m", &address, "bookworm", "main"])?;
        settle();
        let first = aptly.run(&["mirror", "update", "m"])?;
        let same = place.measured(|_| Ok(aptly.command(&["mirror", "update", "m"])))?;
        aptly.run(&["snapshot", "create", "s1", "from", "mirror", "m"])?;
        let publish = place.measured(|number| {
            if number > 0 {
                aptly.run(&["publish", "drop", "bookworm"])?;
            }
            let how =
                ["publish", "snapshot", "-skip-signing", "-skip-contents", "-distribution=bookworm", "s1"];
            Ok(aptly.command(&how))
        })?;
        let mut costs = Vec::new();
        for state in 2..place.runs + 2 {
            place.upstream.show(state)?;
            settle();
            let snapshot = format!("s{state}");
            let steps = [
                aptly.run(&["mirror", "update", "m"])?,
                aptly.run(&["snapshot", "create", &snapshot, "from", "mirror", "m"])?,
                aptly.run(&[
                    "publish",
                    "switch",
                    "-skip-signing",
                    "-skip-contents",
                    "bookworm",
                    &snapshot,
                ])?,
            ];
            costs.push(Cost {
                wall: steps.iter().map(|step| step.wall).sum(),
                cpu: steps.iter().map(|step| step.cpu).sum(),
                rss: steps.iter().map(|step| step.rss).max().unwrap_or_default(),
            });
        }
        Ok(Some(Self { first, same, publish, changed: median(&costs) }))
    }

    fn rows(&self, table: &mut Table) {
        table.row("first mirror of 63k", "aptly", self.first, Vec::new());
        table.row("nothing changed, 63k", "aptly", self.same, Vec::new());
        table.row("publish 63k, gz and bz2", "aptly", self.publish, Vec::new());
        table.row("2 % changed, 63k, all of it", "aptly", self.changed, Vec::new());
    }
}

/// An aptly with a home of its own.
pub(crate) struct Aptly {
    pub(crate) home: PathBuf,
    config: PathBuf,
}

impl Aptly {
    pub(crate) fn fresh(place: &Place, name: &str) -> Outcome<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let home = place.fresh(name)?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        let config = home.join("aptly.conf");
        let text = serde_json::json!({
            "rootDir": home.join("root"), "architectures": ["amd64"], "gpgProvider": "gpg", "gpgDisableSign": true,
        });
        fs::write(&config, text.to_string())?;
        Ok(Self { home, config })
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("aptly");
        command.env("GNUPGHOME", &self.home).arg(format!("-config={}", self.config.display())).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome<Cost> {
        Ok(run(&mut self.command(args))?)
    }
}
