//! What packages draw in.

use std::collections::{BTreeMap, BTreeSet};

use crate::select::choose::Candidate;
use crate::select::relation;
use crate::upstream::Closure;

/// Names that exist in one distribution, and who provides which virtual ones.
#[derive(Debug)]
pub(super) struct Names<'a> {
    real: BTreeMap<&'a str, Vec<&'a Candidate<'a>>>,
    /// The most fitting provider first.
    providers: BTreeMap<&'a str, Vec<&'a Candidate<'a>>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(candidates: impl Iterator<Item = &'a Candidate<'a>>) -> Self {
        let mut names = Self { real: BTreeMap::new(), providers: BTreeMap::new() };
        for candidate in candidates {
            names.real.entry(candidate.name).or_default().push(candidate);
            for name in relation::provides(candidate.provides) {
                names.providers.entry(name).or_default().push(candidate);
            }
        }
        for providers in names.providers.values_mut() {
            providers.sort_by_key(|candidate| (rank(candidate.priority), candidate.name));
        }
        names
    }

    /// These names and everything that they need, and what those need.
    pub(super) fn close(&self, roots: BTreeSet<&'a str>, closure: Closure) -> BTreeSet<&'a str> {
        let mut found = roots;
        let mut open: Vec<&str> = found.iter().copied().collect();
        while let Some(name) = open.pop() {
            for candidate in self.real.get(name).into_iter().flatten() {
                let recommends = match closure {
                    Closure::Recommends => candidate.recommends,
                    Closure::None | Closure::Depends => "",
                };
                for relations in [candidate.pre_depends, candidate.depends, recommends] {
                    for alternatives in relation::needs(relations) {
                        self.need(alternatives, &mut found, &mut open);
                    }
                }
            }
        }
        found
    }

    /// The first alternative that exists, as apt takes it; one that is there already is enough.
    fn need(
        &self,
        alternatives: impl Iterator<Item = &'a str>,
        found: &mut BTreeSet<&'a str>,
        open: &mut Vec<&'a str>,
    ) {
        for wanted in alternatives {
            let real = self.real.get_key_value(wanted).map(|(name, _)| *name);
            let provided = || self.providers.get(wanted).and_then(|all| all.first()).map(|one| one.name);
            if let Some(name) = real.or_else(provided) {
                if found.insert(name) {
                    open.push(name);
                }
                return;
            }
        }
    }
}

fn rank(priority: &str) -> u8 {
    match priority {
        "required" => 0,
        "important" => 1,
        "standard" => 2,
        "optional" => 3,
        _ => 4,
    }
}
