//! `smith manual`: manual pages, made of the same words as `--help` and the reference.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};

use crate::failure::{Exit, Failure};
use crate::input::Unwritable;
use crate::output::{self, counted};
use crate::page;

/// Write the manual pages into a folder: one for each command, and smith.yaml(5). The Debian package has them already.
#[derive(Debug, Args)]
pub(super) struct Manual {
    /// The folder; it is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

const SETTINGS: &str = include_str!("../../../../docs/reference/settings.md");

pub(super) fn run(args: &Manual) -> Result<Exit, Failure> {
    let folder = &args.folder;
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    let mut pages = Vec::new();
    // The words `help` and `--help` of each command are the same page.
    let mut whole = super::plain().disable_help_subcommand(true);
    whole.build();
    commands(&whole, None, &mut pages)?;
    let number = pages.len() + 1;
    for (name, bytes) in pages {
        put(folder, &format!("{name}.1"), &bytes)?;
    }
    let settings = page::of_markdown("smith.yaml", "5", "settings of a smith server", SETTINGS);
    put(folder, "smith.yaml.5", settings.as_bytes())?;
    output::note(&format!("{} in {}", counted(number as u64, "page"), folder.display()));
    Ok(Exit::Good)
}

/// `smith-rollout-start` after `smith-rollout` after `smith`.
fn commands(
    command: &Command,
    above: Option<&str>,
    pages: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Failure> {
    let name = match above {
        Some(above) => format!("{above}-{}", command.get_name()),
        None => command.get_name().to_owned(),
    };
    let version = env!("CARGO_PKG_VERSION");
    let man = clap_mangen::Man::new(command.clone()).title(name.clone()).source(format!("smith {version}"));
    let mut bytes = Vec::new();
    man.render(&mut bytes)?;
    pages.push((name.clone(), bytes));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        commands(below, Some(&name), pages)?;
    }
    Ok(())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(|error| unwritten(&path, error))
}

fn unwritten(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::Output, Unwritable::new(path, error))
}
