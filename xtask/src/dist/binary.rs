//! The agent, built small and without anything that it would need of a machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::elf;
use super::target::Target;
use crate::failure::Failure;
use crate::process::{cargo, run as run_command};

const PACKAGE: &str = "smith-agent";

/// What a machine with a full disk still has room for, and a slow line still carries in seconds.
const MOST: u64 = 6 << 20;

/// Builds it and looks at what came of it.
pub(super) fn build(target: Target, target_directory: &Path) -> Result<PathBuf, Failure> {
    let mut command =
        cargo(["build", "--locked", "--profile", "agent", "--package", PACKAGE, "--bin", PACKAGE]);
    command.args(["--target", target.triple]).env("RUSTFLAGS", flags(target)?);
    if target.is_musl() && !target.is_own() {
        // The linker that comes with Rust knows every architecture, and nothing else is needed without a C library.
        let name = target.triple.replace('-', "_").to_uppercase();
        command.env(format!("CARGO_TARGET_{name}_LINKER"), "rust-lld");
    }
    run_command(&mut command)?;
    let path = target_directory.join(target.triple).join("agent").join(PACKAGE);
    let bytes =
        fs::read(&path).map_err(|source| Failure::Read { path: path.display().to_string(), source })?;
    let wrong =
        |expected: String, found: String| Failure::Dist { what: path.display().to_string(), expected, found };
    if let Some(found) = elf::needs(&bytes) {
        return Err(wrong("a program that needs no other file".to_owned(), found));
    }
    if bytes.len() as u64 > MOST {
        return Err(wrong(format!("at most {MOST} bytes"), bytes.len().to_string()));
    }
    Ok(path)
}

/// Paths of the builder are not part of what is built: the same source gives the same bytes everywhere.
fn flags(target: Target) -> Result<String, Failure> {
    let root = env::current_dir().map_err(|source| Failure::Read { path: ".".to_owned(), source })?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut flags = vec!["-C target-feature=+crt-static".to_owned()];
    if !target.is_musl() {
        // A program that the kernel may put anywhere is loaded by something, which this is not.
        flags.push("-C relocation-model=static".to_owned());
    }
    for (path, name) in [(Some(root), "smith"), (home, "cargo")] {
        flags.extend(path.map(|path| format!("--remap-path-prefix={}={name}", path.display())));
    }
    Ok(flags.join(" "))
}
