//! Selectors against a fleet: names and values become numbers, so that a machine is asked about in nanoseconds.
//!
//! A matcher stays true while the fleet changes. What the fleet did not know when the matcher was made is kept as
//! text and compared as text.

use std::collections::BTreeSet;
use std::net::IpAddr;

use regex::Regex;

use crate::id::{AttrName, MachineId};

use super::super::attribute::AttrId;
use super::super::machine::Machine;
use super::super::natural::natural_cmp;
use super::super::state::Fleet;
use super::super::symbol::Symbol;
use super::expr::{AttrTerm, Compare, Expr, NameTerm, Selector, Test, Value};
use super::glob::Glob;
use super::parse::MAX_EXPANSION;
use super::word::whole_regex;

/// A selector that was prepared for one fleet.
#[derive(Debug, Clone)]
pub struct Matcher {
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    All,
    Names(Names),
    Attr(Key, Ask),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

#[derive(Debug, Clone, Default)]
struct Names {
    /// Ascending.
    ids: Vec<MachineId>,
    /// Names that no machine had yet.
    unknown: BTreeSet<String>,
    /// Machines from this number on may have a name that was unknown.
    known: usize,
    addresses: Vec<IpAddr>,
    globs: Vec<Glob>,
    regexes: Vec<Regex>,
}

#[derive(Debug, Clone)]
enum Key {
    Known(AttrId),
    Unknown(AttrName),
}

#[derive(Debug, Clone)]
enum Ask {
    Is(Values),
    IsNot(Values),
    Number(Compare, u64),
}

#[derive(Debug, Clone, Default)]
struct Values {
    /// Ascending.
    symbols: Vec<Symbol>,
    /// Values that no machine had yet.
    unknown: BTreeSet<String>,
    globs: Vec<Glob>,
    regexes: Vec<Regex>,
}

impl Selector {
    pub fn compile(&self, fleet: &Fleet) -> Matcher {
        Matcher { node: Node::new(self.expr(), fleet) }
    }
}

impl Matcher {
    /// Whether the selector speaks of this machine; one that has left is judged by what was known last.
    pub fn matches(&self, fleet: &Fleet, id: MachineId) -> bool {
        fleet.get(id).is_some_and(|machine| self.node.matches(fleet, id, machine))
    }
}

impl Fleet {
    /// The machines that are present and match, in the natural order of their names.
    pub fn select(&self, selector: &Selector) -> Vec<MachineId> {
        self.select_with(&selector.compile(self))
    }

    pub fn select_with(&self, matcher: &Matcher) -> Vec<MachineId> {
        let wanted = |id: &MachineId| {
            let machine = self.machine(*id);
            machine.is_present() && matcher.node.matches(self, *id, machine)
        };
        match matcher.node.candidates(self) {
            // A list of names needs no look at any other machine.
            Some(mut few) => {
                few.retain(wanted);
                few.sort_by(|a, b| natural_cmp(self.machine(*a).name(), self.machine(*b).name()));
                few.dedup();
                few
            }
            None => self.in_name_order().filter(wanted).collect(),
        }
    }
}

impl Node {
    fn new(expr: &Expr, fleet: &Fleet) -> Node {
        match expr {
            Expr::All => Node::All,
            Expr::Names(terms) => Node::Names(Names::new(terms, fleet)),
            Expr::Attr(AttrTerm { attr, test }) => {
                let key = fleet.attr_id(attr).map_or_else(|| Key::Unknown(attr.clone()), Key::Known);
                let ask = match test {
                    Test::Is(values) => Ask::Is(Values::new(values, fleet)),
                    Test::IsNot(values) => Ask::IsNot(Values::new(values, fleet)),
                    Test::Number(compare, number) => Ask::Number(*compare, *number),
                };
                Node::Attr(key, ask)
            }
            Expr::Not(inner) => Node::Not(Box::new(Node::new(inner, fleet))),
            Expr::And(children) => Node::And(children.iter().map(|child| Node::new(child, fleet)).collect()),
            Expr::Or(children) => Node::Or(children.iter().map(|child| Node::new(child, fleet)).collect()),
        }
    }

    fn matches(&self, fleet: &Fleet, id: MachineId, machine: &Machine) -> bool {
        match self {
            Node::All => true,
            Node::Names(names) => names.matches(id, machine),
            Node::Attr(key, ask) => {
                let attr = match key {
                    Key::Known(attr) => Some(*attr),
                    Key::Unknown(name) => fleet.attr_id(name),
                };
                ask.matches(fleet, attr.and_then(|attr| machine.attr(attr)))
            }
            Node::Not(inner) => !inner.matches(fleet, id, machine),
            Node::And(children) => children.iter().all(|child| child.matches(fleet, id, machine)),
            Node::Or(children) => children.iter().any(|child| child.matches(fleet, id, machine)),
        }
    }

    /// Machines outside of which none matches, where that is a list and not the fleet.
    fn candidates(&self, fleet: &Fleet) -> Option<Vec<MachineId>> {
        match self {
            Node::Names(names) => names.candidates(fleet),
            Node::And(children) => {
                children.iter().filter_map(|child| child.candidates(fleet)).min_by_key(Vec::len)
            }
            Node::Or(children) => {
                let mut all = Vec::new();
                for child in children {
                    all.extend(child.candidates(fleet)?);
                }
                Some(all)
            }
            Node::All | Node::Attr(_, _) | Node::Not(_) => None,
        }
    }
}

impl Names {
    fn new(terms: &[NameTerm], fleet: &Fleet) -> Names {
        let mut names = Names { known: fleet.len(), ..Names::default() };
        for term in terms {
            match term {
                NameTerm::Exact(name) => names.add(name.clone(), fleet),
                NameTerm::Glob(glob) if glob.count().is_some_and(|count| count <= MAX_EXPANSION) => {
                    glob.expand().into_iter().for_each(|name| names.add(name, fleet));
                }
                NameTerm::Glob(glob) => names.globs.push(glob.clone()),
                NameTerm::Regex(text) => names.regexes.extend(whole_regex(text)),
                NameTerm::Address(address) => names.addresses.push(*address),
            }
        }
        names.ids.sort_unstable();
        names
    }

    fn add(&mut self, name: String, fleet: &Fleet) {
        match fleet.find(&name) {
            Some(id) => self.ids.push(id),
            None => {
                self.unknown.insert(name);
            }
        }
    }

    fn matches(&self, id: MachineId, machine: &Machine) -> bool {
        let name = machine.name();
        self.ids.binary_search(&id).is_ok()
            || (id.index() >= self.known && self.unknown.contains(name))
            || machine.addresses().iter().any(|address| self.addresses.contains(address))
            || self.globs.iter().any(|glob| glob.matches(name))
            || self.regexes.iter().any(|regex| regex.is_match(name))
    }

    fn candidates(&self, fleet: &Fleet) -> Option<Vec<MachineId>> {
        if !self.globs.is_empty() || !self.regexes.is_empty() {
            return None;
        }
        let mut ids = self.ids.clone();
        ids.extend(self.unknown.iter().filter_map(|name| fleet.find(name)));
        ids.extend(self.addresses.iter().flat_map(|address| fleet.find_address(*address)));
        Some(ids)
    }
}

impl Ask {
    fn matches(&self, fleet: &Fleet, value: Option<Symbol>) -> bool {
        match self {
            Ask::Is(values) => value.is_some_and(|value| values.contain(fleet, value)),
            Ask::IsNot(values) => !value.is_some_and(|value| values.contain(fleet, value)),
            Ask::Number(compare, number) => {
                let found = value.and_then(|value| fleet.text(value).parse::<u64>().ok());
                found.is_some_and(|found| match compare {
                    Compare::Less => found < *number,
                    Compare::AtMost => found <= *number,
                    Compare::AtLeast => found >= *number,
                    Compare::More => found > *number,
                })
            }
        }
    }
}

impl Values {
    fn new(values: &[Value], fleet: &Fleet) -> Values {
        let mut compiled = Values::default();
        for value in values {
            match value {
                Value::Exact(text) => match fleet.symbol(text) {
                    Some(symbol) => compiled.symbols.push(symbol),
                    None => {
                        compiled.unknown.insert(text.clone());
                    }
                },
                Value::Glob(glob) => compiled.globs.push(glob.clone()),
                Value::Regex(text) => compiled.regexes.extend(whole_regex(text)),
            }
        }
        compiled.symbols.sort_unstable();
        compiled
    }

    fn contain(&self, fleet: &Fleet, value: Symbol) -> bool {
        if self.symbols.binary_search(&value).is_ok() {
            return true;
        }
        if self.unknown.is_empty() && self.globs.is_empty() && self.regexes.is_empty() {
            return false;
        }
        let text = fleet.text(value);
        self.unknown.contains(text)
            || self.globs.iter().any(|glob| glob.matches(text))
            || self.regexes.iter().any(|regex| regex.is_match(text))
    }
}
