//! `smith build list`: the builds of a store.

use clap::Args;
use serde::Serialize;
use smith_repo::channel::{self, Trouble};
use smith_repo::lazy::{Here, here};
use smith_repo::manifest::BuildState;
use smith_repo::mirror::Held;
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::StoreArgs;
use crate::output::{self, Align, BAD, Table, styled};

/// The builds of a store, the newest last, and the channels that are on them; also those that wait for their signatures.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    build: u32,
    state: BuildState,
    created: String,
    packages: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lazy: Option<Here>,
    channels: Vec<String>,
}

fn bad_build(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(Exit::BadInput, error)
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let (on, exit) = channels(&store)?;
    let bad = |error| Failure::new(Exit::BadInput, error);
    let ready = store.builds_present().map_err(bad)?.into_iter().map(|build| (build, BuildState::Ready));
    let waiting =
        store.builds_unsigned().map_err(bad)?.into_iter().map(|build| (build, BuildState::Unsigned));
    let archived =
        store.builds_archived().map_err(bad)?.into_iter().map(|build| (build, BuildState::Archived));
    let mut builds: Vec<_> = ready.chain(waiting).chain(archived).collect();
    builds.sort_unstable();
    let mut lines = Vec::new();
    for (number, state) in builds {
        let info = match state {
            BuildState::Archived => Held::info_of_archived(&store, number),
            BuildState::Ready | BuildState::Unsigned => Held::info_of_any(&store, number),
        };
        let info = info.map_err(|error| Failure::new(Exit::BadInput, error))?;
        lines.push(Line {
            state,
            build: number.0,
            created: info.created_at.to_string(),
            packages: info.package_count,
            bytes: info.bytes,
            lazy: match state {
                BuildState::Archived => None,
                BuildState::Ready | BuildState::Unsigned => here(&store, number).map_err(bad_build)?,
            },
            channels: on
                .iter()
                .filter(|(build, _)| *build == number.0)
                .map(|(_, name)| name.clone())
                .collect(),
        });
    }
    if args.json {
        output::json(&lines)?;
        return Ok(exit);
    }
    let mut table = Table::new(&[
        ("build", Align::Right),
        ("state", Align::Left),
        ("created", Align::Left),
        ("packages", Align::Right),
        ("bytes", Align::Right),
        ("lazy", Align::Left),
        ("channels", Align::Left),
    ]);
    for line in lines {
        table.row([
            line.build.to_string(),
            line.state.to_string(),
            line.created,
            line.packages.to_string(),
            line.bytes.to_string(),
            line.lazy.map_or_else(String::new, |here| format!("{} of {}", here.here, here.of)),
            line.channels.join(", "),
        ]);
    }
    output::data(&table.render(output::WIDTH))?;
    Ok(exit)
}

/// On which builds channels are. A damaged one is named, and no reason not to show the builds.
fn channels(store: &Store) -> Result<(Vec<(u32, String)>, Exit), Failure> {
    let (mut on, mut exit) = (Vec::new(), Exit::Good);
    for name in channel::names(store).map_err(bad_build)? {
        let Some(standing) = channel::standing(store, &name).map_err(bad_build)? else { continue };
        on.extend(standing.build.map(|build| (build.0, name.to_string())));
        for Trouble { path, expected, found } in standing.damage {
            let bad = styled(BAD, "bad:");
            output::note(&format!("{bad} channel {name}: {path}: expected {expected}, found {found}"));
            exit = Exit::Finding;
        }
    }
    Ok((on, exit))
}
