//! How far a selector reaches: the environments of the machines that it may ever mean, not only of those that it means now.

use std::collections::BTreeSet;

use super::attribute::WellKnown;
use super::lookup::WhyMissing;
use super::selector::{AttrTerm, Expr, Selector, Test, Value};
use super::state::Fleet;
use crate::id::MachineId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Into these. An empty name stands for machines of no environment.
    Environments(BTreeSet<String>),
    /// It means machines that nobody has seen yet, wherever they may turn up.
    Anywhere,
}

impl Fleet {
    /// Where a selector reaches. Machines that have left count, because they may come back; what matches nothing yet, or
    /// names somebody who is not known, may match anywhere unless it says which environments it is about.
    pub fn reach(&self, selector: &Selector) -> Reach {
        if let Some(environments) = confined(selector.expr()) {
            return Reach::Environments(environments);
        }
        let is_unknown = |why: &WhyMissing| *why != WhyMissing::Left;
        if self.missing(selector).iter().any(|one| is_unknown(&one.why)) {
            return Reach::Anywhere;
        }
        let matcher = selector.compile(self);
        self.reach_of(self.in_name_order().filter(|id| matcher.matches(self, *id)))
    }

    /// Where a region reaches: into the environments of all its machines.
    pub fn reach_of_region(&self, region: &str) -> Reach {
        let symbol = self.symbol(region);
        let is_there = |id: &MachineId| symbol.is_some() && self.attr(*id, WellKnown::Region.id()) == symbol;
        self.reach_of(self.in_name_order().filter(is_there))
    }

    fn reach_of(&self, machines: impl Iterator<Item = MachineId>) -> Reach {
        let symbols: BTreeSet<_> = machines.map(|id| self.attr(id, WellKnown::Environment.id())).collect();
        if symbols.is_empty() {
            return Reach::Anywhere;
        }
        let name = |symbol: Option<_>| symbol.map_or_else(String::new, |symbol| self.text(symbol).to_owned());
        Reach::Environments(symbols.into_iter().map(name).collect())
    }
}

/// The environments that are said outright.
fn confined(expr: &Expr) -> Option<BTreeSet<String>> {
    match expr {
        Expr::Attr(AttrTerm { attr, test: Test::Is(values) })
            if attr.as_str() == WellKnown::Environment.name() =>
        {
            let exact = |value: &Value| match value {
                Value::Exact(text) => Some(text.clone()),
                Value::Glob(_) | Value::Regex(_) => None,
            };
            values.iter().map(exact).collect()
        }
        Expr::And(all) => all.iter().find_map(confined),
        Expr::Or(any) => {
            let each: Option<Vec<BTreeSet<String>>> = any.iter().map(confined).collect();
            Some(each?.into_iter().flatten().collect())
        }
        Expr::All | Expr::Names(_) | Expr::Attr(_) | Expr::Not(_) => None,
    }
}
