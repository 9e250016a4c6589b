//! cargo-deny: which version the gate runs, where it is kept, how it is built and what it is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::{cargo, probe, run as run_command};

const VERSION: &str = "0.20.2";

/// Whether the list of known vulnerabilities is fetched and checked; it needs a network that not every builder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advisories {
    Check,
    Leave,
}

pub(crate) fn check(target_directory: &Path, advisories: Advisories) -> Result<(), Failure> {
    let program = installed(target_directory).ok_or_else(|| Failure::Missing {
        what: format!("cargo-deny {VERSION}"),
        hint: "install it with `cargo xtask setup`".to_owned(),
    })?;
    let mut command = Command::new(program);
    command.args(["--locked", "check", "--hide-inclusion-graph"]);
    if advisories == Advisories::Check {
        command.arg("advisories");
    }
    run_command(command.args(["bans", "licenses", "sources"]))
}

/// Installs beside the build's own output, so that the person's own tools are left alone.
pub(crate) fn install(target_directory: &Path) -> Result<(), Failure> {
    if let Some(program) = installed(target_directory) {
        println!("cargo-deny {VERSION} is there: {}", program.display());
        return Ok(());
    }
    println!("cargo-deny {VERSION} is not there; building it takes about two minutes on two cores");
    let root = root(target_directory);
    let build = root.join("build");
    let mut command = cargo(["install", "cargo-deny", "--version", VERSION, "--locked", "--quiet"]);
    command.arg("--root").arg(&root).arg("--target-dir").arg(&build);
    run_command(&mut command)?;
    fs::remove_dir_all(&build).map_err(|source| Failure::Remove { path: build.display().to_string(), source })
}

/// Our own copy, else the person's if it is the same version: another one may judge differently.
fn installed(target_directory: &Path) -> Option<PathBuf> {
    let own = root(target_directory).join("bin/cargo-deny");
    [own, PathBuf::from("cargo-deny")].into_iter().find(|program| {
        probe(Command::new(program).arg("--version")).is_some_and(|version| is_wanted(&version))
    })
}

fn is_wanted(version: &str) -> bool {
    version.split_whitespace().last() == Some(VERSION)
}

fn root(target_directory: &Path) -> PathBuf {
    target_directory.join("tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_version_will_do() {
        assert!(is_wanted("cargo-deny 0.20.2"));
        assert!(!is_wanted("cargo-deny 0.20.20"));
        assert!(!is_wanted(""));
    }
}
