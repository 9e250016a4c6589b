//! Prometheus' service discovery: targets with ports and labels.
//!
//! A target is a machine by its host, or by one of the labels `name`, `hostname`, `nodename` where there is one. Several
//! exporters of one machine are one machine; a label in which they differ is a property of the exporter and left out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use smith_domain::fleet::MAX_ADDRESSES;
use smith_domain::fleet::attribute::unabbreviated;
use smith_domain::id::{AttrName, MachineName};

use super::report::{Place, shown};
use super::seen::{Facts, Seen};
use super::tree::{Entry, Kind, Node};

/// Labels that name the machine, the strongest first.
const NAMING: [&str; 3] = ["name", "hostname", "nodename"];

struct Target {
    place: Place,
    facts: Facts,
    /// Attributes in which the targets of the machine differ.
    unclear: Vec<AttrName>,
}

pub(super) fn read(tree: &Node, seen: &mut Seen<'_, '_>) {
    let Some(groups) = tree.items() else {
        return seen.report.add(tree.place, "S0142", "a list of groups of targets", tree.found());
    };
    let mut machines: BTreeMap<MachineName, Target> = BTreeMap::new();
    for group in groups {
        let Some(entries) = group.entries() else {
            seen.report.add(group.place, "S0142", "a map with `targets` and `labels`", group.found());
            continue;
        };
        one_group(group.place, entries, &mut machines, seen);
    }
    for (name, target) in machines {
        let Target { place, mut facts, unclear } = target;
        facts.attrs.retain(|attr, _| !unclear.contains(attr));
        seen.add(name, facts, place);
    }
}

fn one_group(
    place: Place,
    entries: &[Entry],
    machines: &mut BTreeMap<MachineName, Target>,
    seen: &mut Seen<'_, '_>,
) {
    let (mut targets, mut labels): (Option<&[Node]>, &[Entry]) = (None, &[]);
    for entry in entries {
        match (entry.key.as_str(), &entry.value.kind) {
            ("targets", Kind::List(items)) => targets = Some(items),
            ("targets", _) => {
                targets = Some(&[]);
                seen.report.add(entry.value.place, "S0142", "a list of targets", entry.value.found());
            }
            ("labels", Kind::Map(entries)) => labels = entries,
            ("labels", Kind::Nothing) => {}
            ("labels", _) => {
                seen.report.add(entry.value.place, "S0142", "a map of labels", entry.value.found())
            }
            (other, _) => seen.report.add(entry.place, "S0142", "`targets` or `labels`", shown(other)),
        }
    }
    let Some(targets) = targets else {
        return seen.report.add(place, "S0142", "a group with `targets`", "one without");
    };
    let (facts, name) = read_labels(labels, seen);
    let hosts: Vec<(&Node, &str)> =
        targets.iter().filter_map(|target| Some((target, host(target, seen)?))).collect();
    if let (Some((name, place)), [(_, first), others @ ..]) = (&name, hosts.as_slice())
        && others.iter().any(|(_, host)| host != first)
    {
        let found = format!("{} for several hosts", shown(name));
        return seen.report.add(*place, "S0143", "one host for a label that names a machine", found);
    }
    for (target, host) in hosts {
        let mut facts = facts.clone();
        if let Ok(address) = host.parse::<IpAddr>() {
            facts.addresses.push(address);
        }
        let (text, place) = name.as_ref().map_or((host, target.place), |(name, place)| (name, *place));
        if let Some(name) = seen.name(text, place) {
            add(name, facts, target.place, machines);
        }
    }
}

/// The attributes, and the label that names the machine.
fn read_labels<'n>(labels: &'n [Entry], seen: &mut Seen<'_, '_>) -> (Facts, Option<(&'n str, Place)>) {
    let mut facts = Facts::default();
    let mut names: BTreeMap<usize, (&str, Place)> = BTreeMap::new();
    // What begins with `_` is for Prometheus itself. The labels are other people's: one that cannot be an attribute
    // here is no mistake there.
    for label in labels.iter().filter(|label| !label.key.starts_with('_')) {
        let Some(text) = label.value.text() else {
            let expected = format!("text as the value of {}", shown(&label.key));
            seen.report.add(label.value.place, "S0143", expected, label.value.found());
            continue;
        };
        let word = label.key.to_ascii_lowercase();
        if let Some(rank) = NAMING.iter().position(|naming| *naming == word) {
            names.insert(rank, (text, label.value.place));
        } else if let Ok(attr) = AttrName::new(unabbreviated(&word)) {
            seen.attr(&mut facts, attr, text, label.value.place);
        }
    }
    (facts, names.into_values().next())
}

/// The host of `host:port`, `address:port` or `[address]:port`; also of a host alone.
fn host<'n>(target: &'n Node, seen: &mut Seen<'_, '_>) -> Option<&'n str> {
    let Some(text) = target.text() else {
        seen.report.add(target.place, "S0143", "a target such as `host:9100`", target.found());
        return None;
    };
    if let (Ok(_), Some((host, _))) = (text.parse::<SocketAddr>(), text.rsplit_once(':')) {
        return Some(host.trim_start_matches('[').trim_end_matches(']'));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Some(text);
    }
    match text.rsplit_once(':') {
        None => Some(text),
        Some((host, port)) if port.parse::<u16>().is_ok() => Some(host),
        Some((host, port)) => {
            let place = target.place.plus(host.chars().count() + 2);
            seen.report.add(place, "S0143", "a port from 0 to 65535", shown(port));
            None
        }
    }
}

fn add(name: MachineName, facts: Facts, place: Place, machines: &mut BTreeMap<MachineName, Target>) {
    match machines.get_mut(&name) {
        None => {
            machines.insert(name, Target { place, facts, unclear: Vec::new() });
        }
        Some(known) => {
            for address in facts.addresses {
                // One more than may be is enough to say that there are too many.
                let few = known.facts.addresses.len() <= MAX_ADDRESSES;
                if few && !known.facts.addresses.contains(&address) {
                    known.facts.addresses.push(address);
                }
            }
            for (attr, value) in facts.attrs {
                let same = known.facts.attrs.entry(attr.clone()).or_insert_with(|| value.clone()) == &value;
                if !same {
                    known.unclear.push(attr);
                }
            }
        }
    }
}
