//! Joins the packages of two builds by distribution, name and architecture.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::diff::change::{Diff, Flag, Kind, Offer, OtherVersion, PackageChange, SourceChange};
use crate::diff::marks::{distribution_of, flags, says_security};
use crate::manifest::{PackageEntry, PackageList};
use crate::name::UpstreamName;
use crate::version;

/// Which part of the builds is compared, and what is known of their suites.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub upstream: Option<UpstreamName>,
    /// A distribution means all of its suites: `bookworm` takes in `bookworm-security`.
    pub suite: Option<String>,
    /// Suites that are of security though their names do not say so; see [`crate::diff::security_suites`].
    pub security: BTreeSet<(UpstreamName, String)>,
}

type Key<'a> = (&'a str, &'a str, &'a str);

/// The entries of one build by distribution, name and architecture, the highest version first.
struct Side<'a> {
    offers: BTreeMap<Key<'a>, Vec<&'a PackageEntry>>,
    /// The highest version of each source in each distribution.
    sources: BTreeMap<(&'a str, &'a str), &'a str>,
}

pub fn compare(old: &PackageList, new: &PackageList, filter: &Filter) -> Diff {
    let (old, new) = (Side::of(old, filter), Side::of(new, filter));
    let security = |suite: &str| filter.is_security(suite);
    let mut diff = Diff::default();
    let mut sources: BTreeMap<(&str, &str), Vec<PackageChange>> = BTreeMap::new();
    let keys: BTreeSet<Key<'_>> = old.offers.keys().chain(new.offers.keys()).copied().collect();
    for key in keys {
        if old.speaks_for(key, &new) || new.speaks_for(key, &old) {
            continue;
        }
        let (before, after) = (old.at(key), new.at(key));
        let Some(subject) = after.or(before).and_then(|entries| entries.first()) else { continue };
        let Some(kind) = kind(before, after) else {
            diff.totals.unchanged += 1;
            continue;
        };
        let (before, after) = (before.map(offer), after.map(offer));
        let change = PackageChange {
            name: subject.name.clone(),
            arch: key.2.to_owned(),
            kind,
            flags: flags(&subject.name, kind, after.as_ref(), security),
            old: before,
            new: after,
        };
        diff.totals.count(&change);
        sources.entry((key.0, subject.source_name())).or_default().push(change);
    }
    diff.sources = sources
        .into_iter()
        .map(|((distribution, source), packages)| SourceChange {
            source: source.to_owned(),
            distribution: distribution.to_owned(),
            old: old.sources.get(&(distribution, source)).map(|version| (*version).to_owned()),
            new: new.sources.get(&(distribution, source)).map(|version| (*version).to_owned()),
            packages,
            closes: Vec::new(),
        })
        .collect();
    diff
}

impl Filter {
    fn takes(&self, entry: &PackageEntry) -> bool {
        let suite = entry.origin.suite.as_str();
        self.upstream.as_ref().is_none_or(|upstream| *upstream == entry.origin.upstream)
            && self.suite.as_ref().is_none_or(|wanted| wanted == suite || wanted == distribution_of(suite))
    }

    fn is_security(&self, place: &str) -> bool {
        says_security(place)
            || place.split_once('/').is_some_and(|(upstream, suite)| {
                self.security.iter().any(|known| known.0.as_str() == upstream && known.1 == suite)
            })
    }
}

impl<'a> Side<'a> {
    fn of(list: &'a PackageList, filter: &Filter) -> Self {
        let mut side = Self { offers: BTreeMap::new(), sources: BTreeMap::new() };
        for entry in list.packages().iter().filter(|entry| filter.takes(entry)) {
            let distribution = distribution_of(&entry.origin.suite);
            side.offers.entry((distribution, &entry.name, &entry.arch)).or_default().push(entry);
            let highest =
                side.sources.entry((distribution, entry.source_name())).or_insert(entry.source_version());
            if version::compare(entry.source_version(), highest) == Ordering::Greater {
                *highest = entry.source_version();
            }
        }
        for entries in side.offers.values_mut() {
            entries.sort_by(|one, other| version::compare(&other.version, &one.version));
        }
        side
    }

    /// A package for all architectures is compared with what the other build has for one in particular.
    fn at(&self, key: Key<'a>) -> Option<&[&'a PackageEntry]> {
        let all = || self.offers.get(&(key.0, key.1, "all"));
        self.offers.get(&key).or_else(all).map(Vec::as_slice)
    }

    /// Whether this side has the package for all architectures and the other has it only for particular ones, under
    /// whose keys the two meet.
    fn speaks_for(&self, key: Key<'a>, other: &Self) -> bool {
        key.2 == "all"
            && self.offers.contains_key(&key)
            && !other.offers.contains_key(&key)
            && other
                .offers
                .range((key.0, key.1, "")..)
                .next()
                .is_some_and(|(found, _)| (found.0, found.1) == (key.0, key.1))
    }
}

/// Nothing, where the same file is offered by the same suites.
fn kind(old: Option<&[&PackageEntry]>, new: Option<&[&PackageEntry]>) -> Option<Kind> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(_)) => return Some(Kind::Added),
        (Some(_), None) => return Some(Kind::Removed),
        (None, None) => return None,
    };
    let (one, other) = (old.first()?, new.first()?);
    match version::compare(&one.version, &other.version) {
        Ordering::Less => Some(Kind::Upgraded),
        Ordering::Greater => Some(Kind::Downgraded),
        Ordering::Equal if !top(old).any(|entry| entry.sha256 == other.sha256) => Some(Kind::Rebuilt),
        Ordering::Equal if places(old) != places(new) => Some(Kind::Moved),
        Ordering::Equal => None,
    }
}

/// The entries with the highest version.
fn top<'a>(entries: &[&'a PackageEntry]) -> impl Iterator<Item = &'a PackageEntry> {
    let highest = entries.first().map_or("", |entry| entry.version.as_str());
    entries
        .iter()
        .copied()
        .take_while(move |entry| version::compare(&entry.version, highest) == Ordering::Equal)
}

fn place(entry: &PackageEntry) -> String {
    format!("{}/{}", entry.origin.upstream, entry.origin.suite)
}

fn places(entries: &[&PackageEntry]) -> BTreeSet<String> {
    top(entries).map(place).collect()
}

fn offer(entries: &[&PackageEntry]) -> Offer {
    let first = entries.first();
    Offer {
        version: first.map(|entry| entry.version.clone()).unwrap_or_default(),
        source_version: first.map(|entry| entry.source_version().to_owned()).unwrap_or_default(),
        suites: places(entries).into_iter().collect(),
        size: first.map_or(0, |entry| entry.size),
        others: entries
            .iter()
            .skip(top(entries).count())
            .map(|entry| OtherVersion { version: entry.version.clone(), suite: place(entry) })
            .collect(),
    }
}

impl Diff {
    /// The changes that have a flag.
    pub fn flagged(&self, flag: Flag) -> impl Iterator<Item = (&SourceChange, &PackageChange)> {
        self.packages().filter(move |(_, package)| package.has(flag))
    }
}
