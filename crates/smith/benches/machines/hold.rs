//! Two thousand connections, held by one process that has nothing to do.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use smith_domain::fleet::{CrossRegion, FleetEvent};
use smith_domain::fleet::{Fleet, Selector};
use smith_domain::time::Timestamp;
use smith_server::inventory::{load, load_config};
use smith_server::machine::{Address, Identity, LinkLimits, Links, address_of};
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::measure::Cost;
use crate::street::Street;
use crate::table::{Goal, Table};

pub(crate) const CHILD: &str = "hold-sessions";

const SESSIONS: usize = 2_000;
const IDLE: Duration = Duration::from_secs(10);

/// Started again inside the street: only from there are the doors reached.
pub(crate) fn sessions(_runs: u32, table: &mut Table) -> Outcome {
    let street = Street::of(SESSIONS)?;
    let myself = std::env::current_exe()?;
    let mut command = street.inside(&myself);
    command.arg(CHILD).arg(street.path("sources.yaml")).arg(street.path("controller"));
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall, cpu, before, after, idle] = numbers[..] else {
        return Err(format!("expected five numbers of the child, found {text:?}").into());
    };
    let each = (after - before) / 1024.0 / SESSIONS as f64;
    let goals = vec![
        Goal::at_most("memory a session", "KiB", each, 100.0),
        Goal::at_most("processor in ten idle seconds", "s", idle, 0.1),
    ];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of memory")]
    let cost = Cost { wall, cpu, rss: after as u64 };
    table.row(&format!("{SESSIONS} sessions held"), "smith", cost, goals);
    Ok(())
}

pub(crate) fn child(args: &[String]) -> Outcome {
    let [config, key] = args else { return Err("expected an inventory and a key".into()) };
    let (folder, config) = (Path::new(config).parent().ok_or("a folder")?, load_config(Path::new(config))?);
    let mut fleet = Fleet::default();
    for machines in load(&config, folder)?.into_machines().chunks(1_000) {
        fleet.evolve(&FleetEvent::MachinesJoined { machines: machines.to_vec() }, Timestamp(0));
    }
    let machines = fleet.lookup(&Selector::parse("door-*")?, CrossRegion::Allow)?;
    let addresses: Vec<Address> =
        machines.iter().map(|id| address_of(&fleet, *id)).collect::<Result<_, _>>()?;
    let limits = LinkLimits { sessions: SESSIONS, idle: Duration::from_secs(3_600), ..LinkLimits::default() };
    let links = Links::new(Identity::from_files([key], None)?, limits);
    let before = memory()?;
    let began = std::time::Instant::now();
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let links = Arc::new(links);
        let tasks: Vec<_> = addresses
            .into_iter()
            .map(|address| {
                let links = Arc::clone(&links);
                tokio::spawn(async move { links.open(&address).await })
            })
            .collect();
        let mut held = Vec::with_capacity(tasks.len());
        for task in tasks {
            held.push(task.await??);
        }
        let (wall, cpu, after) = (began.elapsed().as_secs_f64(), processor()?, memory()?);
        tokio::time::sleep(IDLE).await;
        let idle = processor()? - cpu;
        println!("{wall} {cpu} {before} {after} {idle}");
        drop(held);
        Outcome::Ok(())
    })
}

fn memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("expected VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn processor() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("expected a name")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Outcome<f64> { Ok(fields.get(at).ok_or("expected more fields")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
