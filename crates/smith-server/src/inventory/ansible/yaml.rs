//! The YAML notation: groups with `hosts`, `vars` and `children`.

use super::super::report::shown;
use super::super::seen::Seen;
use super::super::tree::{Entry, Kind, Node};
use super::groups::{Groups, Vars, check_group};
use super::range::expand;

pub(in super::super) fn read(tree: &Node, seen: &mut Seen<'_, '_>) {
    let mut groups = Groups::default();
    match tree.entries() {
        Some(entries) => entries.iter().for_each(|entry| group(entry, &mut groups, seen)),
        None => seen.report.add(tree.place, "S0142", "a map of groups", tree.found()),
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
        Kind::Nothing => return,
        Kind::Map(keys) => keys,
        Kind::Text(_) | Kind::List(_) => {
            let expected = "a group with `hosts`, `vars` or `children`";
            return seen.report.add(entry.value.place, "S0142", expected, entry.value.found());
        }
    };
    for key in keys {
        match (key.key.as_str(), &key.value.kind) {
            ("hosts" | "vars" | "children", Kind::Nothing) => {}
            ("hosts", Kind::Map(hosts)) => hosts.iter().for_each(|one| host(one, name, groups, seen)),
            ("vars", Kind::Map(entries)) => groups.group(name).vars.extend(vars(entries)),
            ("children", Kind::Map(children)) => {
                for child in children {
                    groups.group(name).children.insert(child.key.clone(), child.place);
                    group(child, groups, seen);
                }
            }
            ("hosts" | "vars" | "children", _) => {
                let expected = format!("a map under `{}`", key.key);
                seen.report.add(key.value.place, "S0142", expected, key.value.found());
            }
            (other, _) => {
                seen.report.add(key.place, "S0142", "`hosts`, `vars` or `children`", shown(other));
            }
        }
    }
}

fn host(entry: &Entry, group: &str, groups: &mut Groups, seen: &mut Seen<'_, '_>) {
    let vars = match &entry.value.kind {
        Kind::Nothing => Vars::new(),
        Kind::Map(entries) => vars(entries),
        Kind::Text(_) | Kind::List(_) => {
            return seen.report.add(entry.value.place, "S0142", "a map of variables", entry.value.found());
        }
    };
    match expand(&entry.key) {
        Ok(names) => names.iter().for_each(|name| groups.host(group, name, entry.place, vars.clone())),
        Err(bad) => seen.report.add(entry.place.plus(bad.offset), "S0145", bad.expected, bad.found),
    }
}

pub(super) fn vars(entries: &[Entry]) -> Vars {
    let single =
        |entry: &Entry| Some((entry.key.clone(), (entry.value.text()?.to_owned(), entry.value.place)));
    entries.iter().filter_map(single).collect()
}
