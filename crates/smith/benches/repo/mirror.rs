//! A mirror of 63,000 packages that gets the next build, and old builds that go.

use std::fs;
use std::path::Path;
use std::process::Command;

use smith_repo::mirror::{Held, ServeLimits, Serving};
use smith_repo::name::BuildNumber;
use smith_repo::store::Store;

use crate::Outcome;
use crate::measure::{Cost, median, run};
use crate::place::{Place, is_installed, settle};
use crate::table::{Goal, Table};

/// Builds of which it is found out what one of them alone needs: a year of weeks.
const YEAR: u32 = 52;

/// A store with a build for each state.
fn site(place: &Place, name: &str) -> Outcome<std::path::PathBuf> {
    let store = place.store(name)?;
    let recipe = place.folder.join("mirror.yaml");
    place.upstream.recipe(&recipe, "gz, zst")?;
    for state in 1..place.runs + 2 {
        place.upstream.show(state)?;
        run(place.smith(&store).args(["build", "create"]).arg(&recipe))?;
    }
    Ok(store)
}

pub(crate) fn sync(place: &Place, table: &mut Table) -> Outcome {
    let path = site(place, "site")?;
    let store = Store::open(&path)?;
    let serving = Serving::start(&store, ([127, 0, 0, 1], 0).into(), ServeLimits::default())?;
    let (mirror, from) = (place.fresh("mirror")?, format!("http://{}", serving.address()));
    let keyring = place.keyring("site");
    let sync = |build: u32| {
        let mut command = place.smith(&mirror);
        command.args(["mirror", "sync", &build.to_string(), "--from", &from, "--keyring"]).arg(&keyring);
        command
    };
    settle();
    let first = run(&mut sync(1))?;
    table.row("sync 63k, the first build", "smith", first, Vec::new());
    let (mut costs, mut shares) = (Vec::new(), Vec::new());
    for build in 2..place.runs + 2 {
        settle();
        let before = serving.counts().bytes;
        costs.push(run(&mut sync(build))?);
        let sent = (serving.counts().bytes - before) as f64;
        shares.push(sent / new_bytes(&store, build)? as f64);
    }
    let changed = median(&costs);
    shares.sort_by(f64::total_cmp);
    let mut goals = vec![Goal::at_most("bytes beside the new objects", "x", shares[shares.len() / 2], 1.02)];
    let last = place.runs + 1;
    let same = place.measured(|_| Ok(sync(last)))?;
    let peer = rsync(place)?;
    if let Some((_, peer, _)) = &peer {
        goals.push(Goal::at_most("time beside rsync", "x", changed.wall / peer.wall, 0.3));
    }
    table.row("sync 63k, 2 % changed", "smith", changed, goals);
    table.row("sync 63k, nothing to do", "smith", same, vec![Goal::at_most("time", "s", same.wall, 0.2)]);
    match peer {
        Some((first, changed, same)) => {
            table.row("sync 63k, the first build", "rsync", first, Vec::new());
            table.row("sync 63k, 2 % changed", "rsync", changed, Vec::new());
            table.row("sync 63k, nothing to do", "rsync", same, Vec::new());
        }
        None => Table::skipped("sync 63k", "rsync"),
    }
    Ok(())
}

/// Of the objects that the build before does not have.
fn new_bytes(store: &Store, build: u32) -> Outcome<u64> {
    let read = |build: u32| -> Outcome<std::collections::BTreeMap<_, _>> {
        let held = Held::read(store, BuildNumber(build))?;
        Ok(held.manifest.files().iter().map(|file| (file.hash, file.size)).collect())
    };
    let before = read(build - 1)?;
    let new = read(build)?.into_iter().filter(|(hash, _)| !before.contains_key(hash));
    Ok(new.map(|(_, size)| size).sum())
}

/// The first copy, two of a hundred changed, nothing to do: as people do it, with links to the copy before.
fn rsync(place: &Place) -> Outcome<Option<(Cost, Cost, Cost)>> {
    if !is_installed("rsync") {
        return Ok(None);
    }
    let target = place.fresh("rsync")?;
    let copy = |from: &Path, to: u32, before: Option<u32>| {
        let mut command = Command::new("rsync");
        command.arg("-a");
        if let Some(before) = before {
            command.arg(format!("--link-dest={}", target.join(before.to_string()).display()));
        }
        command.arg(format!("{}/", from.display())).arg(target.join(to.to_string()));
        command
    };
    settle();
    let first = run(&mut copy(&place.upstream.tree(1), 1, None))?;
    let mut costs = Vec::new();
    for state in 2..place.runs + 2 {
        settle();
        costs.push(run(&mut copy(&place.upstream.tree(state), state, Some(state - 1)))?);
    }
    let last = place.runs + 1;
    let same = place.measured(|_| Ok(copy(&place.upstream.tree(last), last, None)))?;
    Ok(Some((first, median(&costs), same)))
}

pub(crate) fn purge(place: &Place, table: &mut Table) -> Outcome {
    let store = site(place, "purge")?;
    let recipe = place.folder.join("mirror.yaml");
    let present = || -> Outcome<u32> { Ok(u32::try_from(Store::open(&store)?.builds_present()?.len())?) };
    while present()? < YEAR {
        run(place.smith(&store).args(["build", "create", "--even-if-unchanged"]).arg(&recipe))?;
    }
    let decided = place.measured(|_| {
        let mut command = place.smith(&store);
        command.args(["build", "purge", "--keep-newest", "2", "--dry-run"]);
        Ok(command)
    })?;
    let goals = vec![
        Goal::at_most("time", "s", decided.wall, 0.5),
        Goal::at_most("memory", "MB", decided.rss as f64 / 1e6, 200.0),
    ];
    table.row("purge 52 builds, only said", "smith", decided, goals);
    let one = place.measured(|number| {
        let mut command = place.smith(&store);
        command.args(["build", "purge", &(number + 1).to_string(), "--yes"]);
        Ok(command)
    })?;
    table.row("purge one of 52 builds", "smith", one, vec![Goal::at_most("time", "s", one.wall, 1.0)]);
    // Two gigabytes of names are not left lying about.
    Ok(fs::remove_dir_all(&store)?)
}
