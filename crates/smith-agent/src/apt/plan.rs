//! What apt says that it would do.

use std::collections::{BTreeMap, BTreeSet};

use smith_agent::protocol::Change;

use super::status::{Key, Machine};

/// The steps of a simulation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Packages that are unpacked, and the versions that they come to.
    pub(crate) install: BTreeMap<Key, String>,
    pub(crate) remove: BTreeSet<Key>,
    /// Packages that only wait for their scripts.
    pub(crate) configure: BTreeSet<Key>,
}

impl Plan {
    /// Reads what `apt-get --simulate` said. A line of steps that cannot be read is given back: a plan that is understood in part is
    /// none.
    pub(crate) fn read(said: &str, machine: &Machine) -> Result<Self, String> {
        let mut plan = Self::default();
        for line in said.lines() {
            let Some((step, rest)) = line.split_once(' ') else { continue };
            let known = match step {
                "Inst" => installed(rest).map(|(name, version)| {
                    plan.install.insert(machine.key_of(name), version.to_owned());
                }),
                "Remv" | "Purg" => first_word(rest).map(|name| {
                    plan.remove.insert(machine.key_of(name));
                }),
                "Conf" => first_word(rest).map(|name| {
                    plan.configure.insert(machine.key_of(name));
                }),
                _ => continue,
            };
            known.ok_or_else(|| line.to_owned())?;
        }
        let Plan { install, configure, .. } = &mut plan;
        configure.retain(|key| !install.contains_key(key));
        // What is taken away to come back in another version is not removed.
        plan.remove.retain(|key| !plan.install.contains_key(key));
        Ok(plan)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.install.is_empty() && self.remove.is_empty() && self.configure.is_empty()
    }

    /// The version that a package has when the plan is done.
    pub(crate) fn version_after<'a>(&'a self, key: &Key, machine: &'a Machine) -> Option<&'a str> {
        if let Some(version) = self.install.get(key) {
            return Some(version);
        }
        if self.remove.contains(key) {
            return None;
        }
        machine.packages.get(key).map(|present| present.version.as_str())
    }

    pub(crate) fn removed(&self, native: &str) -> Vec<String> {
        self.remove.iter().map(|key| key.shown(native)).collect()
    }

    /// The plan as what differs before and after.
    pub(crate) fn changes(&self, machine: &Machine) -> Vec<Change> {
        let mut changes = Vec::new();
        for key in self.install.keys().chain(&self.remove) {
            let from = machine.packages.get(key).map(|present| present.version.clone());
            changes.push(change(key, from, self.install.get(key).cloned()));
        }
        changes.sort_by(|one, other| (&one.name, &one.architecture).cmp(&(&other.name, &other.architecture)));
        changes
    }
}

/// What differs between two moments of a machine.
pub(crate) fn differences(before: &Machine, after: &Machine) -> Vec<Change> {
    differences_since(&versions(before), after)
}

/// The same, where only the versions are known of the first moment.
pub(crate) fn differences_since(before: &BTreeMap<Key, String>, after: &Machine) -> Vec<Change> {
    let after = versions(after);
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let pairs = keys.into_iter().map(|key| (key, before.get(key).cloned(), after.get(key).cloned()));
    pairs.filter(|(_, from, to)| from != to).map(|(key, from, to)| change(key, from, to)).collect()
}

fn versions(machine: &Machine) -> BTreeMap<Key, String> {
    machine.packages.iter().map(|(key, present)| (key.clone(), present.version.clone())).collect()
}

fn change(key: &Key, from: Option<String>, to: Option<String>) -> Change {
    Change { name: key.name.clone(), architecture: key.architecture.clone(), from, to }
}

/// `name [old] (new origin [architecture]) [more]`, where `[old]` is missing for what is new.
fn installed(rest: &str) -> Option<(&str, &str)> {
    let name = first_word(rest)?;
    let (_, inside) = rest.split_once('(')?;
    let version = first_word(inside)?;
    inside.contains(')').then_some((name, version))
}

fn first_word(text: &str) -> Option<&str> {
    text.split(' ').next().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_simulation() {
        let said = "Reading package lists...\nThe following packages will be upgraded:\n  a b\nInst a [1.0] (1.1 Debian:12/stable [amd64]) [b:i386 ]\n\
            Inst c:i386 (2:3-1 x:y [i386])\nRemv d [4]\nPurg e [4]\nConf a (1.1 Debian:12/stable [amd64])\nConf f (1 x [all])\nRemv g [1]\nInst g (2 x [amd64])\n";
        let machine = Machine { native: "amd64".to_owned(), ..Machine::default() };
        let plan = Plan::read(said, &machine).expect("a plan");
        let install: Vec<_> =
            plan.install.iter().map(|(key, to)| (key.shown("amd64"), to.as_str())).collect();
        let expected = [("a", "1.1"), ("c:i386", "2:3-1"), ("g", "2")];
        assert_eq!(install, expected.map(|(name, to)| (name.to_owned(), to)));
        assert_eq!(plan.removed("amd64"), ["d", "e"]);
        assert_eq!(plan.configure, BTreeSet::from([machine.key_of("f")]));
        assert_eq!(plan.version_after(&machine.key_of("d"), &machine), None);
    }

    #[test]
    fn a_step_that_is_not_understood_is_told() {
        for line in ["Inst a [1]", "Inst a", "Inst  (1 x)", "Remv "] {
            assert_eq!(Plan::read(line, &Machine::default()), Err(line.to_owned()));
        }
    }
}
