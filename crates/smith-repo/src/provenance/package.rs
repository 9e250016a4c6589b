//! Where single packages come from.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::create::CreateError;
use crate::hash::Sha256;
use crate::lazy::filename;
use crate::manifest::{BuildInfo, PackageEntry, PackageList};
use crate::mirror::{Held, LIST_MAX, PACKAGES, read_some};
use crate::name::BuildNumber;
use crate::provenance::build::place_of;
use crate::select::Pattern;
use crate::store::Store;

/// A package file, and the way that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageProvenance {
    pub package: PackageEntry,
    /// From the build back to the upstream; empty for one of our own.
    pub trail: Vec<Trail>,
}

/// An index that describes the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Trail {
    /// In the index of a build before, which a rule has kept.
    Kept { build: BuildNumber, index: String, line: u64 },
    /// In the index of an upstream, whose hash is joined to its Release.
    Upstream {
        build: BuildNumber,
        index: String,
        line: u64,
        /// Of the index as it was packed.
        index_sha256: Option<Sha256>,
        release: Option<Sha256>,
        /// Where the file was.
        addresses: Vec<String>,
    },
    /// The build that it was kept from is no longer here.
    Lost { build: BuildNumber },
}

/// The lists of builds, each read once.
struct Lists<'a> {
    store: &'a Store,
    read: BTreeMap<BuildNumber, Option<(BuildInfo, PackageList)>>,
}

/// Every package of a build whose name matches.
pub fn package_provenance(
    store: &Store,
    number: BuildNumber,
    name: &Pattern,
) -> Result<Vec<PackageProvenance>, CreateError> {
    let (info, list) = read(store, number)?;
    let wanted: Vec<PackageEntry> =
        list.packages().iter().filter(|one| name.matches(&one.name)).cloned().collect();
    let mut lists = Lists { store, read: BTreeMap::from([(number, Some((info, list)))]) };
    let follow = |package: PackageEntry| PackageProvenance { trail: lists.follow(number, &package), package };
    Ok(wanted.into_iter().map(follow).collect())
}

fn read(store: &Store, number: BuildNumber) -> Result<(BuildInfo, PackageList), CreateError> {
    let (_, folder) = place_of(store, number)?;
    let info = Held::info_in(&folder, number)?;
    let list = PackageList::decompress(&read_some(&folder.join(PACKAGES), LIST_MAX)?, &info.packages)?;
    Ok((info, list))
}

impl Lists<'_> {
    fn follow(&mut self, number: BuildNumber, package: &PackageEntry) -> Vec<Trail> {
        let (mut trail, mut build, mut package) = (Vec::new(), number, package.clone());
        // Each step leads to a build before, so there is an end.
        while let Some(listed) = package.listed.clone() {
            let Some(kept_from) = listed.build.filter(|from| *from < build) else {
                trail.extend(self.upstream(build, &package));
                return trail;
            };
            trail.push(Trail::Kept { build: kept_from, index: listed.index, line: listed.line });
            let before = self.list(kept_from).map(|(_, list)| list.packages().to_vec()).unwrap_or_default();
            let Some(found) = before.into_iter().find(|one| one.is_same(&package)) else {
                trail.push(Trail::Lost { build: kept_from });
                return trail;
            };
            (build, package) = (kept_from, found);
        }
        trail
    }

    fn upstream(&mut self, build: BuildNumber, package: &PackageEntry) -> Option<Trail> {
        let listed = package.listed.clone()?;
        let (info, _) = self.list(build)?;
        let (name, suite) = (&package.origin.upstream, package.origin.suite.as_str());
        let frozen = info.upstreams.iter().find(|one| one.name == *name && one.suite.as_str() == suite);
        let uris = frozen.map(|one| one.uris.clone()).unwrap_or_default();
        Some(Trail::Upstream {
            build,
            index_sha256: frozen.and_then(|one| one.indexes.get(&listed.index).copied()),
            release: frozen.map(|one| one.release),
            addresses: uris.iter().map(|uri| format!("{uri}/{}", filename(&package.path))).collect(),
            index: listed.index,
            line: listed.line,
        })
    }

    fn list(&mut self, number: BuildNumber) -> Option<&(BuildInfo, PackageList)> {
        let store = self.store;
        self.read.entry(number).or_insert_with(|| read(store, number).ok()).as_ref()
    }
}
