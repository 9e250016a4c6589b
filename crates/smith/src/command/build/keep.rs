//! `smith build keep`: builds that stay whatever their age.

use clap::Args;
use smith_repo::name::BuildNumber;
use smith_repo::retention::{Pin, Pins};

use super::purge::failed;
use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, GOOD, styled};

/// Keep a build whatever its age, with a reason; `--end` ends that.
#[derive(Debug, Args)]
pub(super) struct KeepBuild {
    /// The build
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Who keeps it
    #[arg(long, value_name = "NAME", default_value_t = input::who())]
    who: String,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
    /// It need not be kept any more
    #[arg(long, conflicts_with = "reason")]
    end: bool,
}

pub(super) fn run(args: &KeepBuild) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let pin = args.reason.as_deref().filter(|_| !args.end).map(input::reason).transpose()?;
    if !store.build(args.build).exists() && !store.archived(args.build).exists() {
        let error = format!("expected a build that there is, found {}", args.build);
        return Err(Failure::new(Exit::NotThere, error));
    }
    let was_kept = Pins::read(&store).map_err(failed)?.0.contains_key(&args.build.0);
    let said = match &pin {
        Some(reason) => format!("build {} is kept whatever its age, by {}: {reason}", args.build, args.who),
        None if was_kept => format!("build {} is kept no more", args.build),
        None => format!("nobody kept build {}", args.build),
    };
    let pin = pin.map(|reason| Pin { by: args.who.clone(), at: input::now(), reason });
    Pins::change(&store, args.build, pin).map_err(failed)?;
    output::data(&format!("{} {said}\n", styled(GOOD, "good:")))?;
    Ok(Exit::Good)
}
