//! `smith build init`: a recipe to begin with.

use std::path::PathBuf;

use clap::Args;
use smith_repo::name::PartName;
use smith_repo::upstream::{Machine, Unread, Upstream};
use smith_server::config::recipe::written;

use crate::failure::{Exit, Failure};
use crate::input::Unwritable;
use crate::output;

/// Write a recipe that takes everything that a machine's own apt sources name.
///
/// Sources that cannot be an upstream are named with the reason: those that are trusted without a signature, and those
/// whose key stands in the source itself.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where the machine's file system begins, or its `etc/apt`
    #[arg(long, value_name = "FOLDER", default_value = "/", default_missing_value = "/", num_args = 0..=1)]
    from_apt: PathBuf,
    /// What dpkg calls the machine's architecture
    #[arg(long, value_name = "NAME", default_value = "amd64")]
    architecture: PartName,
    /// The recipe; standard output unless said. A file that is there is not replaced
    #[arg(value_name = "RECIPE")]
    recipe: Option<PathBuf>,
}

/// What the sources of this machine's own apt come to, and those that cannot be an upstream.
pub(in crate::command) fn apt_sources() -> Result<(Vec<Upstream>, Vec<Unread>), Failure> {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86" => "i386",
        "arm" => "armhf",
        _ => "amd64",
    };
    let architecture = architecture.parse().map_err(|error| Failure::new(Exit::Bug, error))?;
    let machine = Machine { root: PathBuf::from("/"), architecture };
    machine.upstreams().map_err(|error| Failure::new(Exit::BadInput, error))
}

pub(super) fn run(args: &Init) -> Result<Exit, Failure> {
    let root = match args.from_apt.ancestors().nth(2) {
        Some(root) if args.from_apt.ends_with("etc/apt") => root.to_owned(),
        _ => args.from_apt.clone(),
    };
    let machine = Machine { root, architecture: args.architecture.clone() };
    let (upstreams, unread) = machine.upstreams().map_err(|error| Failure::new(Exit::BadInput, error))?;
    for one in &unread {
        output::note(&format!("{}:{}: left out: {}", one.file, one.line, one.why));
    }
    let text = written(&upstreams);
    match &args.recipe {
        None => output::data(&text)?,
        Some(path) => {
            let new = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            if new.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists) {
                let error = format!("expected no file {}, found one, which is not replaced", path.display());
                return Err(Failure::new(Exit::NotThere, error)
                    .with_hint("give another name, or none: then the recipe goes to standard output"));
            }
            let wrote = new.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
            wrote.map_err(|error| Failure::new(Exit::Output, Unwritable::new(path, error)))?;
        }
    }
    Ok(if unread.is_empty() { Exit::Good } else { Exit::Finding })
}
