//! A hundred thousand machines: how much memory they take, and how soon their server is back after it was killed.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::Outcome;
use crate::load::Load;
use crate::measure::{Cost, median};
use crate::process::Process;
use crate::site::Site;
use crate::size::{PATIENCE, Size, Snapshots};
use crate::table::{Goal, Table};

/// When the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Right after a snapshot was kept.
    Fresh,
    /// When the next one is nearly due.
    Stale,
}

/// One rollout over all machines, in the middle of which the server is killed twice; it must end as if nothing had been.
pub(crate) fn large(size: &Size, table: &mut Table) -> Outcome {
    let site = Site::of(size.many)?;
    let server = Process::start(&site)?;
    server.until_furnished(size.many)?;
    let (cpu, began) = (server.cpu()?, Instant::now());
    let project = server.begin(1)?;
    let load = Load::begin(&server, size.requests, project)?;
    await_moment(&site, &server, size, Moment::Fresh)?;
    let wall = began.elapsed().as_secs_f64();
    let cost = Cost { wall, cpu: server.cpu()? - cpu, rss: server.peak()? };
    let mebibytes = cost.rss as f64 / f64::from(1 << 20);
    let goals = vec![Goal::at_most("memory at its peak", "MiB", mebibytes, 1_024.0)];
    let found = server.project(project)?.totals;
    server.kill()?;
    load.drop_all();
    table.row(&format!("{} machines", size.many), "smith", cost, judged(size, goals));
    println!("  {:.0} procedures a second", f64::from(found.pass) / wall);
    println!("  {}", site.last_said("a snapshot is kept")?.unwrap_or_default());
    restarts(&site, project, size, "behind a snapshot", table)?;
    history(&site, table)?;
    bare(&site, project, size, table)?;
    if size.is_judged() {
        let server = Process::start(&site)?;
        await_moment(&site, &server, size, Moment::Stale)?;
        server.kill()?;
        restarts(&site, project, size, "long after a snapshot", table)?;
    }
    let server = Process::start(&site)?;
    server.until_done(project, size.many)
}

fn judged(size: &Size, goals: Vec<Goal>) -> Vec<Goal> {
    if size.is_judged() { goals } else { Vec::new() }
}

/// Waits until the journal is as long as is wanted and its newest snapshot as old.
fn await_moment(site: &Site, server: &Process, size: &Size, moment: Moment) -> Outcome {
    let Snapshots::Awaited { stale } = size.snapshots else {
        return server.until("a long journal", |status| status.rows >= size.rows);
    };
    let since = Instant::now();
    loop {
        let rows = server.status()?.rows;
        let kept = newest_snapshot(site)?;
        let is_there = match moment {
            Moment::Fresh => kept >= size.rows,
            Moment::Stale => rows >= kept + stale,
        };
        if is_there {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(format!("expected {} rows and a snapshot, found {rows} and {kept}", size.rows).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn newest_snapshot(site: &Site) -> Outcome<u64> {
    let journal = Connection::open_with_flags(site.journal(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    journal.busy_timeout(Duration::from_secs(5))?;
    let kept: i64 = journal.query_row("SELECT coalesce(max(seq), 0) FROM snapshots", (), |row| row.get(0))?;
    Ok(u64::try_from(kept)?)
}

/// A restart where no snapshot can be used: after a change of the format, or when all are damaged. The one after it has some again.
fn bare(site: &Site, project: u32, size: &Size, table: &mut Table) -> Outcome {
    let copy = site.copy()?;
    let server = Process::start(&copy)?;
    server.until_it_serves(project)?;
    server.kill()?;
    Connection::open(copy.journal())?.execute("DELETE FROM snapshots", ())?;
    for what in ["without a snapshot", "after one without"] {
        let server = Process::start(&copy)?;
        let wall = server.until_it_serves(project)?.as_secs_f64();
        let cost = Cost { wall, cpu: server.cpu()?, rss: server.peak()? };
        let milestones = newest_snapshot(&copy)?;
        server.kill()?;
        let goals = vec![Goal::at_most("serving after", "s", wall, 10.0)];
        table.row(&format!("restart {what}"), "smith", cost, judged(size, goals));
        println!("  the newest snapshot is at row {milestones}");
    }
    Ok(())
}

/// What happened, asked for in the middle, from the end, and as a file.
fn history(site: &Site, table: &mut Table) -> Outcome {
    let copy = site.copy()?;
    let server = Process::start(&copy)?;
    let rows = server.status()?.rows;
    for (what, path) in [
        ("a page at the beginning", "/v1/audit?limit=100".to_owned()),
        ("a page in the middle", format!("/v1/audit?limit=100&after={}", rows / 2)),
        ("the page after it", format!("/v1/audit?limit=100&after={}", rows / 2 + 100)),
        ("a page of nobody's rows", "/v1/audit?actor=nobody".to_owned()),
        ("the newest rows", "/v1/audit/newest?limit=100".to_owned()),
        ("an export of everything", "/v1/audit/export?everything=true".to_owned()),
    ] {
        let cpu = server.cpu()?;
        let (wall, bytes) = server.fetch(&path)?;
        let cost = Cost { wall: wall.as_secs_f64(), cpu: server.cpu()? - cpu, rss: server.peak()? };
        table.row(what, "smith", cost, Vec::new());
        println!("  {bytes} bytes, of {rows} rows");
    }
    server.kill()
}

/// The same restart again and again, each of a copy of what the killed server has left.
fn restarts(site: &Site, project: u32, size: &Size, what: &str, table: &mut Table) -> Outcome {
    let mut costs = Vec::new();
    let mut rows = 0;
    for _ in 0..size.runs {
        let copy = site.copy()?;
        let server = Process::start(&copy)?;
        let wall = server.until_it_serves(project)?.as_secs_f64();
        costs.push(Cost { wall, cpu: server.cpu()?, rss: server.peak()? });
        rows = server.status()?.rows;
        server.kill()?;
    }
    let cost = median(&costs);
    let goals = vec![Goal::at_most("serving after", "s", cost.wall, 3.0)];
    table.row(&format!("restart {what}"), "smith", cost, judged(size, goals));
    println!("  of {rows} rows");
    Ok(())
}
