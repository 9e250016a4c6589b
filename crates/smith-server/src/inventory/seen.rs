//! Machines as they are collected from one file: names, addresses and attributes checked where they stand.

use std::collections::BTreeMap;
use std::net::IpAddr;

use smith_domain::fleet::attribute::{RESERVED, WellKnown, unabbreviated};
use smith_domain::fleet::text::machine_names;
use smith_domain::fleet::{MAX_ADDRESSES, MAX_HOST_KEY, MAX_MACHINE_ATTRS, MAX_VALUE, SeenMachine};
use smith_domain::id::{AttrName, MachineName};

use super::format::Labels;
use super::report::{Place, Report, shown};

/// Machines of one file with the places where they stand.
pub(super) struct Seen<'a, 'f> {
    pub(super) report: &'a mut Report<'f>,
    labels: &'a Labels,
    machines: Vec<SeenMachine>,
    places: BTreeMap<MachineName, Place>,
}

/// What is said about a machine, or about all machines of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) attrs: BTreeMap<AttrName, String>,
    pub(super) host_key: Option<String>,
}

impl<'a, 'f> Seen<'a, 'f> {
    pub(super) fn new(report: &'a mut Report<'f>, labels: &'a Labels) -> Self {
        Self { report, labels, machines: Vec::new(), places: BTreeMap::new() }
    }

    pub(super) fn into_machines(self) -> Vec<SeenMachine> {
        self.machines
    }

    /// One name, or several by ranges such as `web-[01-03]`.
    pub(super) fn names(&mut self, text: &str, place: Place) -> Vec<MachineName> {
        match machine_names(text) {
            Ok(names) => names,
            Err(why) => {
                self.report.hint(place, "S0143", "the name of a machine", shown(text), why);
                Vec::new()
            }
        }
    }

    pub(super) fn name(&mut self, text: &str, place: Place) -> Option<MachineName> {
        match MachineName::new(text) {
            Ok(name) => Some(name),
            Err(bad) => {
                self.report.hint(place, "S0143", "the name of a machine", shown(text), bad.to_string());
                None
            }
        }
    }

    pub(super) fn address(&mut self, facts: &mut Facts, text: &str, place: Place) {
        match text.trim().parse::<IpAddr>() {
            Ok(address) if facts.addresses.len() < MAX_ADDRESSES => facts.addresses.push(address),
            Ok(_) => {
                let expected = format!("at most {MAX_ADDRESSES} addresses");
                self.report.add(place, "S0143", expected, "one more");
            }
            Err(_) => self.report.add(place, "S0143", "an IP address", shown(text)),
        }
    }

    pub(super) fn host_key(&mut self, facts: &mut Facts, text: &str, place: Place) {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_HOST_KEY {
            let expected = format!("a host key of 1 to {MAX_HOST_KEY} bytes");
            self.report.add(place, "S0143", expected, format!("{} bytes", text.len()));
            return;
        }
        facts.host_key = Some(text.to_owned());
    }

    /// The attribute that a word names, in its full form.
    pub(super) fn attr_name(&mut self, word: &str, place: Place) -> Option<AttrName> {
        let name = unabbreviated(word);
        if RESERVED.contains(&name) {
            let hint = "this word means the machine itself";
            self.report.hint(place, "S0143", "the name of an attribute", shown(word), hint);
            return None;
        }
        match AttrName::new(name) {
            Ok(attr) => Some(attr),
            Err(bad) => {
                self.report.hint(place, "S0143", "the name of an attribute", shown(word), bad.to_string());
                None
            }
        }
    }

    /// Whether an attribute is taken from this source at all.
    pub(super) fn wants(&self, attr: &AttrName) -> bool {
        if RESERVED.contains(&attr.as_str()) {
            return false;
        }
        let well_known = || WellKnown::ALL.iter().any(|known| known.name() == attr.as_str());
        match self.labels {
            Labels::All => true,
            Labels::Only(names) => names.contains(attr) || well_known(),
        }
    }

    pub(super) fn attr(&mut self, facts: &mut Facts, attr: AttrName, value: &str, place: Place) {
        if !self.wants(&attr) {
            return;
        }
        if value.len() > MAX_VALUE {
            let expected = format!("a value of at most {MAX_VALUE} bytes");
            return self.report.add(place, "S0143", expected, format!("{} bytes", value.len()));
        }
        facts.attrs.insert(attr, value.to_owned());
        if facts.attrs.len() > MAX_MACHINE_ATTRS {
            let expected = format!("at most {MAX_MACHINE_ATTRS} attributes");
            self.report.add(place, "S0143", expected, "one more");
        }
    }

    /// Adds a machine that must not have been there before.
    pub(super) fn add(&mut self, name: MachineName, facts: Facts, place: Place) {
        if let Some(first) = self.places.insert(name.clone(), place) {
            let hint = format!("the first one stands in line {}", first.line);
            return self.report.hint(place, "S0144", "each machine once", format!("{name} again"), hint);
        }
        let Facts { addresses, attrs, host_key } = facts;
        self.machines.push(SeenMachine { name, addresses, attrs, host_key });
    }
}

impl Facts {
    /// What a group says, for a machine that says nothing of its own about it.
    pub(super) fn or(mut self, group: &Facts) -> Facts {
        for (attr, value) in &group.attrs {
            self.attrs.entry(attr.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}
