//! Procedures in a second, and what is answered meanwhile.

use std::time::Instant;

use crate::Outcome;
use crate::load::Load;
use crate::measure::{Cost, median};
use crate::process::Process;
use crate::site::Site;
use crate::size::Size;
use crate::table::{Goal, Table};

/// Rollouts over all machines, one after the other, while people look on.
pub(crate) fn pace(size: &Size, table: &mut Table) -> Outcome {
    let site = Site::of(size.machines)?;
    let server = Process::start(&site)?;
    server.until_furnished(size.machines)?;
    let mut build = 1;
    // Before anything is measured, one rollout: the estimates and the allocator's pools are then as in a server that has run.
    let mut project = server.begin(build)?;
    server.until_done(project, size.machines)?;
    let load = Load::begin(&server, size.requests, project)?;
    let mut costs = Vec::new();
    for _ in 0..size.runs {
        let (cpu, began) = (server.cpu()?, Instant::now());
        for _ in 0..size.rollouts {
            build += 1;
            project = server.begin(build)?;
            load.ask_for(project);
            server.until_done(project, size.machines)?;
        }
        let wall = began.elapsed().as_secs_f64();
        costs.push(Cost { wall, cpu: server.cpu()? - cpu, rss: server.peak()? });
    }
    let seen = load.end(server.status()?.rows)?;
    let cost = median(&costs);
    let procedures = f64::from(size.machines * size.rollouts);
    let each = cost.cpu * 1_000_000.0 / procedures;
    let mut goals = Vec::new();
    if size.is_judged() {
        goals.push(Goal::at_least("procedures a second", "", procedures / cost.wall, 2_000.0));
        goals.push(Goal::at_most("p99 of GET", "ms", seen.answers.permille(990), 20.0));
    }
    table.row(&format!("{procedures} procedures"), "smith", cost, goals);
    println!("  processor {each:.0} us a procedure, with all its events, answers and streams");
    println!("  of the project {}", seen.answers);
    println!("  of a probe that looks at nothing {}", seen.control);
    println!(
        "  {} events streamed, none missing, the last {:.0} ms late",
        seen.events,
        seen.behind.as_secs_f64() * 1e3
    );
    Ok(())
}
