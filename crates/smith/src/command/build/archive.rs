//! `smith build archive` and `smith build restore`: what a build was is kept, its package files are not.

use clap::Args;
use smith_repo::name::BuildNumber;
use smith_repo::retention::{Roots, archive, bring_back};

use super::purge::{failed, tell_of_silent};
use crate::failure::{Exit, Failure};
use crate::input::{self, NetArgs, StoreArgs, Sure};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Keep what builds were, without the package files that no other build has. Clients cannot use them until they are
/// restored. Never a build that `smith build purge` would not take either.
#[derive(Debug, Args)]
pub(super) struct Archive {
    /// The builds
    #[arg(required = true, value_name = "BUILD")]
    builds: Vec<BuildNumber>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    sure: Sure,
}

/// Bring a build back that was archived, or purged within the last day: its package files from the trash, or from other
/// stores that hold them.
///
/// `smith build list --trash` shows the purged ones. Ends with 1 when some are nowhere any more; the build stays archived then.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The build
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Where its package files may be: addresses or folders of other stores
    #[arg(long, value_name = "URL|FOLDER")]
    from: Vec<String>,
    #[command(flatten)]
    net: NetArgs,
}

pub(super) fn run(args: &Archive) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let now = input::now();
    tell_of_silent(&store, now)?;
    let builds = output::numbered("build", &args.builds);
    args.sure
        .or_ask(&format!("archive {builds}? clients cannot use what is archived until it is restored"))?;
    let archived = archive(&store, &args.builds, &Roots::default(), now).map_err(failed)?;
    let mut text = String::new();
    for (build, why) in &archived.kept {
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        text.push_str(&format!("{} build {build}: {}\n", styled(WAITS, "stays:"), why.join(", ")));
    }
    let builds = counted(archived.builds.len() as u64, "build");
    let objects = counted(archived.objects, "object");
    let word = if archived.kept.is_empty() { styled(GOOD, "good:") } else { styled(BAD, "refused:") };
    text.push_str(&format!("{word} {builds} archived: {objects}, {} bytes gone\n", archived.bytes));
    output::data(&text)?;
    Ok(if archived.kept.is_empty() { Exit::Good } else { Exit::Finding })
}

pub(super) fn run_restore(args: &Restore) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let fetcher = args.net.fetcher()?;
    let sources = input::addresses(&args.from);
    let restored = input::watched(|progress| {
        bring_back(&store, args.build, &fetcher, &sources, progress).map_err(failed)
    })?;
    if restored.missing.is_empty() {
        let (trash, fetched) = (counted(restored.from_trash, "object"), counted(restored.fetched, "object"));
        let line = format!("build {} is back: {trash} from the trash, {fetched} fetched", args.build);
        output::data(&format!("{} {line}\n", styled(GOOD, "good:")))?;
        return Ok(Exit::Good);
    }
    let mut text = format!(
        "{} {} nowhere any more\n",
        styled(BAD, "bad:"),
        counted(restored.missing.len() as u64, "file")
    );
    for path in &restored.missing {
        text.push_str(&format!("missing  {path}\n"));
    }
    output::data(&text)?;
    Ok(Exit::Finding)
}
