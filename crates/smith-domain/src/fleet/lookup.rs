//! Look-up for operators: what they name must exist, must not be nothing, and must lie in one region.

use std::fmt;

use crate::id::MachineId;

use super::attribute::AttrId;
use super::nearest::nearest;
use super::reading::some_of;
use super::selector::{AttrTerm, Expr, NameTerm, Selector, Test, Value};
use super::state::Fleet;

/// Whether machines of several regions may be named in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossRegion {
    Refuse,
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupRejection {
    #[error("expected machines that exist, found {}", list(.missing))]
    Missing {
        /// In the order in which they were named; the nearest names are looked for only for the first few.
        missing: Vec<Missing>,
    },
    #[error("expected at least one machine, found none that matches {select}")]
    Nothing { select: String, hint: Option<String> },
    #[error("expected machines of one region, found {}", list(.regions))]
    CrossesRegions { regions: Vec<RegionShare> },
}

/// Something that was named and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// As it would be written in a selector.
    pub named: String,
    pub why: WhyMissing,
    pub nearest: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyMissing {
    /// No machine ever had this name or address.
    Unknown,
    /// The machine has left the fleet.
    Left,
    /// The pattern matches no machine that is present.
    MatchesNothing,
}

/// The machines of one region; `None` for machines whose region is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionShare {
    pub region: Option<String>,
    pub machines: Vec<String>,
}

/// Names for which near ones are looked for: each costs a walk over all names.
const EXPLAINED: usize = 5;

impl LookupRejection {
    pub fn code(&self) -> &'static str {
        match self {
            LookupRejection::Missing { .. } => "S0111",
            LookupRejection::Nothing { .. } => "S0112",
            LookupRejection::CrossesRegions { .. } => "S0113",
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            LookupRejection::Missing { missing } => {
                let near: Vec<&str> =
                    missing.iter().flat_map(|one| &one.nearest).map(String::as_str).collect();
                if near.is_empty() { None } else { Some(format!("did you mean {}?", near.join(" or "))) }
            }
            LookupRejection::Nothing { hint, .. } => hint.clone(),
            LookupRejection::CrossesRegions { .. } => {
                Some("make one request for each region, because changes are raised for one region".into())
            }
        }
    }
}

impl Fleet {
    /// The machines that are meant, in natural order, or why the request must be put differently.
    pub fn lookup(
        &self,
        selector: &Selector,
        cross_region: CrossRegion,
    ) -> Result<Vec<MachineId>, LookupRejection> {
        let missing = self.missing(selector);
        if !missing.is_empty() {
            return Err(LookupRejection::Missing { missing });
        }
        let found = self.select(selector);
        if found.is_empty() {
            let hint = self.why_nothing(selector.expr());
            return Err(LookupRejection::Nothing { select: selector.to_string(), hint });
        }
        match cross_region {
            CrossRegion::Allow => Ok(found),
            CrossRegion::Refuse => {
                let regions = self.regions(&found);
                if regions.len() > 1 { Err(LookupRejection::CrossesRegions { regions }) } else { Ok(found) }
            }
        }
    }

    /// The machines by region, in the order of the regions' first machines.
    fn regions(&self, machines: &[MachineId]) -> Vec<RegionShare> {
        let mut regions: Vec<RegionShare> = Vec::new();
        for id in machines {
            let region = self.attr(*id, AttrId::REGION).map(|symbol| self.text(symbol));
            let name = self.machine(*id).name().to_owned();
            match regions.iter_mut().find(|share| share.region.as_deref() == region) {
                Some(share) => share.machines.push(name),
                None => {
                    regions.push(RegionShare { region: region.map(str::to_owned), machines: vec![name] });
                }
            }
        }
        regions
    }

    pub(super) fn missing(&self, selector: &Selector) -> Vec<Missing> {
        let mut terms = Vec::new();
        named(selector.expr(), &mut terms);
        let mut missing: Vec<Missing> = terms.into_iter().flat_map(|term| self.missing_of(term)).collect();
        for one in missing.iter_mut().take(EXPLAINED).filter(|one| one.why == WhyMissing::Unknown) {
            let present =
                self.in_name_order().map(|id| self.machine(id)).filter(|machine| machine.is_present());
            let near = nearest(&one.named, present.map(|machine| machine.name()));
            one.nearest = near.into_iter().map(str::to_owned).collect();
        }
        missing
    }

    fn missing_of(&self, term: &NameTerm) -> Vec<Missing> {
        let exact = |name: &str| {
            let why = match self.find(name) {
                Some(id) if self.is_present(id) => return None,
                Some(_) => WhyMissing::Left,
                None => WhyMissing::Unknown,
            };
            Some(Missing { named: name.to_owned(), why, nearest: Vec::new() })
        };
        let pattern = |why| {
            let selector = Selector::of_term(term.clone());
            (!self.any(&selector)).then(|| Missing { named: selector.to_string(), why, nearest: Vec::new() })
        };
        match term {
            NameTerm::Exact(name) => exact(name).into_iter().collect(),
            // A range without `*` is a list: every name in it was named.
            NameTerm::Glob(glob) if glob.count().is_some() => {
                glob.expand().iter().filter_map(|name| exact(name)).collect()
            }
            NameTerm::Glob(_) | NameTerm::Regex(_) => {
                pattern(WhyMissing::MatchesNothing).into_iter().collect()
            }
            NameTerm::Address(_) => pattern(WhyMissing::Unknown).into_iter().collect(),
        }
    }

    /// The first condition that cannot hold anywhere, and what may have been meant.
    fn why_nothing(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Attr(AttrTerm { attr, test }) => {
                let Some(id) = self.attr_id(attr) else {
                    let near = nearest(attr.as_str(), self.attr_names().map(|name| name.as_str()));
                    return Some(hint(&format!("no machine has an attribute {attr}"), &near));
                };
                let Test::Is(values) = test else { return None };
                values.iter().find_map(|value| self.why_no_value(attr.as_str(), id, value))
            }
            Expr::And(children) | Expr::Or(children) => {
                children.iter().find_map(|child| self.why_nothing(child))
            }
            Expr::All | Expr::Names(_) | Expr::Not(_) => None,
        }
    }

    fn why_no_value(&self, attr: &str, id: AttrId, value: &Value) -> Option<String> {
        let Value::Exact(text) = value else { return None };
        let present = self.machines.iter().filter(|machine| machine.is_present());
        let mut symbols: Vec<_> = present.filter_map(|machine| machine.attr(id)).collect();
        symbols.sort_unstable();
        symbols.dedup();
        if symbols.iter().any(|symbol| self.text(*symbol) == text) {
            return None;
        }
        let near = nearest(text, symbols.iter().map(|symbol| self.text(*symbol)));
        Some(hint(&format!("no machine has {attr}={text}"), &near))
    }
}

/// The terms that say which machines are wanted. What stands under `not` says which are not, and need not exist.
fn named<'a>(expr: &'a Expr, terms: &mut Vec<&'a NameTerm>) {
    match expr {
        Expr::Names(names) => terms.extend(names),
        Expr::And(children) | Expr::Or(children) => children.iter().for_each(|child| named(child, terms)),
        Expr::All | Expr::Attr(_) | Expr::Not(_) => {}
    }
}

fn hint(what: &str, near: &[&str]) -> String {
    if near.is_empty() { what.to_owned() } else { format!("{what}; did you mean {}?", near.join(" or ")) }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    /// Items in one line; the rest is counted.
    const SHOWN: usize = 5;
    let shown: Vec<String> = items.iter().take(SHOWN).map(T::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            WhyMissing::Unknown => write!(f, "{}, which no machine has", self.named),
            WhyMissing::Left => write!(f, "{}, which has left the fleet", self.named),
            WhyMissing::MatchesNothing => write!(f, "{}, which matches nothing", self.named),
        }
    }
}

impl fmt::Display for RegionShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_deref().unwrap_or("no known region");
        write!(f, "{region}: {}", some_of(&self.machines))
    }
}
