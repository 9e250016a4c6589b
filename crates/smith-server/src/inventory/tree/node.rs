//! The tree and its bounds.

use super::super::report::{Place, shown};

/// Values in one file with aliases written out: a million machines with ten values each.
pub(super) const MAX_NODES: usize = 12_000_000;
/// A longer text counts as several values: names and labels are shorter, and an alias of a page of text writes it out.
pub(super) const TEXT_A_NODE: usize = 64;
/// Levels of lists and maps. Nested groups of Ansible take three each, and nobody nests ten groups.
pub(super) const MAX_DEPTH: usize = 40;

#[derive(Debug, Clone)]
pub(in super::super) struct Node {
    pub(in super::super) place: Place,
    pub(in super::super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(in super::super) enum Kind {
    Nothing,
    Text(String),
    List(Vec<Node>),
    /// Each key once.
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(in super::super) struct Entry {
    pub(in super::super) key: String,
    pub(in super::super) place: Place,
    pub(in super::super) value: Node,
}

impl Node {
    /// What stands there, in the words of a complaint.
    pub(in super::super) fn found(&self) -> String {
        match &self.kind {
            Kind::Nothing => "nothing".to_owned(),
            Kind::Text(text) => shown(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    pub(in super::super) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Nothing | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    pub(in super::super) fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            Kind::Nothing | Kind::Text(_) | Kind::Map(_) => None,
        }
    }

    pub(in super::super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Nothing | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    pub(in super::super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}
