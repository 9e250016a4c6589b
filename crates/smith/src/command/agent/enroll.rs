//! `smith agent enroll`: host keys of machines, recorded after a person has seen them.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use smith_domain::fleet::{CrossRegion, Fleet, Selector};
use smith_domain::id::{AttrName, MachineId, MachineName};
use smith_domain::time::Timestamp;
use smith_server::inventory::{HostKeys, LoadError, read_host_keys};
use smith_server::machine::{LinkLimits, fingerprint, host_key_of};
use tokio::runtime::Runtime;

use crate::failure::{Exit, Failure, What};
use crate::input;
use crate::output::{self, Align, Table, counted};

/// Ask machines for their host keys and record them, in the file that the inventory names as `host-keys`.
///
/// Nothing is logged in and nothing is sent. The keys are shown with their fingerprints before they are recorded; compare them
/// with what the machines' consoles say. A machine that shows another key than the recorded one is refused unless `--replace`
/// is said. Ends with 1 when a machine was not reached or was refused.
#[derive(Debug, Args)]
pub(super) struct Enroll {
    /// For example `prod-dal10-carrier3-worker-*`
    #[arg(required = true, value_name = "SELECTOR")]
    selector: Vec<String>,
    /// The configuration of the inventory (`sources.yaml`)
    #[arg(long, value_name = "CONFIG", env = "SMITH_INVENTORY")]
    inventory: PathBuf,
    /// Machines that show another key than the recorded one were made anew: take the new key
    #[arg(long)]
    replace: bool,
    /// Record without asking
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct One {
    machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    state: State,
    #[serde(skip_serializing_if = "String::is_empty")]
    trouble: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Known,
    New,
    Changed,
    Unreachable,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Known => "known",
            State::New => "new",
            State::Changed => "changed",
            State::Unreachable => "unreachable",
        }
    }
}

pub(super) fn run(args: &Enroll) -> Result<Exit, Failure> {
    let (config, reading) = input::reading(&args.inventory)?;
    let Some(file) = &config.host_keys else {
        let error = format!("expected `host-keys: FILE` in {}, found none", args.inventory.display());
        return Err(
            Failure::new(Exit::BadInput, error).with_hint("docs/reference/inventory.md has an example")
        );
    };
    let path = args.inventory.parent().unwrap_or(Path::new(".")).join(file);
    let mut keys = recorded(&path, file)?;
    let fleet = input::known(reading.into_machines(), Timestamp(0));
    let selector =
        Selector::parse(&args.selector.join(" ")).map_err(|error| Failure::new(Exit::Usage, error))?;
    let machines = fleet.lookup(&selector, CrossRegion::Allow)?;
    let found = ask(&fleet, &machines)?;
    if !args.json {
        show(&found)?;
    }
    let takes = |one: &&One| one.state == State::New || (one.state == State::Changed && args.replace);
    let taken: Vec<&One> = found.iter().filter(takes).collect();
    if !taken.is_empty() && (args.yes || confirmed(taken.len())?) {
        for one in taken {
            let name =
                MachineName::new(one.machine.as_str()).map_err(|error| Failure::new(Exit::Bug, error))?;
            keys.record(name, one.key.clone().unwrap_or_default());
        }
        write(&path, &keys)?;
        output::note(&format!("recorded in {}", path.display()));
    }
    if args.json {
        output::json(&found)?;
    }
    let is_bad =
        |one: &One| one.state == State::Unreachable || (one.state == State::Changed && !args.replace);
    Ok(if found.iter().any(is_bad) { Exit::Finding } else { Exit::Good })
}

fn recorded(path: &Path, file: &str) -> Result<HostKeys, Failure> {
    match read_host_keys(path, file) {
        Ok(Ok(keys)) => Ok(keys),
        Ok(Err(problems)) => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let what = What::Mistakes { problems, texts: vec![(file.to_owned(), text)] };
            Err(Failure { exit: Exit::BadInput, what, hint: None })
        }
        Err(error @ (LoadError::Read { .. } | LoadError::Problems(_) | LoadError::Merge(_))) => {
            Err(Failure::new(Exit::BadInput, error))
        }
    }
}

fn ask(fleet: &Fleet, machines: &[MachineId]) -> Result<Vec<One>, Failure> {
    let runtime = Runtime::new().map_err(|error| Failure::new(Exit::Bug, error))?;
    let limits = LinkLimits::default();
    runtime.block_on(async {
        let mut found = Vec::with_capacity(machines.len());
        for group in machines.chunks(limits.handshakes) {
            let asked: Vec<_> = group
                .iter()
                .map(|id| {
                    let machine = fleet.machine(*id);
                    let sockets = sockets(fleet, *id);
                    tokio::spawn(key_of(
                        machine.name().to_owned(),
                        machine.host_key().map(str::to_owned),
                        sockets,
                        limits,
                    ))
                })
                .collect();
            for one in asked {
                found.push(one.await.map_err(|error| Failure::new(Exit::Bug, error))?);
            }
        }
        Ok(found)
    })
}

fn sockets(fleet: &Fleet, id: MachineId) -> Vec<SocketAddr> {
    let port = AttrName::new("ssh-port").ok().and_then(|name| fleet.attr_text(id, &name)?.parse().ok());
    let socket = |ip: &IpAddr| SocketAddr::new(*ip, port.unwrap_or(22));
    fleet.machine(id).addresses().iter().map(socket).collect()
}

async fn key_of(machine: String, known: Option<String>, sockets: Vec<SocketAddr>, limits: LinkLimits) -> One {
    let mut trouble = "it has no address in the inventory".to_owned();
    for socket in sockets {
        match host_key_of(socket, &limits).await {
            Ok(mut key) => {
                key.set_comment("");
                let text = key.to_openssh().unwrap_or_default().trim().to_owned();
                let same = |known: &String| known.split_whitespace().take(2).eq(text.split_whitespace());
                let state = match &known {
                    None => State::New,
                    Some(known) if same(known) => State::Known,
                    Some(_) => State::Changed,
                };
                let fingerprint = Some(fingerprint(&key));
                return One { machine, key: Some(text), fingerprint, state, trouble: String::new() };
            }
            Err(error) => trouble = error.to_string(),
        }
    }
    One { machine, key: None, fingerprint: None, state: State::Unreachable, trouble }
}

fn show(found: &[One]) -> Result<(), Failure> {
    let left = Align::Left;
    let mut table = Table::new(&[("machine", left), ("state", left), ("host key", left)]);
    for one in found {
        let shown = one.fingerprint.clone().unwrap_or_else(|| one.trouble.clone());
        table.row([one.machine.clone(), one.state.word().to_owned(), shown]);
    }
    output::data(&table.render(usize::MAX))
}

fn confirmed(count: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let error = "expected --yes where nobody can be asked, found none";
        return Err(Failure::new(Exit::Usage, error));
    }
    output::note(&format!("record {}? Type yes:", counted(count as u64, "key")));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

/// Whole or not at all: a torn file would lock the fleet out.
fn write(path: &Path, keys: &HostKeys) -> Result<(), Failure> {
    let failed = |source| Failure::new(Exit::Output, input::Unwritable::new(path, source));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(keys.to_text().as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
