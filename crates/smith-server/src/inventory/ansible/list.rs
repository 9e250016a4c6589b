//! The JSON notation: what `ansible-inventory --list` and inventory scripts print.

use super::super::report::shown;
use super::super::seen::Seen;
use super::super::tree::{Entry, Kind, Node};
use super::groups::{Groups, Vars, check_group};
use super::yaml::vars;

pub(in super::super) fn read(tree: &Node, seen: &mut Seen<'_, '_>) {
    let mut groups = Groups::default();
    let Some(entries) = tree.entries() else {
        return seen.report.add(tree.place, "S0142", "a map of groups", tree.found());
    };
    for entry in entries.iter().filter(|entry| entry.key != "_meta") {
        group(entry, &mut groups, seen);
    }
    if let Some(meta) = tree.get("_meta") {
        host_vars(meta, &mut groups, seen);
    }
    if seen.report.is_clean() {
        groups.finish(seen);
    }
}

fn group(entry: &Entry, groups: &mut Groups, seen: &mut Seen<'_, '_>) {
    let name = entry.key.as_str();
    check_group(name, entry.place, seen);
    groups.group(name);
    let keys = match &entry.value.kind {
        // The oldest scripts print a list of hosts as a group.
        Kind::List(items) => return hosts(items, name, groups, seen),
        Kind::Map(keys) => keys,
        Kind::Nothing | Kind::Text(_) => {
            let expected = "a group with `hosts`, `vars` or `children`";
            return seen.report.add(entry.value.place, "S0142", expected, entry.value.found());
        }
    };
    for key in keys {
        match (key.key.as_str(), &key.value.kind) {
            ("hosts", Kind::List(items)) => hosts(items, name, groups, seen),
            ("vars", Kind::Map(entries)) => groups.group(name).vars.extend(vars(entries)),
            ("children", Kind::List(items)) => {
                for item in items {
                    match item.text() {
                        Some(child) => {
                            groups.group(child);
                            groups.group(name).children.insert(child.to_owned(), item.place);
                        }
                        None => seen.report.add(item.place, "S0143", "the name of a group", item.found()),
                    }
                }
            }
            ("hosts" | "children", _) => {
                let expected = format!("a list under `{}`", key.key);
                seen.report.add(key.value.place, "S0142", expected, key.value.found());
            }
            ("vars", _) => {
                seen.report.add(key.value.place, "S0142", "a map under `vars`", key.value.found());
            }
            (other, _) => {
                seen.report.add(key.place, "S0142", "`hosts`, `vars` or `children`", shown(other));
            }
        }
    }
}

fn hosts(items: &[Node], group: &str, groups: &mut Groups, seen: &mut Seen<'_, '_>) {
    for item in items {
        match item.text() {
            Some(name) => groups.host(group, name, item.place, Vars::new()),
            None => seen.report.add(item.place, "S0143", "the name of a host", item.found()),
        }
    }
}

fn host_vars(meta: &Node, groups: &mut Groups, seen: &mut Seen<'_, '_>) {
    let Some(hosts) = meta.get("hostvars") else {
        if meta.entries().is_none() {
            seen.report.add(meta.place, "S0142", "a map with `hostvars`", meta.found());
        }
        return;
    };
    let Some(entries) = hosts.entries() else {
        return seen.report.add(hosts.place, "S0142", "a map of hosts", hosts.found());
    };
    for entry in entries {
        match entry.value.entries() {
            Some(inner) => groups.host("ungrouped", &entry.key, entry.place, vars(inner)),
            None => seen.report.add(entry.value.place, "S0142", "a map of variables", entry.value.found()),
        }
    }
}
