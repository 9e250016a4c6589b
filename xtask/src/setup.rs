//! `cargo xtask setup`: installs what the gate needs besides Rust itself. Nothing is done twice.

use crate::deny;
use crate::dist;
use crate::failure::Failure;
use crate::fuzz;
use crate::metadata::Metadata;
use crate::process::{cargo, probe, run as run_command};

/// The parts of the toolchain that the gate calls, with the cargo command that shows whether they are there.
const COMPONENTS: [(&str, &str); 2] = [("rustfmt", "fmt"), ("clippy", "clippy")];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(arg) = args.first() {
        return Err(Failure::Usage(format!("setup: expected no arguments, found {arg:?}")));
    }
    for (component, command) in COMPONENTS {
        add(component, command)?;
    }
    dist::add_own()?;
    let target_directory = Metadata::load()?.target_directory;
    deny::install(&target_directory)?;
    fuzz::install(&target_directory)
}

fn add(component: &str, command: &str) -> Result<(), Failure> {
    if let Some(version) = probe(&mut cargo([command, "--version"])) {
        println!("{component} is there: {version}");
        return Ok(());
    }
    // Without a toolchain argument rustup takes the one that rust-toolchain.toml pins.
    run_command(std::process::Command::new("rustup").args(["component", "add", component])).map_err(
        |failure| Failure::Missing {
            what: component.to_owned(),
            hint: format!("install it with rustup or the distribution ({})", failure.chain()),
        },
    )
}
