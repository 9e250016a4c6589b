//! The agent's package, made of this source, and what `smith agent` says of machines.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::world::{Said, World};

/// The package that `cargo xtask dist` makes. It is made here each time, in the folder that the tests themselves are built in: one
/// that lies there from before may be of another source, and where it is not this takes a second.
pub(crate) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Others may run the same tests; each would make the package in the same place.
        let lock = File::create(folder.join("smith-agent.lock")).unwrap();
        lock.lock().unwrap();
        let made = make(folder.parent().unwrap());
        let kept = folder.join("smith-agent.deb");
        if !fs::read(&kept).is_ok_and(|bytes| bytes == fs::read(&made).unwrap()) {
            // By a rename, so that nobody who has it open sees it change.
            let new = kept.with_extension("new");
            fs::copy(made, &new).unwrap();
            fs::rename(new, &kept).unwrap();
        }
        kept
    })
}

fn make(target: &Path) -> PathBuf {
    let made = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--", "dist", "--only", "agent"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
    let mut made = said.lines().filter_map(|line| line.split(" (").next()).map(PathBuf::from);
    made.rfind(|path| path.extension().is_some_and(|end| end == "deb")).unwrap()
}

impl World {
    /// Boots so many machines with the agent, and gives their names.
    pub(crate) fn up_with_agent(&self, machines: usize) -> Vec<String> {
        let package = package().to_str().unwrap();
        self.good(&["up", "--machines", &machines.to_string(), "--agent", package]);
        let name = |machine: &serde_json::Value| machine["name"].as_str().unwrap().to_owned();
        self.machines().iter().map(name).collect()
    }

    /// `smith agent run` or another command that reaches machines, as a controller has it.
    pub(crate) fn controller(&self, args: &[&str]) -> Command {
        let mut command = self.smith(args);
        command.arg("--inventory").arg(self.folder().join("inventory/sources.yaml"));
        command.arg("--identity").arg(self.folder().join("keys/controller"));
        command
    }

    pub(crate) fn agent(&self, machine: &str, args: &[&str]) -> Said {
        Said::of(&mut self.controller(&[&["agent", "run", machine], args].concat()))
    }

    /// The first line of a good answer.
    pub(crate) fn agent_good(&self, machine: &str, args: &[&str]) -> String {
        let said = self.agent(machine, args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.line()
    }
}
