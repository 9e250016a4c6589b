//! Hosts, groups and variables as Ansible resolves them: the host's own word counts most, then the nearest group's.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::fleet::MAX_MACHINES;
use smith_domain::fleet::attribute::unabbreviated;
use smith_domain::id::AttrName;

use super::super::report::{Place, shown};
use super::super::seen::{Facts, Seen};

/// Groups inside each other. Ansible's own examples stop at four.
const MAX_NESTING: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) groups: BTreeMap<String, Group>,
    /// By name, with the place of the first mention.
    pub(super) hosts: BTreeMap<String, Host>,
    /// Where there were more hosts than a fleet may have.
    too_many: Option<Place>,
}

/// Pairs of a host and a variable that it has from itself or a group: a million machines with thirty each.
const MAX_PAIRS: usize = 30_000_000;

#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) vars: Vars,
    pub(super) hosts: BTreeSet<String>,
    pub(super) children: BTreeMap<String, Place>,
}

#[derive(Debug)]
pub(super) struct Host {
    pub(super) place: Place,
    pub(super) vars: Vars,
}

/// Single values only; lists and maps say nothing about a machine that a selector could ask for.
pub(super) type Vars = BTreeMap<String, (String, Place)>;

/// The group that holds every other.
pub(super) const ALL: &str = "all";

impl Groups {
    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Puts a host into a group; the latest variables count.
    pub(super) fn host(&mut self, group: &str, name: &str, place: Place, vars: Vars) {
        // Ranges write many hosts in a few letters: what is too much is never held.
        if self.hosts.len() >= MAX_MACHINES && !self.hosts.contains_key(name) {
            self.too_many.get_or_insert(place);
            return;
        }
        self.group(group).hosts.insert(name.to_owned());
        let host = self.hosts.entry(name.to_owned()).or_insert_with(|| Host { place, vars: Vars::new() });
        host.vars.extend(vars);
    }

    /// Turns hosts into machines.
    pub(super) fn finish(mut self, seen: &mut Seen<'_, '_>) {
        if let Some(place) = self.too_many {
            seen.report.add(place, "S0140", format!("at most {MAX_MACHINES} hosts"), "more");
            return;
        }
        self.group(ALL);
        let groups = self.groups.values_mut().map(|group| &mut group.vars);
        for vars in groups.chain(self.hosts.values_mut().map(|host| &mut host.vars)) {
            vars.retain(|key, _| is_of_interest(key, seen));
        }
        let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
        let mut path = Vec::new();
        for name in self.groups.keys() {
            if !self.measure(name, &mut depth, &mut path, seen) {
                return;
            }
        }
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, group) in &self.groups {
            for child in group.children.keys() {
                parents.entry(child).or_default().insert(name);
            }
        }
        let mut direct: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, group) in &self.groups {
            for host in &group.hosts {
                direct.entry(host).or_default().insert(name);
            }
        }
        let mut pairs = 0;
        for (name, host) in &self.hosts {
            let own = direct.get(name.as_str()).cloned().unwrap_or_default();
            let mut around = ancestors(own, &parents);
            around.insert(ALL);
            let mut order: Vec<&str> = around.into_iter().collect();
            // From the weakest to the strongest: farther out first, then by name; `all` is the weakest.
            order.sort_by_key(|group| (*group != ALL, depth.get(group).copied().unwrap_or(0), *group));
            let mut vars: BTreeMap<&str, (&str, Place)> = BTreeMap::new();
            let sets = order.iter().filter_map(|group| self.groups.get(*group)).map(|group| &group.vars);
            for (key, (value, place)) in sets.chain([&host.vars]).flatten() {
                vars.insert(key, (value, *place));
                pairs += 1;
            }
            if pairs > MAX_PAIRS {
                let expected =
                    format!("at most {MAX_PAIRS} variables of all hosts, those of their groups counted");
                seen.report.add(host.place, "S0140", expected, "more");
                return;
            }
            machine(name, host.place, &order, &vars, seen);
        }
    }

    /// How far a group is from those that no group holds, or `false` where groups hold themselves.
    fn measure<'g>(
        &'g self,
        name: &'g str,
        depth: &mut BTreeMap<&'g str, usize>,
        path: &mut Vec<&'g str>,
        seen: &mut Seen<'_, '_>,
    ) -> bool {
        let Some((key, group)) = self.groups.get_key_value(name) else { return true };
        let here = path.len();
        if depth.get(key.as_str()).is_some_and(|known| *known >= here) && here > 0 {
            return true;
        }
        let known = depth.entry(key).or_default();
        *known = here.max(*known);
        path.push(key);
        for (child, place) in &group.children {
            if path.contains(&child.as_str()) {
                let found = format!("{child}, which holds {name}");
                seen.report.add(*place, "S0146", "groups that do not hold themselves", found);
                return false;
            }
            if path.len() >= MAX_NESTING {
                let expected = format!("at most {MAX_NESTING} groups inside each other");
                seen.report.add(*place, "S0146", expected, "one more");
                return false;
            }
            if !self.measure(child, depth, path, seen) {
                return false;
            }
        }
        path.pop();
        true
    }
}

/// Whether a variable can say something about a machine that is asked for.
fn is_of_interest(key: &str, seen: &Seen<'_, '_>) -> bool {
    let key = key.to_ascii_lowercase();
    let is_address = key == "ansible_host" || key == "ansible_ssh_host";
    is_address || AttrName::new(unabbreviated(&key)).is_ok_and(|attr| seen.wants(&attr))
}

fn ancestors<'g>(
    direct: BTreeSet<&'g str>,
    parents: &BTreeMap<&'g str, BTreeSet<&'g str>>,
) -> BTreeSet<&'g str> {
    let mut all = BTreeSet::new();
    let mut open: Vec<&str> = direct.into_iter().collect();
    while let Some(group) = open.pop() {
        if all.insert(group) {
            open.extend(parents.get(group).into_iter().flatten());
        }
    }
    all
}

fn machine(
    name: &str,
    place: Place,
    groups: &[&str],
    vars: &BTreeMap<&str, (&str, Place)>,
    seen: &mut Seen<'_, '_>,
) {
    let Some(machine) = seen.name(name, place) else { return };
    let mut facts = Facts::default();
    for group in groups.iter().filter(|group| !matches!(**group, ALL | "ungrouped")) {
        // Groups are labels for who asks for them by name.
        if let Ok(attr) = AttrName::new(format!("group-{}", group.to_ascii_lowercase()))
            && seen.wants(&attr)
        {
            seen.attr(&mut facts, attr, "yes", place);
        }
    }
    for (key, (value, place)) in vars {
        let key = key.to_ascii_lowercase();
        match (key.as_str(), AttrName::new(unabbreviated(&key))) {
            // A name to be resolved is no address; what is resolved when a connection is made is not known here.
            ("ansible_host" | "ansible_ssh_host", _) => {
                if let Ok(address) = value.parse() {
                    facts.addresses = vec![address];
                }
            }
            // Connection settings, among them passwords.
            (other, _) if other.starts_with("ansible_") => {}
            (_, Ok(attr)) if seen.wants(&attr) => seen.attr(&mut facts, attr, value, *place),
            (_, Ok(_) | Err(_)) => {}
        }
    }
    if facts.addresses.is_empty()
        && let Ok(address) = name.parse()
    {
        facts.addresses.push(address);
    }
    seen.add(machine, facts, place);
}

/// Complains about a name of a group that cannot be one.
pub(super) fn check_group(name: &str, place: Place, seen: &mut Seen<'_, '_>) {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || matches!(c, '[' | ']' | ':')) {
        seen.report.add(place, "S0143", "the name of a group", shown(name));
    }
}
