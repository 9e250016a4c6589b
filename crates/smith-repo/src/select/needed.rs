//! Packages that somebody left out on purpose and that others in the build need all the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::select::Pattern;
use crate::select::choose::{Candidate, Choice};
use crate::select::relation;
use crate::upstream::{Recipe, RuleKind};

/// Who needs a package is named so often; of a library the others are counted.
const NAMED_MAX: usize = 5;

/// By what was left out, and with the key that left it out: who needs it.
type Needed<'a> = BTreeMap<(&'a str, &'static str), BTreeSet<&'a str>>;

/// A sentence for each that is needed. What no upstream has at all is nobody's decision and not told.
pub(super) fn needed(recipe: &Recipe, candidates: &[Candidate<'_>], chosen: &[usize]) -> Vec<String> {
    let is_exclusion = |kind: &RuleKind| matches!(kind, RuleKind::Exclude);
    let excluded: Vec<&Pattern> =
        recipe.rules.iter().filter(|rule| is_exclusion(&rule.kind)).map(|rule| &rule.package).collect();
    let left_out = left_out(recipe, &excluded, candidates, chosen);
    if left_out.is_empty() {
        return Vec::new();
    }
    let mut there: BTreeSet<&str> = BTreeSet::new();
    for at in chosen {
        there.insert(candidates[*at].name);
        there.extend(relation::provides(candidates[*at].provides));
    }
    let mut needed: Needed<'_> = BTreeMap::new();
    for one in chosen.iter().map(|at| &candidates[*at]) {
        for relations in [one.pre_depends, one.depends] {
            for alternatives in relation::needs(relations) {
                let names: Vec<&str> = alternatives.collect();
                if names.iter().any(|name| there.contains(name)) {
                    continue;
                }
                let lost = names.iter().find_map(|name| left_out.get(&(one.distribution, *name)));
                if let Some(lost) = lost {
                    needed.entry(*lost).or_default().insert(one.name);
                }
            }
        }
    }
    needed.iter().map(told).collect()
}

/// What is not in the build because somebody said so, by the distribution and every name that it answers to.
fn left_out<'a>(
    recipe: &Recipe,
    excluded: &[&Pattern],
    candidates: &[Candidate<'a>],
    chosen: &[usize],
) -> BTreeMap<(&'a str, &'a str), (&'a str, &'static str)> {
    let nothing: &[Pattern] = &[];
    if excluded.is_empty() && recipe.upstreams.iter().all(|upstream| upstream.filter.without.is_empty()) {
        return BTreeMap::new();
    }
    let is_there: BTreeSet<&str> = chosen.iter().map(|at| candidates[*at].name).collect();
    let mut left_out = BTreeMap::new();
    for one in candidates.iter().filter(|one| one.from == Choice::Upstream && !is_there.contains(one.name)) {
        let without = recipe.upstreams.get(one.upstream).map_or(nothing, |upstream| &upstream.filter.without);
        let key = if excluded.iter().any(|pattern| pattern.matches(one.name)) {
            "exclude"
        } else if without.iter().any(|pattern| pattern.matches(one.name)) {
            "without"
        } else {
            continue;
        };
        for name in relation::provides(one.provides) {
            left_out.entry((one.distribution, name)).or_insert((one.name, key));
        }
        left_out.insert((one.distribution, one.name), (one.name, key));
    }
    left_out
}

fn told(((package, key), who): (&(&str, &'static str), &BTreeSet<&str>)) -> String {
    let named: Vec<&str> = who.iter().take(NAMED_MAX).copied().collect();
    let more = who.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let verb = if who.len() == 1 { "needs" } else { "need" };
    format!("{key} {package}: {}{more} {verb} it and cannot be installed from this build", named.join(", "))
}
