//! Which vulnerabilities a build closes: those whose fix lies after the old version of a source and not after the new one.
//!
//! Feeds are files as their publishers give them out: OSV, the Debian security tracker, and CISA's catalogue of those that are
//! known to be exploited. They are read as streams: the tracker's 60 MB never lie in memory.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Serialize};

use crate::diff::change::{Closed, Diff};
use crate::version;

/// The tracker has 60 MB and all of OSV for Ubuntu 700; what is larger is no feed.
const FEED_MAX: u64 = 4 << 30;

/// Debian and Ubuntu releases as OSV numbers them and as suites are named.
const RELEASES: [(&str, &str, &str); 17] = [
    ("Debian", "8", "jessie"),
    ("Debian", "9", "stretch"),
    ("Debian", "10", "buster"),
    ("Debian", "11", "bullseye"),
    ("Debian", "12", "bookworm"),
    ("Debian", "13", "trixie"),
    ("Debian", "14", "forky"),
    ("Ubuntu", "14.04", "trusty"),
    ("Ubuntu", "16.04", "xenial"),
    ("Ubuntu", "18.04", "bionic"),
    ("Ubuntu", "20.04", "focal"),
    ("Ubuntu", "22.04", "jammy"),
    ("Ubuntu", "24.04", "noble"),
    ("Ubuntu", "24.10", "oracular"),
    ("Ubuntu", "25.04", "plucky"),
    ("Ubuntu", "25.10", "questing"),
    ("Ubuntu", "26.04", "resolute"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// One record or a list of them.
    Osv,
    DebianTracker,
    /// Known exploited vulnerabilities.
    Kev,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    pub kind: FeedKind,
    pub path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    #[error("reading the feed {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the feed {}: expected at most {FEED_MAX} bytes, found {found}", .path.display())]
    TooLarge { path: PathBuf, found: u64 },
    #[error("the feed {}: expected {expected}, found something else", .path.display())]
    Form { path: PathBuf, expected: &'static str, source: serde_json::Error },
}

/// Writes into a difference which vulnerabilities it closes. Feeds may be given in any order.
pub fn mark(diff: &mut Diff, feeds: &[Feed]) -> Result<(), AdvisoryError> {
    let mut matches = Matches::of(diff);
    let mut exploited = BTreeSet::new();
    for Feed { kind, path } in feeds {
        match kind {
            FeedKind::Osv => read(path, "an OSV record or a list of them", Osvs(&mut matches))?,
            FeedKind::DebianTracker => {
                read(path, "the JSON of the Debian security tracker", Tracker(&mut matches))?;
            }
            FeedKind::Kev => {
                let catalogue: Kev = read(path, "the JSON of the KEV catalogue", PhantomData::<Kev>)?;
                exploited.extend(catalogue.vulnerabilities.into_iter().map(|one| one.id));
            }
        }
    }
    let found = std::mem::take(&mut matches.found);
    let mut ids = BTreeMap::new();
    for (at, closed) in found {
        let closes = closed.into_iter().map(|(id, fixed)| {
            let exploited = exploited.contains(&id);
            ids.insert(id.clone(), exploited);
            Closed { id, fixed, exploited }
        });
        let mut closes: Vec<Closed> = closes.collect();
        closes.sort();
        diff.sources[at].closes = closes;
    }
    diff.totals.closed = ids.len() as u64;
    diff.totals.exploited = ids.values().filter(|exploited| **exploited).count() as u64;
    Ok(())
}

fn read<V, S>(path: &Path, expected: &'static str, seed: S) -> Result<V, AdvisoryError>
where
    S: for<'de> DeserializeSeed<'de, Value = V>,
{
    let failed = |source| AdvisoryError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found > FEED_MAX {
        return Err(AdvisoryError::TooLarge { path: path.to_owned(), found });
    }
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(file.take(FEED_MAX)));
    let value = seed.deserialize(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|source| AdvisoryError::Form {
        path: path.to_owned(),
        expected,
        source,
    })
}

/// A source whose version changes.
struct Wanted {
    /// Which of the difference's sources.
    at: usize,
    distribution: String,
    old: String,
    new: String,
}

/// What is looked for, by source, and what was found of it.
struct Matches {
    wanted: BTreeMap<String, Vec<Wanted>>,
    /// By source: the vulnerabilities with the version that closes them.
    found: BTreeMap<usize, BTreeMap<String, String>>,
}

impl Matches {
    fn of(diff: &Diff) -> Self {
        let mut wanted: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
        for (at, change) in diff.sources.iter().enumerate() {
            let (Some(old), Some(new)) = (&change.old, &change.new) else { continue };
            if version::compare(old, new) != Ordering::Less {
                continue;
            }
            let distribution = change.distribution.clone();
            let (name, old, new) = unsigned(&change.source, old, new);
            wanted.entry(name).or_default().push(Wanted { at, distribution, old, new });
        }
        Self { wanted, found: BTreeMap::new() }
    }

    /// Closed from `fixed` on; the lowest version that closes it is kept, whichever feed says so.
    fn add(found: &mut BTreeMap<usize, BTreeMap<String, String>>, at: usize, id: &str, fixed: &str) {
        let known = found.entry(at).or_default().entry(id.to_owned()).or_insert_with(|| fixed.to_owned());
        if version::compare(fixed, known) == Ordering::Less {
            *known = fixed.to_owned();
        }
    }
}

/// Advisories speak of the source `linux`, while the image comes from `linux-signed-amd64`, whose version has a plus where
/// that of `linux` has a dash.
fn unsigned(source: &str, old: &str, new: &str) -> (String, String, String) {
    const ARCHITECTURES: [&str; 8] =
        ["-amd64", "-arm64", "-armhf", "-i386", "-ppc64el", "-riscv64", "-s390x", "-loong64"];
    let plain = |version: &str| match version.contains('-') {
        true => version.to_owned(),
        false => version.replacen('+', "-", 1),
    };
    match source.strip_prefix("linux-signed") {
        Some(rest) if rest.is_empty() || ARCHITECTURES.contains(&rest) => {
            ("linux".to_owned(), plain(old), plain(new))
        }
        Some(rest) if rest.starts_with('-') => (format!("linux{rest}"), plain(old), plain(new)),
        Some(_) | None => (source.to_owned(), old.to_owned(), new.to_owned()),
    }
}

fn lies_between(old: &str, fixed: &str, new: &str) -> bool {
    version::compare(old, fixed) == Ordering::Less && version::compare(fixed, new) != Ordering::Greater
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Each<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// Calls a function for each entry of an object, so that only one lies in memory.
struct Each<'a, T> {
    what: &'static str,
    /// Which of the entries are read at all.
    wants: &'a dyn Fn(&str) -> bool,
    take: &'a mut dyn FnMut(&str, T),
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Each<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if (self.wants)(&key) {
                (self.take)(&key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// `{source: {CVE: {releases: {bookworm: {status, fixed_version}}}}}`
struct Tracker<'a>(&'a mut Matches);

#[derive(Deserialize)]
struct TrackerEntry {
    releases: BTreeMap<String, TrackerRelease>,
}

#[derive(Deserialize)]
struct TrackerRelease {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
}

impl<'de> DeserializeSeed<'de> for Tracker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Matches { wanted, found } = self.0;
        let wants = |source: &str| wanted.contains_key(source);
        let mut take = |source: &str, entries: BTreeMap<String, TrackerEntry>| {
            for (id, entry) in entries {
                for one in wanted.get(source).into_iter().flatten() {
                    let Some(release) = entry.releases.get(&one.distribution) else { continue };
                    // Version 0 says that the release never had it.
                    let fixed = release.fixed_version.as_deref().filter(|fixed| *fixed != "0");
                    if let Some(fixed) = fixed.filter(|_| release.status == "resolved")
                        && lies_between(&one.old, fixed, &one.new)
                    {
                        Matches::add(found, one.at, &id, fixed);
                    }
                }
            }
        };
        Each { what: "an object of source packages", wants: &wants, take: &mut take }
            .deserialize(deserializer)
    }
}

#[derive(Deserialize)]
struct Kev {
    vulnerabilities: Vec<KevEntry>,
}

#[derive(Deserialize)]
struct KevEntry {
    #[serde(rename = "cveID")]
    id: String,
}

#[derive(Deserialize)]
struct Osv {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    /// What an advisory of a distribution speaks of.
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<OsvPackage>,
    #[serde(default)]
    ranges: Vec<OsvRange>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct OsvPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct OsvRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<BTreeMap<String, String>>,
}

/// One record or a list, of which one at a time lies in memory.
struct Osvs<'a>(&'a mut Matches);

impl<'de> DeserializeSeed<'de> for Osvs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Osvs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OSV record or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let record = Osv::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)?;
        record.add_to(self.0);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(record) = list.next_element::<Osv>()? {
            record.add_to(self.0);
        }
        Ok(())
    }
}

impl Osv {
    fn add_to(&self, matches: &mut Matches) {
        if self.withdrawn.is_some() {
            return;
        }
        let Matches { wanted, found } = matches;
        for affected in &self.affected {
            let Some(package) = &affected.package else { continue };
            for one in wanted.get(&package.name).into_iter().flatten() {
                if codename(&package.ecosystem) != Some(one.distribution.as_str()) {
                    continue;
                }
                let Some(fixed) = affected.closed_between(&one.old, &one.new) else { continue };
                for id in self.ids() {
                    Matches::add(found, one.at, id, fixed);
                }
            }
        }
    }

    /// The CVEs that it is about; its own name where it names none.
    fn ids(&self) -> BTreeSet<&str> {
        let own = self.id.find("CVE-").map_or(self.id.as_str(), |at| &self.id[at..]);
        let all = self.aliases.iter().chain(&self.upstream).map(String::as_str).chain([own]);
        let ids: BTreeSet<&str> = all.filter(|id| id.starts_with("CVE-")).collect();
        if ids.is_empty() { BTreeSet::from([own]) } else { ids }
    }
}

impl Affected {
    /// The version from which on it is closed, if the old version has it and the new one has not.
    fn closed_between<'a>(&'a self, old: &str, new: &'a str) -> Option<&'a str> {
        if !self.affects(old) || self.affects(new) {
            return None;
        }
        let fixes = self.events().filter(|(kind, _)| *kind == "fixed").map(|(_, version)| version);
        let fixes = fixes.filter(|fixed| lies_between(old, fixed, new));
        fixes.max_by(|one, other| version::compare(one, other)).or(Some(new))
    }

    fn affects(&self, of: &str) -> bool {
        if self.versions.iter().any(|version| version == of) {
            return true;
        }
        self.ranges.iter().filter(|range| range.kind == "ECOSYSTEM").any(|range| range.affects(of))
    }

    fn events(&self) -> impl Iterator<Item = (&str, &str)> {
        let ranges = self.ranges.iter().filter(|range| range.kind == "ECOSYSTEM");
        ranges.flat_map(OsvRange::pairs)
    }
}

impl OsvRange {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.events.iter().flatten().map(|(kind, version)| (kind.as_str(), version.as_str()))
    }

    /// The last event at or before a version decides.
    fn affects(&self, of: &str) -> bool {
        let mut events: Vec<(&str, &str)> = self.pairs().collect();
        let order = |version: &'_ str, other: &'_ str| match (version, other) {
            // Zero stands for before everything, which for dpkg is not so: `0~` is lower.
            ("0", "0") => Ordering::Equal,
            ("0", _) => Ordering::Less,
            (_, "0") => Ordering::Greater,
            (version, other) => version::compare(version, other),
        };
        events.sort_by(|one, other| order(one.1, other.1));
        let mut affects = false;
        for (kind, version) in events {
            match (kind, order(version, of)) {
                ("introduced", Ordering::Less | Ordering::Equal) => affects = true,
                ("fixed" | "limit", Ordering::Less | Ordering::Equal) => affects = false,
                ("last_affected", Ordering::Less) => affects = false,
                _ => {}
            }
        }
        affects
    }
}

/// `bookworm` for `Debian:12`, `jammy` for `Ubuntu:22.04:LTS` and `Ubuntu:Pro:22.04:LTS`.
fn codename(ecosystem: &str) -> Option<&'static str> {
    let (name, rest) = ecosystem.split_once(':')?;
    let is_it =
        |(of, number, _): &&(&str, &str, &str)| *of == name && rest.split(':').any(|part| part == *number);
    RELEASES.iter().find(is_it).map(|(_, _, codename)| *codename)
}
