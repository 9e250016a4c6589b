//! Selectors, limits and budgets.

use std::collections::BTreeMap;

use smith_domain::fleet::{Selector, WellKnown};
use smith_domain::id::AttrName;
use smith_domain::pipeline::{Amount, Budget, Counts, Limit};

use crate::config::fields::Fields;
use crate::config::near::nearest;
use crate::config::report::{Report, shown};
use crate::config::tree::{Kind, Node, Style};
use crate::config::value::{Zero, amount, list, name, number, one_or_more, text, word};

/// Halting once three machines in a row of beginners fail tells a bad build from a bad machine and costs little.
const ALL_FAILING: u32 = 3;

/// Which machines. A list of selectors is their union.
pub(super) fn selector(node: &Node, report: &mut Report) -> Option<Selector> {
    const EXPECTED: &str = "the names of machines or a selector such as `region=ap-south role=worker`";
    let written = match &node.kind {
        Kind::List(items) if items.is_empty() => {
            report.add(node.place, "S0212", EXPECTED, "an empty list");
            return None;
        }
        Kind::List(items) => {
            let all = items.len();
            let parts: Vec<String> = items
                .iter()
                .filter_map(|item| one_selector(item, EXPECTED, report))
                .map(|selector| format!("({selector})"))
                .collect();
            if parts.len() < all {
                return None;
            }
            parts.join(" or ")
        }
        Kind::Text { .. } | Kind::Map(_) => return one_selector(node, EXPECTED, report),
    };
    match Selector::parse(&written) {
        Ok(selector) => Some(selector),
        Err(error) => {
            report.add(node.place, "S0214", error.expected, error.found);
            None
        }
    }
}

fn one_selector(node: &Node, expected: &str, report: &mut Report) -> Option<Selector> {
    let written = text(node, expected, report)?;
    if written.is_empty() {
        report.add(node.place, "S0212", expected, "empty text");
        return None;
    }
    match Selector::parse(written) {
        Ok(selector) => Some(selector),
        Err(error) => {
            let before = error.column.saturating_sub(1);
            let place = match node.kind {
                Kind::Text { style: Style::Plain, .. } => node.place.plus(before),
                Kind::Text { style: Style::Quoted, .. } => node.place.plus(before + 1),
                Kind::Text { style: Style::Block, .. } | Kind::List(_) | Kind::Map(_) => node.place,
            };
            report.add(place, "S0214", error.expected, error.found).hint = error.hint;
            None
        }
    }
}

/// A list of limits. An empty list lifts what would hold without it.
pub(super) fn limits(node: &Node, report: &mut Report) -> Option<Vec<Limit>> {
    let items = list(node, "a list of limits", report)?;
    let limits: Vec<Limit> = items.iter().filter_map(|item| limit(item, report)).collect();
    if limits.len() == items.len() { Some(limits) } else { None }
}

fn limit(node: &Node, report: &mut Report) -> Option<Limit> {
    let mut fields = Fields::open(node, "a limit", report)?;
    let per = fields.need("per").and_then(|per| attributes(per, report));
    let max = fields.need("max").and_then(|max| amount(max, Zero::Refused, report));
    let within = fields.take("within").map(|within| selector(within, report));
    let counts = fields.take("counts").map(|counts| {
        word(counts, &[("disturbed", Counts::Disturbed), ("running", Counts::Running)], report)
    });
    fields.close(report);
    Some(Limit {
        per: per?,
        within: optional(within)?,
        max: max?,
        counts: counts.unwrap_or(Some(Counts::Disturbed))?,
    })
}

/// Attribute names; `fleet` alone means all machines together.
fn attributes(node: &Node, report: &mut Report) -> Option<Vec<AttrName>> {
    const EXPECTED: &str =
        "names of attributes such as `cluster` or `[region, role]`, or `fleet` for all machines";
    let items = one_or_more(node, EXPECTED, report)?;
    if items.is_empty() {
        let problem = report.add(node.place, "S0212", EXPECTED, "an empty list");
        problem.with_hint("write `per: fleet` for one limit over all machines");
        return None;
    }
    if items.len() == 1 && text(items[0], EXPECTED, report)? == "fleet" {
        return Some(Vec::new());
    }
    let names: Vec<AttrName> = items.iter().filter_map(|item| attribute(item, EXPECTED, report)).collect();
    if names.len() == items.len() { Some(names) } else { None }
}

/// The name of an attribute. One that is a slip away from an attribute that every machine may have is taken for that slip:
/// as a label that no machine has, it would quietly lift the limit or the order that it was written for.
pub(super) fn attribute(node: &Node, expected: &str, report: &mut Report) -> Option<AttrName> {
    let found = name(node, expected, AttrName::new, report)?;
    let known = WellKnown::ALL.map(WellKnown::name);
    if known.contains(&found.as_str()) {
        return Some(found);
    }
    match nearest(found.as_str(), known) {
        None => Some(found),
        Some(meant) => {
            let problem = report.add(node.place, "S0225", expected, format!("`{found}`"));
            problem
                .with_hint(format!("write `{meant}`, or give the label a name that is not so close to it"));
            None
        }
    }
}

/// A number of failures, or more about them.
pub(super) fn budget(node: &Node, report: &mut Report) -> Option<Budget> {
    if !matches!(node.kind, Kind::Map(_)) {
        let failures = amount(node, Zero::Allowed, report)?;
        return Some(Budget { failures, environments: BTreeMap::new(), all_failing: ALL_FAILING });
    }
    let mut fields = Fields::open(node, "a budget", report)?;
    let failures = fields.need("failures").and_then(|node| amount(node, Zero::Allowed, report));
    let environments = fields.take("environments").map(|node| by_environment(node, report));
    let all_failing = fields.take("all-failing").map(|node| number(node, 1..=1000, report));
    fields.close(report);
    Some(Budget {
        failures: failures?,
        environments: environments.unwrap_or(Some(BTreeMap::new()))?,
        all_failing: all_failing.unwrap_or(Some(ALL_FAILING))?,
    })
}

/// What holds without a word about failures: the first one halts.
pub(super) fn no_failures() -> Budget {
    Budget { failures: Amount::Count(0), environments: BTreeMap::new(), all_failing: ALL_FAILING }
}

fn by_environment(node: &Node, report: &mut Report) -> Option<BTreeMap<String, Amount>> {
    let Kind::Map(entries) = &node.kind else {
        Fields::open(node, "the budgets of environments", report)?;
        return None;
    };
    let mut budgets = BTreeMap::new();
    for entry in entries {
        let environment = entry.key.trim();
        if environment.is_empty() || environment.chars().any(char::is_whitespace) {
            report.add(entry.place, "S0207", "the name of an environment", shown(&entry.key));
        } else if let Some(amount) = amount(&entry.value, Zero::Allowed, report) {
            budgets.insert(environment.to_owned(), amount);
        }
    }
    if budgets.len() == entries.len() { Some(budgets) } else { None }
}

/// A key that may be absent, but not wrong.
pub(super) fn optional<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}
