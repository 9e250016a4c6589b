//! Our own format: machines, and groups of machines that share attributes.
//!
//! ```yaml
//! machines:
//!   - bastion
//!   - name: prod-dal10-carrier3-worker-[1001-1010]
//!     rack: r12
//! groups:
//!   south:
//!     attributes: {region: us-south}
//!     machines:
//!       prod-dal10-infra-web-01: {address: 10.0.0.1, owner: team a}
//! ```

use super::report::Place;
use super::seen::{Facts, Seen};
use super::tree::{Entry, Kind, Node};

pub(super) fn read(tree: &Node, seen: &mut Seen<'_, '_>) {
    match &tree.kind {
        Kind::List(_) => machines(tree, &Facts::default(), seen),
        Kind::Map(entries) => level(entries, &Facts::default(), seen),
        Kind::Nothing | Kind::Text(_) => {
            seen.report.add(
                tree.place,
                "S0142",
                "a list of machines, or `machines` and `groups`",
                tree.found(),
            );
        }
    }
}

/// `machines`, `groups` and, inside a group, `attributes`.
fn level(entries: &[Entry], around: &Facts, seen: &mut Seen<'_, '_>) {
    let mut shared = Facts::default();
    for entry in entries.iter().filter(|entry| entry.key == "attributes") {
        match entry.value.entries() {
            Some(attrs) => attrs.iter().for_each(|attr| attribute(attr, &mut shared, seen)),
            None => seen.report.add(entry.value.place, "S0142", "a map of attributes", entry.value.found()),
        }
    }
    let shared = shared.or(around);
    for entry in entries {
        match (entry.key.as_str(), &entry.value.kind) {
            ("attributes", _) => {}
            ("machines", _) => machines(&entry.value, &shared, seen),
            ("groups", Kind::Map(groups)) => {
                for group in groups {
                    match group.value.entries() {
                        Some(inner) => level(inner, &shared, seen),
                        None => {
                            let expected = "a group with `attributes`, `machines` or `groups`";
                            seen.report.add(group.value.place, "S0142", expected, group.value.found());
                        }
                    }
                }
            }
            ("groups", _) => {
                seen.report.add(entry.value.place, "S0142", "a map of groups", entry.value.found());
            }
            (other, _) => {
                let found = format!("`{other}`");
                seen.report.add(entry.place, "S0142", "`machines`, `groups` or `attributes`", found);
            }
        }
    }
}

fn machines(node: &Node, shared: &Facts, seen: &mut Seen<'_, '_>) {
    match &node.kind {
        Kind::Nothing => {}
        Kind::List(items) => {
            for item in items {
                match &item.kind {
                    Kind::Text(name) => machine(name, item.place, &[], shared, seen),
                    Kind::Map(entries) => named_machine(item.place, entries, shared, seen),
                    Kind::Nothing | Kind::List(_) => {
                        seen.report.add(item.place, "S0142", "a name, or a map with `name`", item.found());
                    }
                }
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                match &entry.value.kind {
                    Kind::Nothing => machine(&entry.key, entry.place, &[], shared, seen),
                    Kind::Map(inner) => machine(&entry.key, entry.place, inner, shared, seen),
                    Kind::Text(_) | Kind::List(_) => {
                        let expected = "a map of what is known about the machine";
                        seen.report.add(entry.value.place, "S0142", expected, entry.value.found());
                    }
                }
            }
        }
        Kind::Text(_) => seen.report.add(node.place, "S0142", "a list or a map of machines", node.found()),
    }
}

fn named_machine(place: Place, entries: &[Entry], shared: &Facts, seen: &mut Seen<'_, '_>) {
    let name = entries.iter().find(|entry| entry.key == "name");
    match name.map(|entry| (&entry.value, entry.value.text())) {
        Some((value, Some(text))) => {
            let others: Vec<Entry> = entries.iter().filter(|entry| entry.key != "name").cloned().collect();
            machine(text, value.place, &others, shared, seen);
        }
        Some((value, None)) => seen.report.add(value.place, "S0143", "the name of a machine", value.found()),
        None => seen.report.add(place, "S0142", "a machine with `name`", "one without"),
    }
}

fn machine(name: &str, place: Place, entries: &[Entry], shared: &Facts, seen: &mut Seen<'_, '_>) {
    let mut facts = Facts::default();
    for entry in entries {
        match entry.key.as_str() {
            "address" | "addresses" => addresses(&entry.value, &mut facts, seen),
            "host-key" | "host_key" => match entry.value.text() {
                Some(text) => seen.host_key(&mut facts, text, entry.value.place),
                None => seen.report.add(entry.value.place, "S0143", "a host key", entry.value.found()),
            },
            _ => attribute(entry, &mut facts, seen),
        }
    }
    let names = seen.names(name, place);
    if names.len() > 1 && !(facts.addresses.is_empty() && facts.host_key.is_none()) {
        let found = format!("{} machines", names.len());
        return seen.report.add(place, "S0143", "one machine for an address or a host key", found);
    }
    let facts = facts.or(shared);
    for name in names {
        seen.add(name, facts.clone(), place);
    }
}

fn addresses(node: &Node, facts: &mut Facts, seen: &mut Seen<'_, '_>) {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Nothing | Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
    };
    for item in items {
        match item.text() {
            Some(text) => seen.address(facts, text, item.place),
            None => seen.report.add(item.place, "S0143", "an IP address", item.found()),
        }
    }
}

fn attribute(entry: &Entry, facts: &mut Facts, seen: &mut Seen<'_, '_>) {
    let Some(attr) = seen.attr_name(&entry.key, entry.place) else { return };
    match &entry.value.kind {
        Kind::Text(text) => seen.attr(facts, attr, text, entry.value.place),
        Kind::Nothing => {}
        Kind::List(_) | Kind::Map(_) => {
            let expected = format!("text as the value of {attr}");
            seen.report.add(entry.value.place, "S0143", expected, entry.value.found());
        }
    }
}
