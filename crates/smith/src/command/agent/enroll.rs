//! `smith agent enroll`: host keys of machines, recorded after a person has seen them.

use std::fs::{File, Permissions};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use smith_domain::fleet::{CrossRegion, Fleet, Selector};
use smith_domain::id::{AttrName, MachineId, MachineName};
use smith_domain::time::Timestamp;
use smith_server::inventory::{HostKeys, LoadError, read_host_keys};
use smith_server::machine::{LinkLimits, PublicKey, fingerprint, host_key_of};
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
    /// The fingerprint of the key that is recorded, where the machine shows another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    trouble: String,
    /// What was recorded when it was asked.
    #[serde(skip)]
    known: Option<String>,
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
    let fleet = input::known(reading.into_machines(), Timestamp(0));
    let selector =
        Selector::parse(&args.selector.join(" ")).map_err(|error| Failure::new(Exit::Usage, error))?;
    let machines = fleet.lookup(&selector, CrossRegion::Allow)?;
    let mut found = ask(&fleet, &machines)?;
    if !args.json {
        show(&found)?;
        for one in found.iter().filter(|one| one.state == State::Changed && !args.replace) {
            output::note(&refusal(one));
        }
    }
    let takes = |one: &&mut One| one.state == State::New || (one.state == State::Changed && args.replace);
    let mut taken: Vec<&mut One> = found.iter_mut().filter(takes).collect();
    let mut has_clash = false;
    if !taken.is_empty() && (args.yes || confirmed(taken.len())?) {
        record(&path, file, &mut taken)?;
        output::note(&format!("recorded in {}", path.display()));
        for one in taken.iter().filter(|one| !one.trouble.is_empty()) {
            has_clash = true;
            output::note(&format!("not {}: {}", one.machine, one.trouble));
        }
    }
    if args.json {
        output::json(&found)?;
    }
    let is_bad =
        |one: &One| one.state == State::Unreachable || (one.state == State::Changed && !args.replace);
    Ok(if has_clash || found.iter().any(is_bad) { Exit::Finding } else { Exit::Good })
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
                let recorded = known.as_deref().filter(|_| state == State::Changed).map(printed);
                let (key, trouble) = (Some(text), String::new());
                return One { machine, key, fingerprint, state, recorded, trouble, known };
            }
            Err(error) => trouble = error.to_string(),
        }
    }
    One { machine, key: None, fingerprint: None, state: State::Unreachable, recorded: None, trouble, known }
}

/// The fingerprint of a key as it stands in the inventory.
fn printed(known: &str) -> String {
    PublicKey::from_openssh(known)
        .map_or_else(|_| "no key that can be read".to_owned(), |key| fingerprint(&key))
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

/// A machine that was made anew shows another key, and so does somebody in its place.
fn refusal(one: &One) -> String {
    let (recorded, found) = (one.recorded.as_deref(), one.fingerprint.as_deref());
    format!(
        "refused: expected {} of {}, as it is recorded, found {}; the recorded key stays. If the machine was made anew, `--replace` \
         takes the new one",
        recorded.unwrap_or_default(),
        one.machine,
        found.unwrap_or_default()
    )
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

/// Adds the keys to the file as it is by now, in which others may have recorded theirs. A machine for which somebody recorded
/// another key in the meantime is left to a person, and says so in `trouble`.
fn record(path: &Path, file: &str, taken: &mut [&mut One]) -> Result<(), Failure> {
    // Whoever follows a link to the file goes on doing so.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| Failure::new(Exit::Output, input::Unwritable::new(path, source));
    // The folder, because the file is replaced.
    let held = File::open(folder).map_err(failed)?;
    held.lock().map_err(failed)?;
    let mut keys = recorded(path, file)?;
    for one in taken {
        let name = MachineName::new(one.machine.as_str()).map_err(|error| Failure::new(Exit::Bug, error))?;
        let key = one.key.clone().unwrap_or_default();
        let now = keys.get(&name).map(str::to_owned);
        if now.is_none() || now == one.known || now.as_ref() == Some(&key) {
            keys.record(name, key);
        } else {
            one.trouble = "another key was recorded in the meantime; ask again".to_owned();
        }
    }
    write(path, folder, &keys).map_err(failed)?;
    held.sync_all().map_err(failed)
}

/// Whole or not at all: a torn file would lock the fleet out.
fn write(path: &Path, folder: &Path, keys: &HostKeys) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(keys.to_text().as_bytes())?;
    // They are no secret: who could read them before can do so after.
    let mode = std::fs::metadata(path).map_or(0o644, |meta| meta.permissions().mode());
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(machine: &str, key: &str) -> One {
        let (machine, key) = (machine.to_owned(), Some(key.to_owned()));
        One {
            machine,
            key,
            fingerprint: None,
            state: State::New,
            recorded: None,
            trouble: String::new(),
            known: None,
        }
    }

    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn keys_that_are_recorded_at_once_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::thread::scope(|scope| {
            for number in 0..16 {
                let path = &path;
                scope.spawn(move || {
                    for turn in 0..4 {
                        let mut one = new(&format!("m{number:02}-{turn}"), "ssh-ed25519 AAAA");
                        record(path, "keys", &mut [&mut one]).unwrap();
                        assert_eq!(one.trouble, "");
                    }
                });
            }
        });
        assert_eq!(lines(&path).len(), 64);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_was_recorded_in_the_meantime_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("keys"), dir.path().join("link"));
        std::fs::write(&path, "a ssh-rsa AAAA\nb ssh-rsa BBBB\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let (mut late, mut fresh) = (new("a", "ssh-rsa DDDD"), new("c", "ssh-rsa CCCC"));
        let mut replaced = One { known: Some("ssh-rsa BBBB".to_owned()), ..new("b", "ssh-rsa EEEE") };
        record(&link, "keys", &mut [&mut late, &mut fresh, &mut replaced]).unwrap();
        assert_eq!(lines(&path), ["a ssh-rsa AAAA", "b ssh-rsa EEEE", "c ssh-rsa CCCC"]);
        assert!(late.trouble.starts_with("another key was recorded"), "{late:?}");
        assert!(fresh.trouble.is_empty() && replaced.trouble.is_empty());
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink());
    }
}
