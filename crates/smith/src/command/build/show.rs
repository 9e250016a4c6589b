//! `smith build show`: what a build is, on one page.

use clap::Args;
use serde::Serialize;
use smith_repo::lazy::{Here, here};
use smith_repo::manifest::{BuildInfo, BuildState};
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, counted};

/// What a build is: when it was made and of what, how much of it is here, and what people decided. `smith build provenance`
/// has the hashes and the signers.
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

#[derive(Debug, Serialize)]
struct Answer {
    state: BuildState,
    #[serde(skip_serializing_if = "Option::is_none")]
    lazy: Option<Here>,
    #[serde(flatten)]
    info: BuildInfo,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    input::not_archived(&store, args.build)?;
    let info = Held::info_of_any(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))?;
    let lazy = here(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))?;
    let state = if store.build(args.build).exists() { BuildState::Ready } else { BuildState::Unsigned };
    let answer = Answer { state, lazy, info };
    if args.json {
        output::json(&answer)?;
    } else {
        output::data(&answer.to_text())?;
    }
    Ok(Exit::Good)
}

impl Answer {
    fn to_text(&self) -> String {
        let info = &self.info;
        let mut text = format!("build {}, made at {} by {}\n", info.number, info.created_at, info.made_by);
        if self.state == BuildState::Unsigned {
            text.push_str("unsigned: it waits for `smith build sign`\n");
        }
        if let Some(parent) = info.parent {
            text.push_str(&format!("after build {parent}\n"));
        }
        if let Some(here) = &self.lazy {
            text.push_str(&format!("{}\n", super::fetch::words(here)));
        }
        let (packages, files) = (counted(info.package_count, "package"), counted(info.file_count, "file"));
        text.push_str(&format!("{packages}, {files}, {} bytes\n", info.bytes));
        for one in &info.upstreams {
            text.push_str(&format!("upstream {} {} of {} from {}\n", one.name, one.suite, one.date, one.uri));
            if !one.absent.is_empty() {
                text.push_str(&format!("   does not offer {}\n", one.absent.join(", ")));
            }
        }
        for one in &info.changes {
            text.push_str(&format!("{} {}: {}; {}\n", one.kind, one.package, one.detail, one.reason));
        }
        for note in &info.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        text
    }
}
