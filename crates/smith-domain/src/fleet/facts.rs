//! What is known about one machine, and which source said so.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{AttrName, BadName, MachineName};
use crate::size;

/// The name of an inventory source: letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(String);

/// What the inventory says about one machine, merged from all sources that hold it. This is what is journaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFacts {
    pub name: MachineName,
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Environment, region, zone, cluster, role, number and labels.
    #[serde(default)]
    pub attrs: BTreeMap<AttrName, String>,
    /// The public host key as in `known_hosts`, without the name.
    #[serde(default)]
    pub host_key: Option<String>,
    /// The sources that say something about the machine, the strongest first.
    #[serde(default)]
    pub sources: Vec<SourceName>,
    /// Who said each attribute, in the order of `attrs`, as indexes into `sources`. Empty where all is from the first.
    #[serde(default)]
    pub origin: Vec<u8>,
    #[serde(default)]
    pub addresses_from: u8,
    #[serde(default)]
    pub host_key_from: u8,
}

/// The names of the fields of a machine in an event, its number, and signs between them.
const FACTS_FRAME: usize = 256;
/// The longest address in text, with its quotation marks and a comma.
const ADDRESS_BYTES: usize = 48;

/// Attributes one machine may have. Inventories with ten times as many put documents into labels.
pub const MAX_MACHINE_ATTRS: usize = 64;
/// Bytes of one attribute's value: a path or a sentence fits, a document does not.
pub const MAX_VALUE: usize = 256;
/// Addresses one machine may have: some for each network it is in.
pub const MAX_ADDRESSES: usize = 64;
/// Bytes of a host key: an RSA key of 16,384 bits takes 2,800.
pub const MAX_HOST_KEY: usize = 4096;
/// Sources that may say something about one machine, the patterns of names included.
pub const MAX_SOURCES: usize = 64;

impl MachineFacts {
    /// Bytes that it takes in an event, at the most.
    pub(super) fn weight(&self) -> usize {
        let attrs = self.attrs.iter().map(|(name, value)| size::text(name.as_str()) + size::text(value) + 2);
        let sources = self.sources.iter().map(|source| size::text(source.as_str()) + 1);
        let host_key = self.host_key.as_deref().map_or(4, size::text);
        FACTS_FRAME
            + size::text(self.name.as_str())
            + self.addresses.len() * ADDRESS_BYTES
            + attrs.sum::<usize>()
            + sources.sum::<usize>()
            + self.origin.len() * 4
            + host_key
    }

    pub fn named(name: MachineName) -> Self {
        Self {
            name,
            addresses: Vec::new(),
            attrs: BTreeMap::new(),
            host_key: None,
            sources: Vec::new(),
            origin: Vec::new(),
            addresses_from: 0,
            host_key_from: 0,
        }
    }

    /// Every attribute with its value and the index of the source that said it.
    pub(super) fn attrs_from(&self) -> impl Iterator<Item = (&AttrName, &String, u8)> {
        let origins = self.origin.iter().copied().chain(std::iter::repeat(0));
        self.attrs.iter().zip(origins).map(|((name, value), from)| (name, value, from))
    }

    /// Which source said an attribute.
    pub fn origin_of(&self, attr: &AttrName) -> Option<&SourceName> {
        let at = self.attrs.keys().position(|known| known == attr)?;
        self.sources.get(usize::from(self.origin.get(at).copied().unwrap_or(0)))
    }
}

impl SourceName {
    /// The source of attributes that were read out of machine names.
    pub const NAME_PATTERN: &str = "name-pattern";

    pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
        const WHAT: &str = "source name";
        const MAX: usize = 64;
        let text = text.into();
        let Some(first) = text.chars().next() else { return Err(BadName::Empty { what: WHAT }) };
        let length = text.chars().count();
        if length > MAX {
            return Err(BadName::TooLong { what: WHAT, found: length, max: MAX });
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(found) = text.chars().find(|c| !allowed(c)) {
            return Err(BadName::Character { what: WHAT, text, found });
        }
        if !first.is_ascii_alphanumeric() {
            return Err(BadName::Start { what: WHAT, text, found: first });
        }
        Ok(Self(text))
    }

    pub fn name_pattern() -> Self {
        Self(Self::NAME_PATTERN.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for SourceName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(text)
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> String {
        name.0
    }
}
