//! Facts of two hundred machines that nobody is connected to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::measure::{Cost, median, run};
use crate::street::Street;
use crate::table::{Goal, Table};

const DOORS: usize = 200;

/// Connections at a time, for every tool that can be told; more of them gain nothing beside one sshd.
const AT_A_TIME: &str = "64";

/// The best that Ansible did here among 5, 25, 50 and 100.
const FORKS: &str = "50";

const ASYNCSSH: &str = r#"
import asyncio, asyncssh, sys
hosts, key, port, user, command = open(sys.argv[1]).read().split(), sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
async def one(host, seats):
    async with seats:
        async with asyncssh.connect(host, port=port, username=user, client_keys=[key], known_hosts=None, config=None) as link:
            return (await link.run(command)).stdout
async def main():
    seats = asyncio.Semaphore(int(sys.argv[6]))
    said = await asyncio.gather(*(one(host, seats) for host in hosts))
    assert all('"ended"' in text for text in said), [text for text in said if '"ended"' not in text][:1]
asyncio.run(main())
"#;

const PARALLEL_SSH: &str = r#"
import sys
from pssh.clients import ParallelSSHClient
hosts = open(sys.argv[1]).read().split()
client = ParallelSSHClient(hosts, pkey=sys.argv[2], port=int(sys.argv[3]), user=sys.argv[4], pool_size=int(sys.argv[6]))
said = ['\n'.join(host.stdout) for host in client.run_command(sys.argv[5])]
assert len(said) == len(hosts) and all('"ended"' in text for text in said), said[:1]
"#;

pub(crate) fn facts(runs: u32, table: &mut Table) -> Outcome {
    let street = Street::of(DOORS)?;
    let work = format!("facts of {DOORS} machines");
    let others = others(&street)?;
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); others.len() + 1];
    // One run of each after the other, so that whatever else the machine does hits all alike.
    for _ in 0..runs {
        costs[0].push(run(&mut ours(&street))?);
        for (at, (_, command)) in others.iter().enumerate() {
            if let Some(command) = command {
                costs[at + 1].push(run(&mut command(&street))?);
            }
        }
    }
    let ours = median(&costs[0]);
    let mut goals =
        vec![Goal::at_most("controller CPU a machine", "ms", ours.cpu * 1000.0 / DOORS as f64, 2.0)];
    for (at, (name, _)) in others.iter().enumerate() {
        if costs[at + 1].is_empty() {
            continue;
        }
        let ratio = median(&costs[at + 1]).wall / ours.wall;
        let least = if name.starts_with("ansible") { 6.0 } else { 1.0 };
        goals.push(Goal::at_least(&format!("machines a second beside {name}"), "x", ratio, least));
    }
    table.row(&work, "smith", ours, goals);
    for (at, (name, _)) in others.iter().enumerate() {
        match costs[at + 1].as_slice() {
            [] => Table::skipped(&work, name),
            costs => table.row(&work, name, median(costs), Vec::new()),
        }
    }
    Ok(())
}

fn ours(street: &Street) -> Command {
    let mut command = street.inside(Path::new(env!("CARGO_BIN_EXE_smith")));
    command.args(["agent", "run", "door-*", "facts", "--json", "--parallel", AT_A_TIME]);
    command.arg("--inventory").arg(street.path("sources.yaml"));
    command.arg("--identity").arg(street.path("controller"));
    command
}

type Other = (&'static str, Option<Box<dyn Fn(&Street) -> Command>>);

fn others(street: &Street) -> Outcome<Vec<Other>> {
    let job = street.job()?;
    let python = python();
    let has = |module: &str| {
        Command::new(&python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|out| out.status.success())
    };
    let script = |name: &'static str, module: &str, text: &str| -> Outcome<Other> {
        if !has(module) {
            return Ok((name, None));
        }
        let file = street.path(&format!("with-{module}.py"));
        fs::write(&file, text)?;
        let (python, job) = (python.clone(), job.clone());
        let make = move |street: &Street| {
            let mut command = street.inside(&python);
            command.arg(&file).arg(street.path("hosts.txt")).arg(street.path("person"));
            command.args(["20022", "smith-bench", &job, AT_A_TIME]);
            command
        };
        Ok((name, Some(Box::new(make))))
    };
    let ansible = python.with_file_name("ansible");
    let ansible = if ansible.exists() {
        let job = job.clone();
        let make = move |street: &Street| {
            let mut command = street.inside(&ansible);
            command
                .args(["all", "-m", "raw", "-f", FORKS, "-i"])
                .arg(street.path("hosts.ini"))
                .arg("-a")
                .arg(&job);
            command.env("ANSIBLE_HOST_KEY_CHECKING", "False").env("ANSIBLE_NOCOLOR", "1");
            // A connection that is kept from the run before is not a cold one.
            command.env("ANSIBLE_SSH_ARGS", "-o ControlMaster=no");
            command.env("ANSIBLE_LOCAL_TEMP", street.path("ansible")).env("HOME", street.path("home"));
            command
        };
        Some(Box::new(make) as Box<dyn Fn(&Street) -> Command>)
    } else {
        None
    };
    Ok(vec![
        script("asyncssh", "asyncssh", ASYNCSSH)?,
        script("parallel-ssh", "pssh", PARALLEL_SSH)?,
        ("ansible raw", ansible),
    ])
}

fn python() -> PathBuf {
    std::env::var_os("SMITH_BENCH_VENV")
        .map_or_else(|| PathBuf::from("/usr/bin/python3"), |venv| Path::new(&venv).join("bin/python3"))
}
