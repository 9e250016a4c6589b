//! `smith build list`: the builds of a store.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use smith_repo::channel::{self, Trouble};
use smith_repo::fetch::chain;
use smith_repo::lazy::{Here, here};
use smith_repo::manifest::{BuildInfo, BuildState};
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;
use smith_repo::retention::{Pin, Pins, Trashed, trashed};
use smith_repo::store::Store;

use super::purge::{GRACE_HOURS, MENDED_BY, failed};
use crate::failure::{Exit, Failure};
use crate::input::StoreArgs;
use crate::output::{self, Align, BAD, Table, styled};

/// The builds of a store, the newest last, and the channels that are on them; also those that wait for their signatures.
///
/// A build that cannot be read is named beside the others, and ends this with 1.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    store: StoreArgs,
    /// The builds that were purged and lie in the trash instead: `smith build restore` brings them back
    #[arg(long)]
    trash: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A build in the trash.
#[derive(Debug, Serialize)]
struct Purged {
    build: u32,
    purged: String,
    /// When a purge may delete it for good.
    until: String,
    created: String,
    packages: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Line {
    build: u32,
    state: State,
    /// What is said of it, if that can be read.
    #[serde(flatten)]
    told: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lazy: Option<Here>,
    channels: Vec<String>,
    /// Who keeps it whatever its age, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<Pin>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum State {
    Whole(BuildState),
    Damaged(Damaged),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Damaged {
    Damaged,
}

#[derive(Debug, Serialize)]
struct Told {
    created: String,
    packages: u64,
    bytes: u64,
}

fn bad_build(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(Exit::BadInput, error)
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    if args.trash {
        return in_trash(args, &store);
    }
    let (on, mut exit) = channels(&store)?;
    let mut pins = Pins::read(&store).map_err(failed)?;
    let mut lines = Vec::new();
    for (number, state) in builds(&store)? {
        let mut line = Line {
            build: number.0,
            state: State::Whole(state),
            told: None,
            lazy: None,
            channels: on
                .iter()
                .filter(|(build, _)| *build == number.0)
                .map(|(_, name)| name.clone())
                .collect(),
            kept: pins.0.remove(&number.0),
            damage: None,
        };
        match read(&store, number, state) {
            Ok((info, lazy)) => {
                let created = info.created_at.to_string();
                line.told = Some(Told { created, packages: info.package_count, bytes: info.bytes });
                line.lazy = lazy;
            }
            // Somebody has taken it away since the folders were listed.
            Err(_) if !folder(&store, number, state).exists() => continue,
            Err(why) => {
                output::note(&format!("{} build {number}: {why}; {MENDED_BY}", styled(BAD, "bad:")));
                line.state = State::Damaged(Damaged::Damaged);
                line.damage = Some(why);
                exit = Exit::Finding;
            }
        }
        lines.push(line);
    }
    if args.json {
        output::json(&lines)?;
    } else {
        output::data(&table(lines))?;
    }
    Ok(exit)
}

fn builds(store: &Store) -> Result<Vec<(BuildNumber, BuildState)>, Failure> {
    let bad = |error| Failure::new(Exit::BadInput, error);
    let ready = store.builds_present().map_err(bad)?.into_iter().map(|build| (build, BuildState::Ready));
    let waiting =
        store.builds_unsigned().map_err(bad)?.into_iter().map(|build| (build, BuildState::Unsigned));
    let archived =
        store.builds_archived().map_err(bad)?.into_iter().map(|build| (build, BuildState::Archived));
    let mut builds: Vec<_> = ready.chain(waiting).chain(archived).collect();
    builds.sort_unstable();
    Ok(builds)
}

fn folder(store: &Store, number: BuildNumber, state: BuildState) -> PathBuf {
    match state {
        BuildState::Ready => store.build(number),
        BuildState::Unsigned => store.unsigned_build(number),
        BuildState::Archived => store.archived(number),
    }
}

/// What is said of a build, or why that cannot be read.
fn read(store: &Store, number: BuildNumber, state: BuildState) -> Result<(BuildInfo, Option<Here>), String> {
    match state {
        BuildState::Archived => {
            let info = Held::info_of_archived(store, number).map_err(|error| chain(&error))?;
            Ok((info, None))
        }
        BuildState::Ready | BuildState::Unsigned => {
            let info = Held::info_of_any(store, number).map_err(|error| chain(&error))?;
            Ok((info, here(store, number).map_err(|error| chain(&error))?))
        }
    }
}

/// People cut and search in it: a line for each build, however long.
fn table(lines: Vec<Line>) -> String {
    let mut table = Table::new(&[
        ("build", Align::Right),
        ("state", Align::Left),
        ("created", Align::Left),
        ("packages", Align::Right),
        ("bytes", Align::Right),
        ("lazy", Align::Left),
        ("channels", Align::Left),
        ("kept", Align::Left),
    ]);
    for line in lines {
        let state = match line.state {
            State::Whole(state) => state.to_string(),
            State::Damaged(Damaged::Damaged) => "damaged".to_owned(),
        };
        let [created, packages, bytes] = match line.told {
            Some(told) => [told.created, told.packages.to_string(), told.bytes.to_string()],
            None => ["unknown", "", ""].map(str::to_owned),
        };
        table.row([
            line.build.to_string(),
            state,
            created,
            packages,
            bytes,
            line.lazy.map_or_else(String::new, |here| format!("{} of {}", here.here, here.of)),
            line.channels.join(", "),
            line.kept.map_or_else(String::new, |pin| format!("by {}: {}", pin.by, pin.reason)),
        ]);
    }
    table.render(usize::MAX)
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

fn in_trash(args: &List, store: &Store) -> Result<Exit, Failure> {
    let line = |one: Trashed| Purged {
        build: one.build.0,
        purged: one.purged_at.to_string(),
        until: (one.purged_at + SignedDuration::from_hours(GRACE_HOURS)).to_string(),
        created: one.info.created_at.to_string(),
        packages: one.info.package_count,
        bytes: one.info.bytes,
    };
    let lines: Vec<Purged> = trashed(store).map_err(failed)?.into_iter().map(line).collect();
    if args.json {
        output::json(&lines)?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[
        ("build", Align::Right),
        ("purged", Align::Left),
        ("until", Align::Left),
        ("created", Align::Left),
        ("packages", Align::Right),
        ("bytes", Align::Right),
    ]);
    for line in lines {
        let (packages, bytes) = (line.packages.to_string(), line.bytes.to_string());
        table.row([line.build.to_string(), line.purged, line.until, line.created, packages, bytes]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}
