//! `smith build show`: what a build was made from, and by whom it is signed.

use clap::Args;
use smith_repo::lazy::here;
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;

use crate::failure::{Exit, Failure};
use crate::input::StoreArgs;
use crate::output;

/// Where a build comes from: its upstreams with the dates, hashes and signers of their Releases, and what people decided.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its number
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let info = Held::info_of_any(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))?;
    if args.json {
        output::json(&info)?;
        return Ok(Exit::Good);
    }
    let mut text = format!("build {}, made at {} by {}\n", info.number, info.created_at, info.made_by);
    if !store.build(args.build).exists() {
        text.push_str("unsigned: it waits for `smith build sign`\n");
    }
    if let Some(parent) = info.parent {
        text.push_str(&format!("after build {parent}\n"));
    }
    if let Some(here) = here(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))? {
        text.push_str(&format!("{}\n", super::fetch::words(&here)));
    }
    text.push_str(&format!(
        "{} packages, {} files, {} bytes\n",
        info.package_count, info.file_count, info.bytes
    ));
    text.push_str(&format!("manifest {}\nsigned by {}\n", info.manifest, info.signed_by.join(", ")));
    for one in &info.upstreams {
        text.push_str(&format!("\nupstream {} {} from {}\n", one.name, one.suite, one.uri));
        text.push_str(&format!("   Release of {}, sha256 {}\n", one.date, one.release));
        text.push_str(&format!("   signed by {}\n", one.signers.join(", ")));
        for (path, hash) in &one.indexes {
            text.push_str(&format!("   {path} {hash}\n"));
        }
    }
    for one in &info.changes {
        text.push_str(&format!("\n{} {}: {}; {}\n", one.kind, one.package, one.detail, one.reason));
    }
    output::data(&text)?;
    Ok(Exit::Good)
}
