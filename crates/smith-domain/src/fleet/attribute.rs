//! Attributes of machines: the ones that rules know by name, and any others, which people call labels.

use serde::{Deserialize, Serialize};

use crate::id::AttrName;

use super::ordered::Ordered;

/// An attribute's name, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttrId(pub u16);

/// The attributes that limits, gates and requests speak of. They have the same numbers in every fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WellKnown {
    Environment,
    Region,
    Zone,
    Cluster,
    Role,
    Number,
}

impl WellKnown {
    pub const ALL: [WellKnown; 6] = [
        WellKnown::Environment,
        WellKnown::Region,
        WellKnown::Zone,
        WellKnown::Cluster,
        WellKnown::Role,
        WellKnown::Number,
    ];

    pub fn name(self) -> &'static str {
        match self {
            WellKnown::Environment => ENVIRONMENT,
            WellKnown::Region => REGION,
            WellKnown::Zone => ZONE,
            WellKnown::Cluster => CLUSTER,
            WellKnown::Role => ROLE,
            WellKnown::Number => NUMBER,
        }
    }

    pub fn id(self) -> AttrId {
        match self {
            WellKnown::Environment => AttrId::ENVIRONMENT,
            WellKnown::Region => AttrId::REGION,
            WellKnown::Zone => AttrId::ZONE,
            WellKnown::Cluster => AttrId::CLUSTER,
            WellKnown::Role => AttrId::ROLE,
            WellKnown::Number => AttrId::NUMBER,
        }
    }

    pub fn attr(self) -> AttrName {
        AttrName::new(self.name()).expect("the well-known names have the form of a name")
    }
}

pub const ENVIRONMENT: &str = "environment";
pub const REGION: &str = "region";
pub const ZONE: &str = "zone";
pub const CLUSTER: &str = "cluster";
pub const ROLE: &str = "role";
pub const NUMBER: &str = "number";

impl AttrId {
    pub const ENVIRONMENT: AttrId = AttrId(0);
    pub const REGION: AttrId = AttrId(1);
    pub const ZONE: AttrId = AttrId(2);
    pub const CLUSTER: AttrId = AttrId(3);
    pub const ROLE: AttrId = AttrId(4);
    pub const NUMBER: AttrId = AttrId(5);
}

/// Words that name a machine itself and therefore no label: a selector would be read in two ways.
pub const RESERVED: [&str; 8] =
    ["name", "names", "address", "addresses", "host-key", "host_key", "machine", "machines"];

/// The name that people may type for a longer one.
pub fn unabbreviated(name: &str) -> &str {
    match name {
        "env" => ENVIRONMENT,
        other => other,
    }
}

/// Attribute names one fleet may use. Inventories carry some dozens; thousands mean that values are used as names.
pub const MAX_ATTRIBUTES: usize = 4096;

/// Every attribute name that ever occurred, the well-known ones first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttrNames {
    names: Vec<AttrName>,
    index: Ordered,
}

impl AttrNames {
    pub(super) fn id(&self, name: &str) -> Option<AttrId> {
        let found = self.index.find(|entry| self.names[entry as usize].as_str().cmp(name))?;
        u16::try_from(found).ok().map(AttrId)
    }

    pub(super) fn name(&self, id: AttrId) -> Option<&AttrName> {
        self.names.get(usize::from(id.0))
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AttrName> {
        self.names.iter()
    }

    /// `None` once there are more names than numbers, which `decide` does not let happen.
    pub(super) fn intern(&mut self, name: &AttrName) -> Option<AttrId> {
        if let Some(known) = self.id(name.as_str()) {
            return Some(known);
        }
        let id = u16::try_from(self.names.len()).ok()?;
        let names = &self.names;
        self.index.insert(u32::from(id), |entry| names[entry as usize].cmp(name));
        self.names.push(name.clone());
        Some(AttrId(id))
    }

    pub(super) fn from_names(names: Vec<AttrName>) -> Self {
        let mut sorted: Vec<u32> = (0u32..).take(names.len()).collect();
        sorted.sort_unstable_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        Self { index: Ordered::from_sorted(&sorted), names }
    }
}

impl Default for AttrNames {
    fn default() -> Self {
        Self::from_names(WellKnown::ALL.map(WellKnown::attr).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_attributes_have_fixed_numbers() {
        let names = AttrNames::default();
        for known in WellKnown::ALL {
            assert_eq!(names.id(known.name()), Some(known.id()));
            assert_eq!(names.name(known.id()), Some(&known.attr()));
        }
        assert_eq!(names.id("rack"), None);
    }
}
