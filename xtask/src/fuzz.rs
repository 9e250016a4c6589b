//! schemathesis: requests made of the OpenAPI document, by a program that we did not write. Which version, where it is kept,
//! and how it is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::{cargo, probe, run as run_command};

const VERSION: &str = "4.32.5";

/// Requests for each operation and kind of run: about half a minute together.
const EXAMPLES: &str = "30";

/// Runs the test that serves a site and sends the requests; says why not where schemathesis is not there.
pub(crate) fn check(target_directory: &Path) -> Result<Option<String>, Failure> {
    let Some(program) = installed(target_directory) else {
        return Ok(Some(format!("schemathesis {VERSION} is not there; `cargo xtask setup` installs it")));
    };
    let mut command = cargo(["test", "--package", "smith-server", "--locked", "--test", "http", "fuzz"]);
    command.args(["--", "--nocapture"]).env("SMITH_SCHEMATHESIS", program);
    run_command(command.env("SMITH_SCHEMATHESIS_EXAMPLES", EXAMPLES))?;
    Ok(None)
}

/// Installs beside the build's own output. Where Python has no `venv`, the gate goes without, and says so.
pub(crate) fn install(target_directory: &Path) -> Result<(), Failure> {
    if let Some(program) = installed(target_directory) {
        println!("schemathesis {VERSION} is there: {}", program.display());
        return Ok(());
    }
    if probe(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_none() {
        println!("schemathesis is left out: expected python3 with venv, found none (Debian: python3-venv)");
        return Ok(());
    }
    let root = root(target_directory);
    run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&root))?;
    let mut pip = Command::new(root.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).arg(format!("schemathesis=={VERSION}"));
    run_command(&mut pip)
}

fn installed(target_directory: &Path) -> Option<PathBuf> {
    let own = root(target_directory).join("bin/schemathesis");
    probe(Command::new(&own).arg("--version")).filter(|version| is_wanted(version)).map(|_| own)
}

fn is_wanted(version: &str) -> bool {
    version.split_whitespace().last() == Some(VERSION)
}

fn root(target_directory: &Path) -> PathBuf {
    target_directory.join("tools/schemathesis")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_version_will_do() {
        assert!(is_wanted("st, version 4.32.5"));
        assert!(!is_wanted("st, version 4.32.50"));
        assert!(!is_wanted(""));
    }
}
