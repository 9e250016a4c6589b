//! The last part: lists, words, signature, and the moment at which the build is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::create::run::Run;
use crate::create::{Bring, CreateError, Signing};
use crate::hash::Sha256;
use crate::manifest::{Area, BuildInfo, Delta, FileEntry, Manifest, PackedList, UpstreamInfo};
use crate::mirror::{Held, manifest_from, packages_from, raise};
use crate::name::{BuildNumber, RelPath, UpstreamName};
use crate::store::{Intake, PoolConflict, Store, StoreError, sync_file_system};

/// The files of a build, by their paths below the pool and below its own folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) pool: BTreeMap<RelPath, (Sha256, u64)>,
    tree: BTreeMap<RelPath, (Sha256, u64)>,
    upstreams: BTreeSet<UpstreamName>,
    /// Releases that are signed elsewhere.
    signed_apart: BTreeMap<RelPath, Sha256>,
}

impl Files {
    pub(super) fn add_pool(
        &mut self,
        upstream: &UpstreamName,
        path: &RelPath,
        hash: Sha256,
        size: u64,
    ) -> Result<(), CreateError> {
        self.upstreams.insert(upstream.clone());
        let whole = RelPath::new(&format!("{upstream}/{path}"))?;
        match self.pool.insert(whole, (hash, size)) {
            Some((other, _)) if other != hash => Err(CreateError::TwoContents {
                upstream: upstream.as_str().into(),
                path: path.as_str().into(),
                one: other,
                other: hash,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// A path of the pool that has another content on this store already is refused before anything is brought.
    pub(super) fn check_pool(&self, store: &Store, parent: Option<&Held>) -> Result<(), CreateError> {
        let known = parent.map_or(&[][..], |parent| parent.manifest.files());
        for (path, (hash, size)) in &self.pool {
            let file = FileEntry { area: Area::Pool, path: path.clone(), hash: *hash, size: *size };
            if known.binary_search(&file).is_ok() {
                continue;
            }
            let (upstream, path) = path.as_str().split_once('/').unwrap_or_default();
            let (upstream, path) = (UpstreamName::new(upstream)?, RelPath::new(path)?);
            if let Some(PoolConflict { found }) = store.pool_conflict(&upstream, &path, hash)? {
                let path = path.to_string();
                return Err(StoreError::Conflict { upstream, path, expected: *hash, found }.into());
            }
        }
        Ok(())
    }

    /// The objects of everything but package files.
    pub(super) fn tree_objects(&self) -> impl Iterator<Item = Sha256> {
        self.tree.values().map(|(hash, _)| *hash)
    }

    pub(super) fn add_tree(
        &mut self,
        upstream: &UpstreamName,
        path: &RelPath,
        hash: Sha256,
        size: u64,
    ) -> Result<(), CreateError> {
        self.tree.insert(RelPath::new(&format!("{upstream}/{path}"))?, (hash, size));
        Ok(())
    }

    pub(super) fn sign_apart(
        &mut self,
        upstream: &UpstreamName,
        path: &RelPath,
        hash: Sha256,
    ) -> Result<(), CreateError> {
        self.signed_apart.insert(RelPath::new(&format!("{upstream}/{path}"))?, hash);
        Ok(())
    }

    /// A file that is made here.
    pub(super) fn put(
        &mut self,
        intake: &Intake<'_>,
        upstream: &UpstreamName,
        path: &str,
        bytes: &[u8],
    ) -> Result<(), CreateError> {
        let hash = intake.put(bytes)?;
        self.add_tree(upstream, &RelPath::new(path)?, hash, bytes.len() as u64)
    }

    /// Files of these upstreams in the pool, each content once.
    fn count_of(&self, upstreams: &[UpstreamInfo]) -> u64 {
        let names: BTreeSet<&str> = upstreams.iter().map(|one| one.name.as_str()).collect();
        let is_theirs = |path: &RelPath| {
            path.as_str().split_once('/').is_some_and(|(upstream, _)| names.contains(upstream))
        };
        let hashes = self.pool.iter().filter(|(path, _)| is_theirs(path)).map(|(_, (hash, _))| *hash);
        hashes.collect::<BTreeSet<Sha256>>().len() as u64
    }

    fn manifest(&self) -> Result<Manifest, CreateError> {
        let entry = |area| {
            move |(path, (hash, size)): (&RelPath, &(Sha256, u64))| FileEntry {
                area,
                path: path.clone(),
                hash: *hash,
                size: *size,
            }
        };
        let pool = self.pool.iter().map(entry(Area::Pool));
        Ok(Manifest::new(pool.chain(self.tree.iter().map(entry(Area::Tree))).collect())?)
    }
}

/// Writes the lists, gives the build its number, signs what is said of it, and lets it appear.
pub(super) fn finish(
    create: &Run<'_>,
    files: &Files,
    packages: PackedList,
    parent: Option<&Held>,
    info: impl Fn(BuildNumber) -> BuildInfo,
) -> Result<BuildInfo, CreateError> {
    let store = create.store;
    let manifest = files.manifest()?;
    let (manifest_hash, packed_manifest) = manifest.pack().map_err(CreateError::Pack)?;
    let mut lists =
        vec![("manifest.zst".to_owned(), packed_manifest), ("packages.json.zst".to_owned(), packages.bytes)];
    if let Some(parent) = parent {
        let delta = Delta::between_named(&parent.info.manifest, &parent.manifest, &manifest);
        lists.push((manifest_from(parent.info.number), delta.compress().map_err(CreateError::Pack)?));
        lists.extend(packages.delta.map(|delta| (packages_from(parent.info.number), delta)));
    }
    link(create, &manifest, parent)?;
    let complete = |number| {
        let info = info(number);
        BuildInfo {
            manifest: manifest_hash,
            packages: packages.hash,
            package_count: packages.count,
            file_count: manifest.files().len() as u64,
            bytes: manifest.bytes(),
            signed_apart: files.signed_apart.clone(),
            lazy_count: match create.manner.bring {
                Bring::Now => 0,
                Bring::OnFirstUse => files.count_of(&info.upstreams),
            },
            ..info
        }
    };
    // The folder is made under the number that is free now; if somebody else takes that meanwhile, another is taken.
    loop {
        let number = create.number.map_or_else(|| next(create), Ok)?;
        let info = complete(number);
        let json = serde_json::to_vec_pretty(&info)?;
        let mut all = lists.clone();
        let to = match create.manner.signing {
            Signing::Here => {
                let signature = create.signer.sign_binary(&json, create.now.max(create.signed_from))?;
                all.push(("build.json.sig".to_owned(), signature));
                store.build(number)
            }
            Signing::Elsewhere => waiting(store, number)?,
        };
        all.push(("build.json".to_owned(), json));
        let rising = raise(store, number, &manifest, &all, &files.upstreams)?;
        sync_file_system(store.root())?;
        let locked = store.lock_now()?;
        if let Err(taken) = create.check_number(number) {
            if create.number.is_some() {
                return Err(taken);
            }
            continue;
        }
        if parent.is_some_and(|parent| !store.build(parent.info.number).exists()) {
            relink(create, &manifest)?;
        }
        store.appear(&rising.folder, &to)?;
        store.note_numbers(&locked)?;
        crate::mirror::write_index(store, &locked)?;
        return Ok(info);
    }
}

/// Where a build waits for its signatures. Stores that were made before there were such builds have no folder for them.
fn waiting(store: &Store, number: BuildNumber) -> Result<PathBuf, StoreError> {
    let folder = store.unsigned();
    fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
    Ok(store.unsigned_build(number))
}

/// The names in the pool, of what is here.
///
/// What the parent has under the same name and is there is not compared again: a path never changes its content.
fn link(create: &Run<'_>, manifest: &Manifest, parent: Option<&Held>) -> Result<(), CreateError> {
    let store = create.store;
    let known = parent.filter(|parent| parent.info.lazy_count == 0);
    let known = known.map_or(&[][..], |parent| parent.manifest.files());
    for file in manifest.files() {
        let Some((upstream, path)) = file.in_pool() else { continue };
        // To look is much cheaper than to link.
        if known.binary_search(file).is_ok()
            && fs::symlink_metadata(store.pool_file(&upstream, &path)).is_ok()
        {
            continue;
        }
        match create.manner.bring {
            Bring::OnFirstUse if !store.has(&file.hash) => no_conflict(store, upstream, &path, &file.hash)?,
            Bring::Now | Bring::OnFirstUse => drop(store.link_pool(&upstream, &path, &file.hash)?),
        }
    }
    Ok(())
}

/// After the parent was purged: names that were its own may have gone with it.
fn relink(create: &Run<'_>, manifest: &Manifest) -> Result<(), CreateError> {
    link(create, manifest, None)?;
    Ok(sync_file_system(create.store.root())?)
}

/// What will be fetched later must be able to have its name then.
fn no_conflict(
    store: &Store,
    upstream: UpstreamName,
    path: &RelPath,
    hash: &Sha256,
) -> Result<(), CreateError> {
    match store.pool_conflict(&upstream, path, hash)? {
        None => Ok(()),
        Some(PoolConflict { found }) => {
            let (path, expected) = (path.to_string(), *hash);
            Err(StoreError::Conflict { upstream, path, expected, found }.into())
        }
    }
}

/// One more than the highest number that any build here has or had.
fn next(create: &Run<'_>) -> Result<BuildNumber, CreateError> {
    let highest = create.store.highest_number()?.unwrap_or(BuildNumber(0));
    let next = highest.0.checked_add(1).map(BuildNumber).ok_or(CreateError::Last { number: highest })?;
    if next.0 == u32::MAX { Err(CreateError::Last { number: next }) } else { Ok(next) }
}
