//! `smith build fetch`: what a lazy build left at its upstreams.

use clap::Args;
use smith_repo::lazy::{Here, LazyError, fetch, here};
use smith_repo::name::BuildNumber;

use crate::failure::{Exit, Failure};
use crate::input::{self, NetArgs, StoreArgs};
use crate::output::{self, BAD, GOOD, counted, styled};

/// Bring the package files that a build made with `--lazy` left at its upstreams, so that it is whole.
///
/// Interrupted anywhere and started again, it goes on with what it had brought. Ends with 1 when some are nowhere any more.
#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// Its number
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Other stores that may have them, asked before the upstreams: addresses or folders
    #[arg(long, value_name = "URL|FOLDER")]
    from: Vec<String>,
    #[command(flatten)]
    net: NetArgs,
}

/// How much of a lazy build is here.
pub(super) fn words(here: &Here) -> String {
    format!("lazy: {} of {} here", here.here, here.of)
}

pub(super) fn run(args: &Fetch) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let fetcher = args.net.fetcher()?;
    let stores = input::addresses(&args.from);
    let fetched = input::watched(|progress| fetch(&store, args.build, &fetcher, &stores, progress));
    let there = |error| Failure::new(Exit::NotThere, error);
    match fetched {
        Ok(fetched) if fetched.of == 0 => {
            output::data(&format!("{} build {} was made whole\n", styled(GOOD, "good:"), args.build))?;
        }
        Ok(fetched) => {
            let objects = counted(fetched.objects, "package file");
            let line = format!("build {} is whole: {objects}, {} bytes came", args.build, fetched.bytes);
            output::data(&format!("{} {line}\n", styled(GOOD, "good:")))?;
        }
        Err(LazyError::Objects { failed, .. }) => {
            let here = here(&store, args.build).map_err(there)?;
            let here = here.map(|here| words(&here)).unwrap_or_default();
            let mut text = format!("{} build {}, {here}\n", styled(BAD, "bad:"), args.build);
            for one in failed {
                text.push_str(&format!("missing  {one}\n"));
            }
            output::data(&text)?;
            return Ok(Exit::Finding);
        }
        Err(error @ LazyError::Held(_)) => return Err(Failure::new(Exit::NotThere, error)),
        Err(error @ LazyError::Store(_)) => return Err(Failure::new(Exit::Output, error)),
    }
    Ok(Exit::Good)
}
