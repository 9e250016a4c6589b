//! Many sources, one reading: each attribute comes from the strongest source that says it, and it is kept which.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use crate::id::{AttrName, MachineName};

use super::attribute::{RESERVED, WellKnown};
use super::facts::{
    MAX_ADDRESSES, MAX_HOST_KEY, MAX_MACHINE_ATTRS, MAX_SOURCES, MAX_VALUE, MachineFacts, SourceName,
};
use super::naming::Naming;
use super::reading::{MergeWarning, Reading};

/// One source, read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReading {
    pub name: SourceName,
    /// The greater number is believed; between equals, the source that stands first.
    pub precedence: i32,
    pub machines: Vec<SeenMachine>,
}

/// What one source says about one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMachine {
    pub name: MachineName,
    pub addresses: Vec<IpAddr>,
    pub attrs: BTreeMap<AttrName, String>,
    pub host_key: Option<String>,
}

impl SeenMachine {
    pub fn named(name: MachineName) -> Self {
        Self { name, addresses: Vec::new(), attrs: BTreeMap::new(), host_key: None }
    }
}

/// Why sources cannot be made one reading. Nothing is guessed: the whole reading is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    #[error("expected each source once, found {source_name} twice")]
    SourceTwice { source_name: SourceName },
    #[error("expected a source name other than {source_name}, which stands for attributes read out of names")]
    ReservedSource { source_name: SourceName },
    #[error("expected at most {max} sources, found {found}")]
    TooManySources { found: usize, max: usize },
    #[error("expected each machine once in source {source_name}, found {machine} twice")]
    MachineTwice { source_name: SourceName, machine: MachineName },
    #[error("expected at most {max} {what} for {machine} in source {source_name}, found {found}")]
    TooMuch { source_name: SourceName, machine: MachineName, what: &'static str, found: usize, max: usize },
    #[error(
        "expected a label for {machine} in source {source_name}, found {attr:?}, which means the machine itself"
    )]
    ReservedAttribute { source_name: SourceName, machine: MachineName, attr: AttrName },
}

impl MergeError {
    pub const CODE: &str = "S0130";

    pub fn code(&self) -> &'static str {
        Self::CODE
    }
}

/// Makes one reading of many. Machines stand in natural order; what is doubtful but usable is a warning.
pub fn merge(mut sources: Vec<SourceReading>, naming: &Naming) -> Result<Reading, MergeError> {
    check_sources(&sources)?;
    let count = |source: &SourceReading| u32::try_from(source.machines.len()).unwrap_or(u32::MAX);
    let counts = sources.iter().map(|source| (source.name.clone(), count(source))).collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.precedence));
    let names: Vec<SourceName> = sources.iter().map(|source| source.name.clone()).collect();
    let mut said: BTreeMap<MachineName, Vec<(usize, SeenMachine)>> = BTreeMap::new();
    for (at, source) in sources.into_iter().enumerate() {
        for machine in source.machines {
            check_machine(&source.name, &machine)?;
            let entries = said.entry(machine.name.clone()).or_default();
            if entries.last().is_some_and(|(last, _)| *last == at) {
                return Err(MergeError::MachineTwice { source_name: source.name, machine: machine.name });
            }
            entries.push((at, machine));
        }
    }
    let mut merger = Merger {
        names,
        naming,
        zone: WellKnown::Zone.attr(),
        region: WellKnown::Region.attr(),
        warnings: Warnings::default(),
    };
    let machines = said.into_iter().map(|(name, entries)| merger.one_machine(name, entries)).collect();
    Ok(Reading::of_distinct(counts, machines, merger.warnings.into_list()))
}

fn check_sources(sources: &[SourceReading]) -> Result<(), MergeError> {
    // The patterns of names are one more.
    if sources.len() >= MAX_SOURCES {
        return Err(MergeError::TooManySources { found: sources.len(), max: MAX_SOURCES - 1 });
    }
    for (at, source) in sources.iter().enumerate() {
        let source_name = source.name.clone();
        if source_name.as_str() == SourceName::NAME_PATTERN {
            return Err(MergeError::ReservedSource { source_name });
        }
        if sources[..at].iter().any(|earlier| earlier.name == source_name) {
            return Err(MergeError::SourceTwice { source_name });
        }
    }
    Ok(())
}

fn check_machine(source: &SourceName, machine: &SeenMachine) -> Result<(), MergeError> {
    let too_much = |what, found, max| MergeError::TooMuch {
        source_name: source.clone(),
        machine: machine.name.clone(),
        what,
        found,
        max,
    };
    let key = machine.host_key.as_ref().map_or(0, String::len);
    let value = machine.attrs.values().map(String::len).max().unwrap_or(0);
    for (what, found, max) in [
        ("addresses", machine.addresses.len(), MAX_ADDRESSES),
        ("attributes", machine.attrs.len(), MAX_MACHINE_ATTRS),
        ("bytes of an attribute", value, MAX_VALUE),
        ("bytes of a host key", key, MAX_HOST_KEY),
    ] {
        if found > max {
            return Err(too_much(what, found, max));
        }
    }
    match machine.attrs.keys().find(|attr| RESERVED.contains(&attr.as_str())) {
        Some(attr) => Err(MergeError::ReservedAttribute {
            source_name: source.clone(),
            machine: machine.name.clone(),
            attr: attr.clone(),
        }),
        None => Ok(()),
    }
}

struct Merger<'a> {
    /// The strongest first.
    names: Vec<SourceName>,
    naming: &'a Naming,
    zone: AttrName,
    region: AttrName,
    warnings: Warnings,
}

impl Merger<'_> {
    /// `entries` has the strongest source first and is not empty.
    fn one_machine(&mut self, name: MachineName, entries: Vec<(usize, SeenMachine)>) -> MachineFacts {
        let mut facts = MachineFacts::named(name);
        facts.sources = entries.iter().map(|(source, _)| self.names[*source].clone()).collect();
        let mut attrs: BTreeMap<AttrName, (String, u8)> = BTreeMap::new();
        for (at, (_, seen)) in (0u8..).zip(entries) {
            for (attr, value) in seen.attrs {
                attrs.entry(attr).or_insert((value, at));
            }
            if facts.addresses.is_empty() && !seen.addresses.is_empty() {
                facts.addresses = seen.addresses;
                facts.addresses.sort_unstable();
                facts.addresses.dedup();
                facts.addresses_from = at;
            }
            match (&facts.host_key, seen.host_key) {
                (None, Some(key)) => {
                    facts.host_key = Some(key);
                    facts.host_key_from = at;
                }
                (Some(used), Some(other)) if *used != other => self.warnings.host_keys(&facts, at),
                (Some(_), Some(_)) | (Some(_) | None, None) => {}
            }
        }
        self.read_name(&mut facts, &mut attrs);
        if attrs.values().any(|(_, from)| *from > 0) {
            facts.origin = attrs.values().map(|(_, from)| *from).collect();
        }
        facts.attrs = attrs.into_iter().map(|(attr, (value, _))| (attr, value)).collect();
        for address in &facts.addresses {
            self.warnings.address(*address, &facts.name);
        }
        facts
    }

    /// Fills in what the name says and no source did.
    fn read_name(&mut self, facts: &mut MachineFacts, attrs: &mut BTreeMap<AttrName, (String, u8)>) {
        let (explicit, at) = (attrs.len(), u8::try_from(facts.sources.len()).unwrap_or(u8::MAX));
        match self.naming.derive(facts.name.as_str()) {
            Some(derived) => {
                for (attr, value) in derived {
                    attrs.entry(attr).or_insert((value, at));
                }
            }
            None if self.naming.patterns.is_empty() => {}
            None => self.warnings.no_pattern.push(facts.name.clone()),
        }
        if let Some((zone, _)) = attrs.get(&self.zone).filter(|_| !attrs.contains_key(&self.region)) {
            match self.naming.region_of(zone) {
                Some(found) => {
                    attrs.insert(self.region.clone(), (found.to_owned(), at));
                }
                None => self.warnings.zones.entry(zone.clone()).or_default().push(facts.name.clone()),
            }
        }
        if attrs.len() > explicit {
            facts.sources.push(SourceName::name_pattern());
        }
    }
}

#[derive(Default)]
struct Warnings {
    /// The first machine at each address.
    addresses: BTreeMap<IpAddr, MachineName>,
    shared: BTreeMap<IpAddr, Vec<MachineName>>,
    no_pattern: Vec<MachineName>,
    zones: BTreeMap<String, Vec<MachineName>>,
    keys: Vec<MergeWarning>,
}

impl Warnings {
    fn address(&mut self, address: IpAddr, machine: &MachineName) {
        match self.addresses.entry(address) {
            Entry::Vacant(free) => {
                free.insert(machine.clone());
            }
            Entry::Occupied(first) => {
                let sharing = self.shared.entry(address).or_insert_with(|| vec![first.get().clone()]);
                sharing.push(machine.clone());
            }
        }
    }

    /// The source at `other` knows another key than the one that was taken.
    fn host_keys(&mut self, facts: &MachineFacts, other: u8) {
        let source = |at: u8| facts.sources[usize::from(at)].clone();
        self.keys.push(MergeWarning::HostKeysDiffer {
            machine: facts.name.clone(),
            believed: source(facts.host_key_from),
            other: source(other),
        });
    }

    fn into_list(self) -> Vec<MergeWarning> {
        let shared = self.shared.into_iter();
        let mut list: Vec<MergeWarning> = shared
            .map(|(address, machines)| MergeWarning::AddressShared { address, machines })
            .chain(self.keys)
            .collect();
        if !self.no_pattern.is_empty() {
            list.push(MergeWarning::NoPattern { machines: self.no_pattern });
        }
        list.extend(
            self.zones.into_iter().map(|(zone, machines)| MergeWarning::ZoneUnknown { zone, machines }),
        );
        list
    }
}
