//! `smith mirror rename`: another name for a mirror.

use clap::Args;
use smith_repo::mirror::{Action, Good, Mode, Outcome, rename_mirror};
use smith_repo::name::MirrorName;

use crate::failure::{Exit, Failure};
use crate::input::{self, DryRun, StoreArgs};
use crate::output::{self, GOOD, styled};

/// Give a mirror another name.
///
/// A folder that is called like the mirror is renamed too; what clients read is then elsewhere.
/// A run that was killed half way is finished by the same command.
#[derive(Debug, Args)]
pub(super) struct Rename {
    /// The mirror
    #[arg(value_name = "OLD")]
    old: MirrorName,
    /// What it is to be called
    #[arg(value_name = "NEW")]
    new: MirrorName,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    dry_run: DryRun,
}

pub(super) fn run(args: &Rename) -> Result<Exit, Failure> {
    let (site, mode) = (args.store.open()?, input::mode(args.dry_run));
    let (old, new) = (&args.old, &args.new);
    let renamed = rename_mirror(&site, old, new, mode).map_err(input::registry)?;
    let place = &renamed.mirror.place;
    let folder = match (&renamed.moved_from, mode) {
        (Some(from), Mode::Do) => format!("its folder moved from {} to {place}", from.display()),
        (Some(from), Mode::DryRun) => format!("its folder would move from {} to {place}", from.display()),
        (None, Mode::Do) => format!("it stays at {place}"),
        (None, Mode::DryRun) => format!("it would be at {place}"),
    };
    if mode == Mode::DryRun {
        output::data(&format!("would rename mirror {old} to {new}; {folder}\n"))?;
        return Ok(Exit::Good);
    }
    let good = Good { state: format!("renamed-from-{old}"), objects: 0, bytes: 0, seconds: 0.0 };
    input::tell(&site, &[Outcome::did(new, Action::Rename, None, good)], mode)?;
    output::data(&format!("{} mirror {old} is {new} now; {folder}\n", styled(GOOD, "good:")))?;
    Ok(Exit::Good)
}
