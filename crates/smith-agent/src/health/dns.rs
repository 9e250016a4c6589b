//! One question to a name server, over UDP, without a library: the agent is one file that needs nothing of the machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::files::text_of;
use crate::op::Host;

/// A name server that takes longer makes everything on the machine slow.
const WAIT: Duration = Duration::from_secs(2);

/// As many as the C library asks.
const SERVERS: usize = 3;

/// Longer than any answer over UDP that we ask for; what is cut still says that the server lives.
const ANSWER: usize = 4096;

const MOST: u64 = 1 << 16;

/// How a name server answered; a better answer is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// With addresses, or whatever else was asked for.
    Answer,
    /// The name is there and has nothing of that kind.
    Empty,
    NoSuchName,
    /// It does not want to answer this.
    Refused,
    /// It could not find out: mostly that its own way out is gone.
    Failed,
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    A = 1,
    Ns = 2,
    Aaaa = 28,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) said: Said,
    pub(super) addresses: Vec<IpAddr>,
}

impl Said {
    pub(super) fn word(self) -> &'static str {
        match self {
            Said::Answer => "an answer",
            Said::Empty => "an empty answer",
            Said::NoSuchName => "no such name",
            Said::Refused => "a refusal",
            Said::Failed => "a failure of the server",
            Said::Silent => "no answer",
        }
    }
}

/// The name servers of `/etc/resolv.conf`, in its order.
pub(super) fn servers(host: &Host) -> Vec<SocketAddr> {
    let text = text_of(&host.path("/etc/resolv.conf"), MOST).unwrap_or_default();
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then_some(())?;
        socket(host, words.next()?)
    };
    text.lines().filter_map(address).take(SERVERS).collect()
}

/// An address of the link (`fe80::1%eth0`) is of no use without its interface.
fn socket(host: &Host, word: &str) -> Option<SocketAddr> {
    let Some((address, interface)) = word.split_once('%') else {
        return Some(SocketAddr::new(word.parse().ok()?, 53));
    };
    if interface.contains('/') {
        return None;
    }
    let index = text_of(&host.path(&format!("/sys/class/net/{interface}/ifindex")), 16).ok()?;
    let address: Ipv6Addr = address.parse().ok()?;
    Some(SocketAddr::V6(SocketAddrV6::new(address, 53, 0, index.trim().parse().ok()?)))
}

/// The addresses of a machine's name, as far as `/etc/hosts` and the name servers know them. Names are asked as they are, then
/// with the domains of `search`.
pub(crate) fn resolve(host: &Host, name: &str) -> Vec<IpAddr> {
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return vec![address];
    }
    let listed = in_hosts(&text_of(&host.path("/etc/hosts"), 1 << 20).unwrap_or_default(), name);
    if !listed.is_empty() {
        return listed;
    }
    let text = text_of(&host.path("/etc/resolv.conf"), MOST).unwrap_or_default();
    let search = text.lines().filter_map(|line| line.strip_prefix("search ")).flat_map(str::split_whitespace);
    let names = [name.to_owned()].into_iter().chain(search.map(|domain| format!("{name}.{domain}")));
    let servers = servers(host);
    for name in names.take(SERVERS) {
        for &server in &servers {
            let addresses: Vec<IpAddr> = [Kind::A, Kind::Aaaa]
                .into_iter()
                .filter_map(|kind| ask(server, &name, kind).ok())
                .flat_map(|answer| answer.addresses)
                .collect();
            if !addresses.is_empty() {
                return addresses;
            }
        }
    }
    Vec::new()
}

fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    };
    text.lines().filter_map(address).collect()
}

/// Asks once. An error is of the question, or of the machine's own network; who does not answer is silent.
pub(super) fn ask(server: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected, it takes datagrams of this server alone.
    socket.connect(server)?;
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = (moment.subsec_nanos() ^ std::process::id()) as u16;
    let question =
        question(id, name, kind).ok_or_else(|| io::Error::other(format!("no name of the DNS: {name:?}")))?;
    let silent = Answer { said: Said::Silent, addresses: Vec::new() };
    let begun = Instant::now();
    if socket.send(&question).is_err() {
        return Ok(silent);
    }
    let mut bytes = [0; ANSWER];
    loop {
        let left = WAIT.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(silent);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut bytes) {
            Ok(length) => {
                if let Some(answer) = read(&bytes[..length], &question) {
                    return Ok(answer);
                }
            }
            // A port where nobody listens, or a time that is over.
            Err(_) => return Ok(silent),
        }
    }
}

/// A message with one question that wishes to be answered from anywhere.
fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    message.extend(id.to_be_bytes());
    message.extend([0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.').filter(|_| !name.trim_end_matches('.').is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend((kind as u16).to_be_bytes());
    message.extend([0, 1]);
    // The longest name of the protocol, with what stands around it.
    (message.len() <= 12 + 255 + 4).then_some(message)
}

/// The answer to this question; `None` where the datagram is none.
fn read(bytes: &[u8], question: &[u8]) -> Option<Answer> {
    let asked = question.get(12..)?;
    let is_answer = bytes.get(..2)? == question.get(..2)? && bytes.get(2)? & 0x80 != 0;
    // A server that fails may leave the question out.
    let rest = match bytes.get(12..)?.strip_prefix(asked) {
        Some(rest) => rest,
        None if bytes.get(4..6)? == [0, 0] => &[],
        None => return None,
    };
    if !is_answer {
        return None;
    }
    let count = u16::from_be_bytes([*bytes.get(6)?, *bytes.get(7)?]);
    let said = match (bytes.get(3)? & 0x0f, count) {
        (0, 0) => Said::Empty,
        (0, _) => Said::Answer,
        (3, _) => Said::NoSuchName,
        (5, _) => Said::Refused,
        _ => Said::Failed,
    };
    Some(Answer { said, addresses: addresses(rest, count) })
}

/// Addresses among the records, as far as they are whole.
fn addresses(mut rest: &[u8], count: u16) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for _ in 0..count {
        let Some((kind, data, after)) = record(rest) else { break };
        rest = after;
        match (kind, data.len()) {
            (1, 4) => found.extend(<[u8; 4]>::try_from(data).ok().map(IpAddr::from)),
            (28, 16) => found.extend(<[u8; 16]>::try_from(data).ok().map(IpAddr::from)),
            _ => {}
        }
    }
    found
}

/// The kind and the data of a record, and what comes after it.
fn record(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let mut at = 0;
    // Its name ends with an empty label, or with a pointer of two bytes to where it goes on.
    loop {
        let length = *bytes.get(at)?;
        match length {
            0 => break at += 1,
            pointer if pointer >= 0xc0 => break at += 2,
            length => at += 1 + usize::from(length),
        }
    }
    let head = bytes.get(at..at + 10)?;
    let length = usize::from(u16::from_be_bytes([head[8], head[9]]));
    let data = bytes.get(at + 10..at + 10 + length)?;
    Some((u16::from_be_bytes([head[0], head[1]]), data, &bytes[at + 10 + length..]))
}

#[cfg(test)]
#[path = "dns_tests.rs"]
mod tests;
