//! What the build has, from the lists that apt fetched and authenticated.
//!
//! The lists are read past, stanza by stanza, and only what concerns the machine is kept: its own packages and those that the
//! plan brings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use smith_agent::protocol::{Cause, Failure};

use super::home::Home;
use super::stanza::Stanzas;
use super::status::{Key, Machine, hex};
use super::version::compare;
use super::wish::Wish;

/// What apt gives to a version that is only installed, and to releases that are automatic only once chosen.
const CHOSEN: u16 = 100;

/// A release's version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) version: String,
    pub(crate) size: u64,
    pub(crate) installed_kib: u64,
    /// apt's priority of the release.
    priority: u16,
}

/// What the build has of the packages that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    of: BTreeMap<Key, Vec<Offer>>,
}

/// Where an installed package is to be, by the build.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The build does not know it, or has it only in a release that nobody chose.
    None,
    /// It is there.
    Here,
    Newer(&'a Offer),
    /// All that the build has is older than the machine's.
    Older(&'a Offer),
}

impl Offers {
    /// Reads all lists, keeping the packages of the machine and `also`.
    pub(crate) fn read(home: &Home, machine: &Machine, also: &BTreeSet<Key>) -> Result<Self, Failure> {
        let unreadable = |error: io::Error| {
            Failure::new(Cause::Mismatch, format!("the lists that apt fetched could not be read: {error}"))
        };
        let mut offers = Self::default();
        let names: BTreeSet<&str> =
            machine.packages.keys().chain(also).map(|key| key.name.as_str()).collect();
        let releases = releases(&home.lists()).map_err(unreadable)?;
        for list in files(&home.lists(), "_Packages").map_err(unreadable)? {
            let priority = releases
                .iter()
                .find(|(stem, _)| starts_with(&list, stem))
                .map_or(500, |(_, priority)| *priority);
            offers.take(&list, priority, machine, &names).map_err(unreadable)?;
        }
        Ok(offers)
    }

    fn take(
        &mut self,
        list: &Path,
        priority: u16,
        machine: &Machine,
        names: &BTreeSet<&str>,
    ) -> io::Result<()> {
        let fields = ["Package", "Architecture", "Version", "Size", "Installed-Size"];
        let mut stanzas = Stanzas::new(File::open(list)?, fields);
        while let Some([name, architecture, version, size, installed]) = stanzas.next()? {
            if !names.contains(name.as_str()) {
                continue;
            }
            let offer = Offer {
                version: version.clone(),
                size: size.parse().unwrap_or(0),
                installed_kib: installed.parse().unwrap_or(0),
                priority,
            };
            self.of.entry(machine.key(name, architecture)).or_default().push(offer);
        }
        Ok(())
    }

    /// The offer of exactly this version.
    pub(crate) fn of_version(&self, key: &Key, version: &str) -> Option<&Offer> {
        self.of.get(key)?.iter().find(|offer| offer.version == version)
    }

    /// Whether the build has nothing of what was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.of.contains_key(key)
    }

    /// Where apt would take a package that is installed in this version, by its rules without any pins.
    pub(crate) fn target(&self, key: &Key, installed: &str) -> Target<'_> {
        let Some(offers) = self.of.get(key) else { return Target::None };
        let newer = offers.iter().filter(|offer| compare(&offer.version, installed).is_gt());
        let newest = newer.max_by(|one, other| better(one, other));
        let here = offers.iter().filter(|offer| offer.version == installed).map(|offer| offer.priority).max();
        match (newest, here) {
            (Some(newest), here) if newest.priority >= here.unwrap_or(CHOSEN).max(CHOSEN) => {
                Target::Newer(newest)
            }
            (_, Some(_)) => Target::Here,
            (_, None) => {
                let older = offers.iter().filter(|offer| compare(&offer.version, installed).is_le());
                match older.filter(|offer| offer.priority >= CHOSEN).max_by(|one, other| better(one, other)) {
                    Some(older) => Target::Older(older),
                    None => Target::None,
                }
            }
        }
    }
}

fn better(one: &Offer, other: &Offer) -> std::cmp::Ordering {
    one.priority.cmp(&other.priority).then_with(|| compare(&one.version, &other.version))
}

fn starts_with(list: &Path, stem: &str) -> bool {
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('_'))
}

fn files(folder: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(end) {
            found.push(entry.path());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The releases, those with the longest names first, and their priorities.
fn releases(lists: &Path) -> io::Result<Vec<(String, u16)>> {
    let mut found = Vec::new();
    for end in ["_InRelease", "_Release"] {
        for file in files(lists, end)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name.trim_end_matches(end).to_owned(), priority(&file)?));
        }
    }
    found.sort_by_key(|(stem, _)| std::cmp::Reverse(stem.len()));
    Ok(found)
}

/// Releases can say that nothing of them is installed by itself.
fn priority(release: &Path) -> io::Result<u16> {
    let mut stanzas = Stanzas::new(File::open(release)?, ["NotAutomatic", "ButAutomaticUpgrades"]);
    let (mut not_automatic, mut but_upgrades) = (false, false);
    // A signed file begins with a stanza of the signature's own.
    while let Some([not, but]) = stanzas.next()? {
        not_automatic |= not == "yes";
        but_upgrades |= but == "yes";
    }
    Ok(match (not_automatic, but_upgrades) {
        (false, _) => 500,
        (true, true) => CHOSEN,
        (true, false) => 1,
    })
}

/// Compares the InRelease files that apt took with those of the build.
pub(crate) fn compare_releases(home: &Home, wish: &Wish<'_>) -> Result<(), Failure> {
    for asked in &wish.releases {
        let Some(expected) = asked.in_release_sha256 else { continue };
        let path = home.lists().join(format!("{}_InRelease", asked.list_stem()));
        let found = match sha256(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
            Err(error) => error.to_string(),
        };
        if !found.eq_ignore_ascii_case(expected) {
            let (uri, suite) = (asked.uri, asked.suite);
            let message = format!(
                "{uri} {suite} is not build {}: expected the InRelease {expected}, found {found}",
                wish.patch.build
            );
            return Err(Failure::new(Cause::Mismatch, message));
        }
    }
    Ok(())
}

pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 << 10];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(of: &[(&str, u16)]) -> (Offers, Key) {
        let key = Key { name: "a".to_owned(), architecture: "amd64".to_owned() };
        let offer = |(version, priority): &(&str, u16)| Offer {
            version: (*version).to_owned(),
            priority: *priority,
            size: 0,
            installed_kib: 0,
        };
        (Offers { of: BTreeMap::from([(key.clone(), of.iter().map(offer).collect())]) }, key)
    }

    fn told(of: &[(&str, u16)], installed: &str) -> String {
        let (offers, key) = offers(of);
        match offers.target(&key, installed) {
            Target::None => "none".to_owned(),
            Target::Here => "here".to_owned(),
            Target::Newer(offer) => format!("newer {}", offer.version),
            Target::Older(offer) => format!("older {}", offer.version),
        }
    }

    #[test]
    fn a_package_goes_where_apt_would_take_it() {
        assert_eq!(told(&[("1", 500), ("2", 500)], "1"), "newer 2");
        assert_eq!(told(&[("1", 500), ("2", 500)], "2"), "here");
        assert_eq!(told(&[("1", 500), ("2", 500)], "3"), "older 2");
        assert_eq!(told(&[("1", 500), ("2", 100)], "1"), "here", "backports are not chosen by themselves");
        assert_eq!(
            told(&[("1", 500), ("2", 100)], "1.5"),
            "newer 2",
            "a backport that is installed is followed"
        );
        assert_eq!(told(&[("1", 500), ("2", 100), ("3", 100)], "2"), "newer 3");
        assert_eq!(told(&[("9", 1)], "1"), "none", "experimental is never followed");
        assert_eq!(told(&[("1", 1)], "9"), "none");
        assert_eq!(told(&[("0.5", 500), ("9", 1)], "1"), "older 0.5");
    }
}
