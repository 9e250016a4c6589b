//! One machine as the fleet keeps it: small, because there may be a million.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

use super::attribute::AttrId;
use super::symbol::Symbol;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub(super) name: Box<str>,
    pub(super) addresses: Addresses,
    /// In the order of the attributes' numbers.
    pub(super) attrs: Box<[Attr]>,
    pub(super) host_key: Option<Box<str>>,
    pub(super) seen_at: Timestamp,
    pub(super) changed_at: Timestamp,
    /// The position of the latest entry in the change log.
    pub(super) change: u64,
    /// Which list of sources holds the machine.
    pub(super) sources: u16,
    pub(super) addresses_from: u8,
    pub(super) host_key_from: u8,
    pub(super) presence: Presence,
}

/// One attribute: eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attr {
    pub(super) value: Symbol,
    pub(super) id: AttrId,
    /// Index into the machine's sources.
    pub(super) from: u8,
}

/// Most machines have one address, which then needs no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Addresses {
    One(IpAddr),
    Many(Box<[IpAddr]>),
}

/// Whether a source holds the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    Present,
    Left,
}

impl Machine {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn addresses(&self) -> &[IpAddr] {
        match &self.addresses {
            Addresses::One(address) => std::slice::from_ref(address),
            Addresses::Many(addresses) => addresses,
        }
    }

    pub fn host_key(&self) -> Option<&str> {
        self.host_key.as_deref()
    }

    /// When the machine was first seen.
    pub fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// When its facts last changed, or it left or returned.
    pub fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    pub fn presence(&self) -> Presence {
        self.presence
    }

    pub fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }

    pub fn attr(&self, id: AttrId) -> Option<Symbol> {
        // Half a dozen entries of one cache line: looking at each beats a binary search.
        self.attrs.iter().find(|attr| attr.id == id).map(|attr| attr.value)
    }

    pub fn attrs(&self) -> impl Iterator<Item = (AttrId, Symbol)> + '_ {
        self.attrs.iter().map(|attr| (attr.id, attr.value))
    }
}

impl Addresses {
    pub(super) fn new(addresses: &[IpAddr]) -> Self {
        match addresses {
            [one] => Addresses::One(*one),
            [] | [_, _, ..] => Addresses::Many(addresses.into()),
        }
    }
}
