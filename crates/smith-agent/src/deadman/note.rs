//! Before a change: what works, and what the network's configuration is.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smith_agent::protocol::Failure;

use super::path::{Path, machine_of};
use super::saved::{self, Saved};
use crate::files::{cause, keep_record, load_record};
use crate::health::{gateways, resolve};
use crate::op::Context;
use crate::tool::Run;

const FILE: &str = "paths.json";

/// A machine has a mirror or two; each that does not answer costs seconds.
const MIRRORS: usize = 4;

/// Where the controller's own sshd may listen; where it does not, that is answered too.
const SSH: u16 = 22;

const LIMIT: Duration = Duration::from_secs(20);

/// Who brings the network up, in the order in which they are started again.
const SERVICES: [&str; 4] =
    ["systemd-networkd.service", "NetworkManager.service", "networking.service", "systemd-resolved.service"];

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Noted {
    /// Those that worked.
    pub(super) paths: Vec<Path>,
    /// Units that were active.
    pub(super) services: Vec<String>,
    pub(super) saved: Vec<Saved>,
    pub(super) kernel: String,
}

/// Notes what works now. `mirrors` are the URIs of the machine's sources.
pub(crate) fn note_paths(ctx: &mut Context<'_>, mirrors: &[String]) -> Result<(), Failure> {
    let mut paths: Vec<Path> = Vec::new();
    let peer = ctx.peer.as_deref().and_then(|peer| peer.parse::<IpAddr>().ok());
    paths.extend(peer.map(|address| Path::Machine { address, port: SSH }));
    for (name, port) in mirrors.iter().filter_map(|uri| machine_of(uri)).take(MIRRORS) {
        paths.extend(resolve(ctx.host, name).into_iter().map(|address| Path::Machine { address, port }));
    }
    let ways = gateways(ctx.host).into_iter();
    paths.extend(ways.map(|way| Path::Gateway { address: way.address, interface: way.interface }));
    paths.sort();
    paths.dedup();
    paths.retain(|path| path.leads_out() && path.works(ctx.host));
    let words: Vec<String> = paths.iter().map(ToString::to_string).collect();
    ctx.log(match words.len() {
        0 => "no path out of the machine is known to work: a lost network would not be noticed".to_owned(),
        _ => format!("paths out of the machine that work: {}", words.join(", ")),
    });
    let saved = saved::save(ctx.host, ctx.folder).map_err(|error| unkept(&error))?;
    let noted = Noted { paths, services: services(ctx), saved, kernel: crate::reboot::running(ctx.host) };
    keep_record(ctx.folder, FILE, &noted).map_err(|error| unkept(&error))
}

pub(super) fn load(folder: &std::path::Path) -> Result<Noted, String> {
    load_record(folder, FILE)
}

/// A promise to save the machine that cannot be kept is not given.
fn unkept(error: &io::Error) -> Failure {
    let message = format!("expected to keep what the network is before the change, found {error}");
    Failure::new(cause(error), message)
}

fn services(ctx: &Context<'_>) -> Vec<String> {
    if !ctx.host.path("/run/systemd/system").is_dir() {
        return Vec::new();
    }
    let is_active = |service: &str| {
        Run::new("systemctl", LIMIT)
            .args(["is-active", "--quiet", service])
            .run()
            .is_ok_and(|ran| ran.is_good())
    };
    SERVICES.into_iter().filter(|service| is_active(service)).map(str::to_owned).collect()
}
