//! What a build leaves at its upstreams, and how much of it is here.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fetch::{Want, encoded};
use crate::hash::Sha256;
use crate::manifest::{Area, BuildInfo, FileEntry, Manifest};
use crate::mirror::{Held, HeldError};
use crate::name::{BuildNumber, RelPath, UpstreamName};
use crate::store::{Store, StoreError};

/// In our pool, what an upstream has elsewhere than in its own.
pub(crate) const ELSEWHERE: &str = "other/";

/// A package file that need not be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub hash: Sha256,
    pub size: u64,
    /// Its names in the pool.
    pub names: Vec<(UpstreamName, RelPath)>,
    /// Where it can be fetched, the best first.
    pub sources: Vec<String>,
}

/// How many of the files that need not be here are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Here {
    pub here: u64,
    pub of: u64,
}

/// Every file of a build that was left at its upstream when the build was made, here or not; none of a build that was
/// made whole.
pub fn left_at_upstream(info: &BuildInfo, manifest: &Manifest) -> Vec<Left> {
    let mut left: BTreeMap<Sha256, Left> = BTreeMap::new();
    let addresses = addresses(info);
    for file in manifest.files() {
        let Some((upstream, path)) = may_be_left(&addresses, file) else { continue };
        let filename = encoded(&filename(&path));
        let uris = addresses.get(upstream.as_str()).into_iter().flatten();
        let sources: Vec<String> = uris.map(|uri| format!("{uri}/{filename}")).collect();
        let (hash, size) = (file.hash, file.size);
        let one =
            left.entry(hash).or_insert_with(|| Left { hash, size, names: Vec::new(), sources: Vec::new() });
        one.names.push((upstream, path));
        one.sources.extend(sources);
    }
    left.into_values().collect()
}

/// The addresses of each upstream; none for a build that was made whole.
pub(crate) fn addresses(info: &BuildInfo) -> BTreeMap<&str, Vec<&str>> {
    let mut addresses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in info.upstreams.iter().filter(|_| info.lazy_count > 0) {
        let known = addresses.entry(one.name.as_str()).or_default();
        for uri in &one.uris {
            if !known.contains(&uri.as_str()) {
                known.push(uri);
            }
        }
    }
    addresses.retain(|_, uris| !uris.is_empty());
    addresses
}

/// Its upstream and its path in the pool, for a file that need not be here.
pub(crate) fn may_be_left(
    addresses: &BTreeMap<&str, Vec<&str>>,
    file: &FileEntry,
) -> Option<(UpstreamName, RelPath)> {
    let (upstream, _) = file.path.as_str().split_once('/').filter(|_| file.area == Area::Pool)?;
    addresses.contains_key(upstream).then(|| file.in_pool()).flatten()
}

/// What the upstream calls a file, from its path in our pool.
pub(crate) fn filename(path: &RelPath) -> String {
    match path.as_str().strip_prefix(ELSEWHERE) {
        Some(filename) => filename.to_owned(),
        None => format!("pool/{path}"),
    }
}

impl Left {
    pub(crate) fn want(&self) -> Want {
        Want { hash: self.hash, size: self.size, sources: self.sources.clone() }
    }

    /// Whether clients find it under all of its names.
    pub fn is_here(&self, store: &Store) -> bool {
        let names = &mut self.names.iter();
        store.has(&self.hash) && names.all(|(upstream, path)| store.pool_file(upstream, path).exists())
    }

    /// Gives it its names, once it is an object of the store.
    pub(crate) fn link(&self, store: &Store) -> Result<(), StoreError> {
        self.names
            .iter()
            .try_for_each(|(upstream, path)| store.link_pool(upstream, path, &self.hash).map(drop))
    }
}

/// How much of a build is here, if it was not made whole.
pub fn here(store: &Store, number: BuildNumber) -> Result<Option<Here>, HeldError> {
    if Held::info_of_any(store, number)?.lazy_count == 0 {
        return Ok(None);
    }
    let held = Held::read_any(store, number)?;
    let left = left_at_upstream(&held.info, &held.manifest);
    let here = left.iter().filter(|one| one.is_here(store)).count() as u64;
    Ok(Some(Here { here, of: left.len() as u64 }))
}
