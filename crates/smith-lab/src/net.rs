//! The network of a lab: one bridge, and one pair of links for each machine.
//!
//! Every link has a hardware address with the lab's mark, given in the same call that makes it. So it is known for ours at any
//! moment, and one that only has the name is somebody else's and stays.

use std::fmt;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, LabError};
use crate::name::LabName;
use crate::state::{State, Token};
use crate::tool::{SHORT, Tool, ToolError};

/// Networks are looked for among these; private ones that few sites use.
const BLOCK: [u8; 2] = [10, 213];

/// Below it are the computer itself and room for mirrors.
const FIRST_MACHINE: u8 = 10;

/// The 256 addresses of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet([u8; 3]);

impl Subnet {
    /// Where the computer itself is in this network: mirrors and whatever else it serves to the machines.
    #[must_use]
    pub fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    pub(crate) fn machine(self, slot: u8) -> Ipv4Addr {
        self.address(FIRST_MACHINE + slot)
    }

    fn address(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.0;
        Ipv4Addr::new(a, b, c, last)
    }

    /// The first network of the block that no route of this computer leads into.
    pub(crate) fn find() -> Result<Self, LabError> {
        let taken = taken()?;
        (0..=255)
            .map(|third| Self([BLOCK[0], BLOCK[1], third]))
            .find(|subnet| !taken.iter().any(|&route| subnet.overlaps(route)))
            .ok_or(LabError::NoSubnet)
    }

    fn overlaps(self, (other, length): (u32, u8)) -> bool {
        let shared = length.min(24);
        let mask = u32::MAX.checked_shl(32 - u32::from(shared)).unwrap_or(0);
        u32::from(self.address(0)) & mask == other & mask
    }
}

/// Where all routes of this computer lead to.
fn taken() -> Result<Vec<(u32, u8)>, ToolError> {
    let routes = ip(["-4", "-o", "route", "show", "table", "all"])?;
    Ok(routes.lines().filter_map(destination).collect())
}

/// Where a route leads to; the default route leads everywhere and means nothing here.
fn destination(line: &str) -> Option<(u32, u8)> {
    let kinds = ["local", "broadcast", "unreachable", "blackhole", "prohibit", "throw", "multicast"];
    let first = line.split_whitespace().find(|word| !kinds.contains(word))?;
    let (address, length) = first.split_once('/').unwrap_or((first, "32"));
    let address: Ipv4Addr = address.parse().ok()?;
    Some((u32::from(address), length.parse().ok()?))
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/24", self.address(0))
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "expected a private network of 256 addresses (A.B.C.0/24 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16), such as \
                 10.213.7.0/24, found {text:?}"
            )
        };
        let address = text.strip_suffix(".0/24").ok_or_else(refuse)?;
        let address: Ipv4Addr = format!("{address}.0").parse().map_err(|_| refuse())?;
        let [a, b, c, _] = address.octets();
        if address.is_private() { Ok(Self([a, b, c])) } else { Err(refuse()) }
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

/// The end of a pair that a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Bridge,
    Outer(u8),
    Inner(u8),
}

/// A hardware address of our own making (the second lowest bit of the first byte says so) with the lab's mark.
fn mark(token: Token, end: End) -> String {
    let [a, b, c, d] = token.bytes();
    let (kind, last) = match end {
        End::Bridge => (0x62, 0),
        End::Outer(slot) => (0x66, slot),
        End::Inner(slot) => (0x6a, slot),
    };
    format!("{kind:02x}:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{last:02x}")
}

pub(crate) fn bridge(name: &LabName) -> String {
    format!("sm-{name}")
}

pub(crate) fn outer(name: &LabName, slot: u8) -> String {
    format!("sm-{name}-{slot}")
}

/// Held from the choice of a network until its bridge is there, by all labs of this computer wherever their folders are.
#[derive(Debug)]
pub(crate) struct Choosing {
    _links: File,
}

impl Choosing {
    pub(crate) fn begin() -> Result<Self, LabError> {
        let path = Path::new("/sys/class/net");
        let links = File::open(path).doing("opening", path)?;
        flock(&links, FlockOperation::LockExclusive).doing("locking", path)?;
        Ok(Self { _links: links })
    }
}

/// Makes the bridge if it is not there, and sees to its address.
pub(crate) fn ensure_bridge(state: &State) -> Result<(), LabError> {
    let name = bridge(&state.name);
    let mac = mark(state.token, End::Bridge);
    if whose(&name, &mac)? == Whose::Nobodys {
        // A lab that was stopped for long finds that others took its network.
        if taken()?.iter().any(|&route| state.subnet.overlaps(route)) {
            let found = "a route into it".to_owned();
            return Err(LabError::Foreign { what: format!("use of the network {}", state.subnet), found });
        }
        ip(["link", "add", name.as_str(), "address", mac.as_str(), "type", "bridge"])?;
    }
    let address = format!("{}/24", state.subnet.gateway());
    ip(["address", "replace", address.as_str(), "dev", name.as_str()])?;
    ip(["link", "set", name.as_str(), "up"])?;
    Ok(())
}

/// Joins the network of the process, which is a keeper that waits, to the bridge.
pub(crate) fn plug(state: &State, slot: u8, keeper: u32) -> Result<(), LabError> {
    let (name, bridge) = (outer(&state.name, slot), bridge(&state.name));
    unplug(state, slot)?;
    let (mac, inner) = (mark(state.token, End::Outer(slot)), mark(state.token, End::Inner(slot)));
    let keeper = keeper.to_string();
    ip([
        "link",
        "add",
        name.as_str(),
        "address",
        mac.as_str(),
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "address",
        inner.as_str(),
        "netns",
        keeper.as_str(),
    ])?;
    ip(["link", "set", name.as_str(), "master", bridge.as_str(), "up"])?;
    Ok(())
}

/// A pair goes with its keeper, a moment later than the keeper itself.
pub(crate) fn unplug(state: &State, slot: u8) -> Result<(), LabError> {
    remove(&outer(&state.name, slot), &mark(state.token, End::Outer(slot)))
}

pub(crate) fn remove_bridge(state: &State) -> Result<(), LabError> {
    remove(&bridge(&state.name), &mark(state.token, End::Bridge))
}

/// # Errors
/// If links are there under the names of this lab that are not its own: nothing may be made or removed then.
pub(crate) fn check(state: &State) -> Result<(), LabError> {
    whose(&bridge(&state.name), &mark(state.token, End::Bridge))?;
    for member in &state.machines {
        whose(&outer(&state.name, member.slot), &mark(state.token, End::Outer(member.slot)))?;
    }
    Ok(())
}

fn remove(name: &str, mac: &str) -> Result<(), LabError> {
    if whose(name, mac)? == Whose::Nobodys {
        return Ok(());
    }
    match ip(["link", "delete", name]) {
        Ok(_) => Ok(()),
        // Its other end went in this moment, and it with it.
        Err(_) if whose(name, mac)? == Whose::Nobodys => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Whose {
    Nobodys,
    Ours,
}

fn whose(name: &str, mac: &str) -> Result<Whose, LabError> {
    let path = format!("/sys/class/net/{name}/address");
    match std::fs::read_to_string(&path) {
        Ok(found) if found.trim() == mac => Ok(Whose::Ours),
        Ok(found) => Err(LabError::Foreign {
            what: format!("link {name}"),
            found: format!("one with the address {} in place of {mac}", found.trim()),
        }),
        Err(_) => Ok(Whose::Nobodys),
    }
}

fn ip<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<String, ToolError> {
    let args: Vec<&str> = args.into_iter().collect();
    Tool::new("ip", SHORT).called(format!("ip {}", args.join(" "))).args(&args).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_that_routes_lead_into_are_taken() {
        let overlaps =
            |subnet: &str, line: &str| subnet.parse::<Subnet>().unwrap().overlaps(destination(line).unwrap());
        assert!(overlaps("10.213.0.0/24", "10.0.0.0/8 via 192.0.2.1 dev tun0"));
        assert!(overlaps("10.213.4.0/24", "local 10.213.4.1 dev sm-a table local proto kernel"));
        assert!(overlaps("10.213.4.0/24", "10.213.4.128/25 dev sm-a"));
        assert!(!overlaps("10.213.4.0/24", "10.213.5.0/24 dev sm-b"));
        assert!(!overlaps("10.213.4.0/24", "broadcast 192.0.2.255 dev eth0 table local"));
        assert_eq!(destination("default via 192.0.2.1 dev eth0"), None);
    }

    #[test]
    fn a_network_is_private_and_whole() {
        assert_eq!("192.168.7.0/24".parse::<Subnet>().unwrap().gateway().to_string(), "192.168.7.1");
        for bad in ["10.1.2.0/16", "10.1.2.3/24", "8.8.8.0/24", "10.1.2/24", ""] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
        let subnet: Subnet = "10.1.2.0/24".parse().unwrap();
        assert_eq!(subnet.machine(239).to_string(), "10.1.2.249");
    }

    #[test]
    fn links_have_the_mark_and_names_that_fit() {
        let token: Token = "a1b2c3d4".parse().unwrap();
        assert_eq!(mark(token, End::Bridge), "62:a1:b2:c3:d4:00");
        assert_eq!(mark(token, End::Outer(17)), "66:a1:b2:c3:d4:11");
        assert_eq!(outer(&"eightlet".parse().unwrap(), 239).len(), 15);
        let is_local = |mac: &str| u8::from_str_radix(&mac[..2], 16).unwrap() & 0b11 == 0b10;
        assert!(is_local(&mark(token, End::Inner(1))) && is_local(&mark(token, End::Bridge)));
    }
}
