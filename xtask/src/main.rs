//! The chores of this repository, run as `cargo xtask COMMAND`.
//!
//! `ci` is the whole gate; every other command is one part of it or a short name for a long command line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a person at a terminal")]

mod bench;
mod ci;
mod deny;
mod dist;
mod failure;
mod fuzz;
mod metadata;
mod mutants;
mod process;
mod setup;
mod sim;
mod tidy;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::failure::Failure;

struct Command {
    name: &'static str,
    /// What follows the name on the command line.
    usage: &'static str,
    what: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const COMMANDS: [Command; 7] = [
    Command {
        name: "ci",
        usage: "[--only STAGE] [--skip STAGE] [--advisories]",
        what: "run the gate, stop at the first stage that fails",
        run: ci::run,
    },
    Command { name: "tidy", usage: "", what: "check the rules of the house", run: tidy::run },
    Command { name: "sim", usage: "ARGS…", what: "run the simulator", run: sim::run },
    Command { name: "bench", usage: "NAME ARGS…", what: "run a named benchmark", run: bench::run },
    Command {
        name: "dist",
        usage: "[--only agent|server] [--target TRIPLE] [--try]",
        what: "build the agent, the server and their Debian packages",
        run: dist::run,
    },
    Command { name: "mutants", usage: "ARGS…", what: "mutate the rules of rollouts", run: mutants::run },
    Command { name: "setup", usage: "", what: "install what the gate needs", run: setup::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.chain());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        print!("{}", help());
        return Err(Failure::Usage("expected a command, found none".to_owned()));
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", help());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name.as_str()) else {
        let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        return Err(Failure::Usage(format!("expected one of {}, found {name:?}", names.join(", "))));
    };
    enter_root()?;
    (command.run)(rest)
}

fn help() -> String {
    let mut text = "usage: cargo xtask COMMAND\n\n".to_owned();
    for Command { name, usage, what, .. } in &COMMANDS {
        text.push_str(&format!("  {:<52} {what}\n", format!("{name} {usage}")));
    }
    text
}

/// Every path in this program is relative to the root of the repository, wherever it was called from.
fn enter_root() -> Result<(), Failure> {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .ok_or_else(|| Failure::Usage("expected to be run as `cargo xtask`, found no cargo".to_owned()))?;
    let root = PathBuf::from(own).join("..");
    env::set_current_dir(&root).map_err(|source| Failure::Read { path: root.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_names_the_known_ones() {
        let failure = dispatch(&["tidi".to_owned()]).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "expected one of ci, tidy, sim, bench, dist, mutants, setup, found \"tidi\""
        );
        assert_eq!(failure.exit_code(), 2);
    }
}
