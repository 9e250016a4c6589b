//! `smith agent install`: the agent's package, put on machines with an administrator's own access.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use smith_server::machine::{Change, Installed, Payload, install};

use crate::failure::{Exit, Failure};
use crate::input::{self, ReachArgs};
use crate::output::{self, BAD, GOOD, styled};

/// Put the agent on machines, with your own key, and let the controller's key start it and nothing else.
///
/// `--identity` and `--user` are an administrator's; a user other than root needs sudo without a password. Machines that
/// have the same agent and the key already stay as they are, which is told as `already so`. The agent has to answer before a machine
/// counts. Ends with 1 when a machine could not be brought there.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// For example `prod-dal10-carrier3-worker-*`
    #[arg(required = true, value_name = "SELECTOR")]
    selector: Vec<String>,
    /// The agent's Debian package, as `cargo xtask dist` makes it
    #[arg(long, value_name = "FILE")]
    package: PathBuf,
    /// The public key of the controller
    #[arg(long, value_name = "FILE")]
    controller_key: PathBuf,
    #[command(flatten)]
    reach: ReachArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Unpacking a package of a few megabytes takes a second; a machine that needs so long is not well.
const LIMIT: Duration = Duration::from_secs(300);

/// Said where it is interrupted.
const STOPPED: &str = "a machine that had begun may go on; ask again, and what is there stays";

#[derive(Debug, Serialize)]
struct One {
    machine: String,
    good: bool,
    /// `installed`, `already so` or `failed`.
    end: &'static str,
    words: String,
}

impl One {
    fn failed(machine: String, words: String) -> Self {
        Self { machine, good: false, end: "failed", words }
    }

    fn brought(machine: String, Installed { version, change }: &Installed) -> Self {
        let end = match change {
            Change::Installed => "installed",
            Change::AlreadySo => "already so",
        };
        Self { machine, good: true, end, words: format!("smith-agent {version}") }
    }
}

pub(super) fn run(args: &Install) -> Result<Exit, Failure> {
    let package = std::fs::read(&args.package)
        .map_err(|error| input::unreadable("the agent's package", &args.package, error))?;
    if !input::is_package(&package) {
        let error = format!("expected a Debian package in {}, found something else", args.package.display());
        return Err(Failure::new(Exit::BadInput, error));
    }
    let text = std::fs::read_to_string(&args.controller_key)
        .map_err(|error| input::unreadable("a public key", &args.controller_key, error))?;
    let payload = Payload::new(&text, &package).ok_or_else(|| {
        let found = text.lines().next().unwrap_or_default();
        let error = format!("expected a public key in {}, found {found:?}", args.controller_key.display());
        Failure::new(Exit::BadInput, error)
    })?;
    let payload = Arc::new(payload);
    let fleet = args.reach.known()?;
    let machines = args.reach.select(&fleet, &args.selector)?;
    let (addresses, absent) = args.reach.addresses(&fleet, &machines)?;
    let links = args.reach.links()?;
    let mut found = args.reach.on_each(addresses, STOPPED.to_owned(), |_, address| {
        let (links, payload) = (links.clone(), Arc::clone(&payload));
        async move {
            let machine = address.name.clone();
            match tokio::time::timeout(LIMIT, install(&links, &address, &payload)).await {
                Ok(Ok(installed)) => One::brought(machine, &installed),
                Ok(Err(error)) => One::failed(machine, error.to_string()),
                Err(_) => One::failed(machine, format!("no end within {} s", LIMIT.as_secs())),
            }
        }
    })?;
    found.extend(absent.into_iter().map(|absent| One::failed(absent.machine, absent.why)));
    let is_good = found.iter().all(|one| one.good);
    if args.json {
        output::json(&found)?;
    } else {
        let mut text = String::new();
        for One { machine, good, end, words } in &found {
            let style = if *good { GOOD } else { BAD };
            let _ = writeln!(text, "{} {machine}: {words}", styled(style, &format!("{end}:")));
        }
        output::data(&text)?;
    }
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}
