//! `smith mirror remove`: a mirror that the site knows no more.

use clap::Args;
use smith_repo::mirror::{Action, Good, Keys, Mode, Outcome, remove_mirror, status};
use smith_repo::name::MirrorName;

use crate::failure::{Exit, Failure};
use crate::input::{self, DryRun, StoreArgs};
use crate::output::{self, GOOD, counted, styled};

/// Forget a mirror; what lies there stays.
///
/// Clients go on, and `smith mirror add` makes it known again.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The mirror
    #[arg(value_name = "MIRROR")]
    mirror: MirrorName,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    dry_run: DryRun,
}

pub(super) fn run(args: &Remove) -> Result<Exit, Failure> {
    let (site, mode) = (args.store.open()?, input::mode(args.dry_run));
    let mirror = remove_mirror(&site, &args.mirror, Mode::DryRun).map_err(input::registry)?;
    // Asked before it is forgotten; one that does not answer can be forgotten too.
    let stays = match status(&site, &mirror, &Keys::FromEnvironment) {
        Ok(found) => {
            let held = found.builds.iter().filter(|one| one.state.is_held()).count();
            counted(held as u64, "build")
        }
        Err(_) => "whatever builds there are".to_owned(),
    };
    let (name, place) = (&mirror.name, &mirror.place);
    if mode == Mode::DryRun {
        output::data(&format!("would forget mirror {name}; {stays} would stay at {place}\n"))?;
        return Ok(Exit::Good);
    }
    remove_mirror(&site, name, mode).map_err(input::registry)?;
    let good = Good { state: "removed".to_owned(), objects: 0, bytes: 0, seconds: 0.0 };
    input::tell(&site, &[Outcome::did(name, Action::Remove, None, good)], mode)?;
    output::data(&format!(
        "{} mirror {name} is forgotten; {stays} stay at {place}\n",
        styled(GOOD, "good:")
    ))?;
    Ok(Exit::Good)
}
