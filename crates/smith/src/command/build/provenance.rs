//! `smith build provenance`: where a build and its packages come from.

use clap::Args;
use smith_repo::name::BuildNumber;
use smith_repo::provenance::{package_provenance, provenance};
use smith_repo::select::Pattern;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output;

/// Where a build comes from, for whoever has to vouch for it: the upstreams with the dates, hashes and signers of their
/// Releases, the recipe, the decisions of people with their reasons, and whose signature the build bears.
///
/// With `--package` single packages are followed to the line of the upstream's index that named them, with its hash, through
/// builds that a rule kept them from.
#[derive(Debug, Args)]
pub(super) struct ProvenanceOf {
    /// Its number
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Only packages with this name; `*` and `?` stand for text
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ProvenanceOf) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let not_there = |error| Failure::new(Exit::NotThere, error);
    let Some(name) = &args.package else {
        let found = provenance(&store, args.build, input::now()).map_err(not_there)?;
        if args.json {
            output::json(&found)?;
        } else {
            output::data(&found.to_text())?;
        }
        return Ok(Exit::Good);
    };
    let found = package_provenance(&store, args.build, &Pattern::new(name)).map_err(not_there)?;
    if found.is_empty() {
        let error = format!("expected the name of a package of build {}, found {name:?}", args.build);
        return Err(Failure::new(Exit::NotThere, error));
    }
    if args.json {
        output::json(&found)?;
    } else {
        let texts: Vec<String> = found.iter().map(|one| one.to_text()).collect();
        output::data(&texts.join("\n"))?;
    }
    Ok(Exit::Good)
}
