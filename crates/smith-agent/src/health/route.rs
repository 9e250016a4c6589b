//! The ways out of the machine, as the kernel has them.

use std::net::Ipv4Addr;

use std::io;

use serde::{Deserialize, Serialize};
use smith_agent::protocol::Finding;

use super::baseline::Baseline;
use super::check::{bad, good};
use crate::files::text_of;
use crate::op::Host;

/// A router of the internet has a million routes; a machine that we patch does not.
const MOST: u64 = 4 << 20;

/// Flags of a route: it is up; it says that there is no way.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// Which families have a default route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Families {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

/// The next machine on the way out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gateway {
    pub(crate) address: Ipv4Addr,
    pub(crate) interface: String,
}

pub(super) fn families(host: &Host) -> io::Result<Families> {
    let v4 = default_v4(&text_of(&host.path("/proc/net/route"), MOST)?);
    // A kernel without IPv6 has no such file.
    let v6 = text_of(&host.path("/proc/net/ipv6_route"), MOST).unwrap_or_default();
    Ok(Families { v4: !v4.is_empty(), v6: v6.lines().any(is_default_v6) })
}

/// The gateways of IPv4. Those of IPv6 cannot be told alive from the files of the kernel.
pub(crate) fn gateways(host: &Host) -> Vec<Gateway> {
    let text = text_of(&host.path("/proc/net/route"), MOST).unwrap_or_default();
    let mut found: Vec<Gateway> =
        default_v4(&text).into_iter().filter(|way| !way.address.is_unspecified()).collect();
    found.sort();
    found.dedup();
    found
}

/// Columns: interface, destination, gateway, flags, count, use, metric, mask, …
fn default_v4(text: &str) -> Vec<Gateway> {
    let number = |word: &str| u32::from_str_radix(word, 16).ok();
    let way = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[interface, destination, gateway, flags, _, _, _, mask, ..] = words.as_slice() else {
            return None;
        };
        let is_default = number(destination)? == 0 && number(mask)? == 0;
        let flags = number(flags)?;
        // The kernel prints the four bytes of the address as one number of the processor's own order.
        let address = Ipv4Addr::from(number(gateway)?.to_ne_bytes());
        (is_default && flags & UP != 0 && flags & REJECT == 0)
            .then(|| Gateway { address, interface: interface.to_owned() })
    };
    text.lines().skip(1).filter_map(way).collect()
}

/// Columns: destination, its length, source, its length, next hop, metric, count, use, flags, interface.
fn is_default_v6(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[destination, length, _, _, _, _, _, _, flags, interface] = words.as_slice() else { return false };
    let flags = u32::from_str_radix(flags, 16).unwrap_or_default();
    destination.bytes().all(|byte| byte == b'0')
        && length == "00"
        && interface != "lo"
        && flags & UP != 0
        && flags & REJECT == 0
}

pub(super) fn judge(host: &Host, before: Option<&Baseline>) -> Finding {
    match families(host) {
        Ok(found) => compare(found, before.map(|before| before.routes)),
        Err(error) => bad("route", format!("expected the kernel's table of routes, found {error}")),
    }
}

/// A machine that never had a way out is as it was; one of which nothing is known must have one.
fn compare(found: Families, before: Option<Families>) -> Finding {
    let wanted = before.unwrap_or(Families { v4: !found.v6, v6: false });
    let lost: Vec<&str> = [("IPv4", wanted.v4 && !found.v4), ("IPv6", wanted.v6 && !found.v6)]
        .into_iter()
        .filter_map(|(word, lost)| lost.then_some(word))
        .collect();
    if !lost.is_empty() {
        return bad("route", format!("expected a default route for {}, found none", lost.join(" and ")));
    }
    good(
        "route",
        match (found.v4, found.v6) {
            (true, true) => "IPv4 and IPv6",
            (true, false) => "IPv4",
            (false, true) => "IPv6",
            (false, false) => "none, as before",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn the_default_route_is_the_one_to_everywhere() {
        let gateway = u32::from_ne_bytes([10, 1, 2, 3]);
        let text = format!(
            "{HEAD}eth0\t00000000\t{gateway:08X}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             eth0\t00000A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
             eth1\t00000000\t{gateway:08X}\t0002\t0\t0\t0\t00000000\t0\t0\t0\n\
             *\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\nshort line\n"
        );
        let way = Gateway { address: Ipv4Addr::new(10, 1, 2, 3), interface: "eth0".to_owned() };
        assert_eq!(default_v4(&text), [way]);
        assert_eq!(default_v4(HEAD), []);
    }

    #[test]
    fn a_route_of_ipv6_that_rejects_is_none() {
        let zero = "0".repeat(32);
        let line = |length: &str, flags: &str, interface: &str| {
            format!("{zero} {length} {zero} 00 {zero} 00000400 00000001 00000000 {flags} {interface}")
        };
        assert!(is_default_v6(&line("00", "00000003", "    eth0")));
        assert!(!is_default_v6(&line("00", "00200200", "      lo")));
        assert!(!is_default_v6(&line("00", "00000203", "    eth0")));
        assert!(!is_default_v6(&line("40", "00000003", "    eth0")));
        assert!(!is_default_v6("garbage"));
    }

    #[test]
    fn what_was_there_must_be_there() {
        let (none, both) = (Families::default(), Families { v4: true, v6: true });
        let four = Families { v4: true, v6: false };
        let six = Families { v4: false, v6: true };
        assert!(compare(none, Some(none)).good && compare(six, None).good && compare(both, Some(four)).good);
        assert_eq!(compare(none, None), bad("route", "expected a default route for IPv4, found none"));
        assert_eq!(compare(four, Some(both)), bad("route", "expected a default route for IPv6, found none"));
        assert!(!compare(six, Some(four)).good);
    }

    #[test]
    fn a_machine_without_a_table_is_not_well() {
        let root = tempfile::tempdir().unwrap();
        assert!(!judge(&Host::at(root.path()), None).good);
        std::fs::create_dir_all(root.path().join("proc/net")).unwrap();
        std::fs::write(root.path().join("proc/net/route"), HEAD).unwrap();
        assert!(!judge(&Host::at(root.path()), None).good);
        assert_eq!(gateways(&Host::at(root.path())), []);
    }
}
