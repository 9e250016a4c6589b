//! `smith completions`: what makes a shell complete smith's words.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::complete::VARIABLE;
use crate::failure::{Exit, Failure};
use crate::output;

/// Print what makes a shell complete commands, options and names; the Debian package has it already.
///
/// Put `source <(smith completions bash)` into ~/.bashrc, the same with zsh into ~/.zshrc, or
/// `smith completions fish | source` into ~/.config/fish/config.fish. Names of pipelines, machines, builds, channels and mirrors
/// are those of files of this computer that the environment or the settings name; no server is asked.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(args: &Completions) -> Result<Exit, Failure> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let shells = Shells::builtins();
    let unknown = || Failure::new(Exit::Bug, format!("expected to know the shell {name}"));
    let shell = shells.completer(name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "smith", "smith", "smith", &mut script)?;
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Good)
}
