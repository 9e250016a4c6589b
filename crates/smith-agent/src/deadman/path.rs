//! Ways out of the machine, and whether they work.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::files::text_of;
use crate::health::gateways;
use crate::op::Host;

/// Across the world and back takes a third of a second; a retry of a lost packet comes after one.
const CONNECT: Duration = Duration::from_secs(3);

/// An answer of ARP comes from the next cable.
const RESOLVE: Duration = Duration::from_millis(1500);

/// Nobody listens there: it is there to make the kernel ask for the gateway.
const DISCARD: u16 = 9;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Path {
    /// The machine answers on this port, if only that nobody listens there.
    Machine { address: IpAddr, port: u16 },
    /// The way out leads over it, and it answers ARP.
    Gateway { address: Ipv4Addr, interface: String },
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Machine { address, port } => write!(f, "{}", SocketAddr::new(*address, *port)),
            Path::Gateway { address, interface } => write!(f, "the gateway {address} on {interface}"),
        }
    }
}

impl Path {
    pub(super) fn works(&self, host: &Host) -> bool {
        match self {
            Path::Machine { address, port } => answers(SocketAddr::new(*address, *port)),
            Path::Gateway { address, interface } => {
                gateways(host).iter().any(|way| way.address == *address && way.interface == *interface)
                    && resolves(host, *address, interface)
            }
        }
    }

    /// Whether it leads away from the machine. What is on the machine itself answers without any network.
    pub(super) fn leads_out(&self) -> bool {
        let Path::Machine { address, port } = self else { return true };
        if address.is_loopback() || address.is_unspecified() || *port == 0 {
            return false;
        }
        let any: IpAddr = if address.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        };
        // Nothing is sent: the kernel chooses the address that it would send from.
        let from = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect((*address, DISCARD))?;
            socket.local_addr()
        });
        from.map_or(true, |from| from.ip() != *address)
    }
}

fn answers(address: SocketAddr) -> bool {
    match TcpStream::connect_timeout(&address, CONNECT) {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset),
    }
}

fn resolves(host: &Host, address: Ipv4Addr, interface: &str) -> bool {
    let begun = Instant::now();
    // An error here is an error of the way, which the table then shows.
    let _ = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.send_to(&[0], (address, DISCARD)));
    loop {
        let table = text_of(&host.path("/proc/net/arp"), 1 << 20).unwrap_or_default();
        if table.lines().any(|line| is_resolved(line, address, interface)) {
            return true;
        }
        if begun.elapsed() >= RESOLVE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Columns: address, kind of hardware, flags, hardware address, mask, interface. Of the flags 2 says that the address is known;
/// 4 says that a person has entered it, which shows nothing.
fn is_resolved(line: &str, address: Ipv4Addr, interface: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[listed, _, flags, _, _, on] = words.as_slice() else { return false };
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or_default();
    listed.parse() == Ok(address) && on == interface && flags & 0x6 == 0x2
}

/// The machine and the port that an apt source is fetched from.
pub(super) fn machine_of(uri: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = uri.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let place = rest.split(['/', '?', '#']).next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    // A colon within brackets is part of an address.
    match place.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((name, port)) => Some((name, port.parse().ok()?)),
        None => Some((place, usual)),
    }
    .filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_refusal_is_a_sign_of_life() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert!(answers(address));
        drop(listener);
        assert!(answers(address));
    }

    #[test]
    fn what_is_on_the_machine_itself_leads_nowhere() {
        let machine = |address: &str| Path::Machine { address: address.parse().unwrap(), port: 80 };
        assert!(!machine("127.0.0.1").leads_out() && !machine("::1").leads_out());
        assert!(machine("192.0.2.1").leads_out());
    }

    #[test]
    fn the_table_of_arp() {
        let gateway = Ipv4Addr::new(10, 0, 0, 1);
        let line = |flags: &str| {
            format!("10.0.0.1         0x1         {flags}         52:54:00:00:00:01     *        eth0")
        };
        assert!(is_resolved(&line("0x2"), gateway, "eth0"));
        for (flags, interface) in [("0x0", "eth0"), ("0x6", "eth0"), ("0x2", "eth1")] {
            assert!(!is_resolved(&line(flags), gateway, interface));
        }
    }

    #[test]
    fn the_machine_of_a_source() {
        assert_eq!(machine_of("http://mirror.example/debian"), Some(("mirror.example", 80)));
        assert_eq!(machine_of("https://user:word@mirror.example:8443/x"), Some(("mirror.example", 8443)));
        assert_eq!(machine_of("http://[2001:db8::1]/x"), Some(("[2001:db8::1]", 80)));
        assert_eq!(machine_of("http://[2001:db8::1]:81"), Some(("[2001:db8::1]", 81)));
        for none in ["file:///srv/repo", "mirror.example", "http://", "http://:80/", "http://a:b/"] {
            assert_eq!(machine_of(none), None, "{none}");
        }
    }
}
