//! `smith build packages`: every package of a build.

use clap::Args;
use smith_repo::create::packages_of;
use smith_repo::name::BuildNumber;
use smith_repo::select::Pattern;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output;

/// Every package of a build, one line each: name, version, architecture, where from.
#[derive(Debug, Args)]
pub(super) struct Packages {
    /// Its number
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Only packages with this name; `*` and `?` stand for text
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Packages) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    input::not_archived(&store, args.build)?;
    let list = packages_of(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))?;
    let pattern = args.name.as_deref().map(Pattern::new);
    let wanted: Vec<_> = list
        .packages()
        .iter()
        .filter(|one| pattern.as_ref().is_none_or(|pattern| pattern.matches(&one.name)))
        .collect();
    if args.json {
        output::json(&wanted)?;
        return Ok(Exit::Good);
    }
    let mut text = String::new();
    for one in wanted {
        let origin = &one.origin;
        text.push_str(&format!(
            "{} {} {} {}/{}/{}\n",
            one.name, one.version, one.arch, origin.upstream, origin.suite, origin.component
        ));
    }
    output::data(&text)?;
    Ok(Exit::Good)
}
