//! The last part: lists, words, signature, and the moment at which the build is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::create::{Create, CreateError};
use crate::hash::Sha256;
use crate::manifest::{Area, BuildInfo, Delta, FileEntry, Manifest, PackageEntry, PackageList};
use crate::mirror::{Held, raise};
use crate::name::{BuildNumber, RelPath, UpstreamName};
use crate::store::{Intake, PoolConflict, Store, StoreError, sync_file_system};

/// Level 9 packs a package list to a tenth in a quarter of a second.
const PACKAGES_LEVEL: i32 = 9;

/// The files of a build, by their paths below the pool and below its own folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) pool: BTreeMap<RelPath, (Sha256, u64)>,
    tree: BTreeMap<RelPath, (Sha256, u64)>,
    upstreams: BTreeSet<UpstreamName>,
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
    pub(super) fn check_pool(&self, store: &Store) -> Result<(), CreateError> {
        for (path, (hash, _)) in &self.pool {
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
    create: &Create<'_>,
    files: &Files,
    packages: Vec<PackageEntry>,
    parent: Option<&Held>,
    info: impl Fn(BuildNumber) -> BuildInfo,
) -> Result<BuildInfo, CreateError> {
    let store = create.store;
    let manifest = files.manifest()?;
    let packages = PackageList::new(packages);
    let text = packages.to_text()?;
    let packed = zstd::bulk::compress(text.as_bytes(), PACKAGES_LEVEL).map_err(CreateError::Pack)?;
    let mut lists = vec![
        ("manifest.zst".to_owned(), manifest.compress().map_err(CreateError::Pack)?),
        ("packages.json.zst".to_owned(), packed),
    ];
    if let Some(parent) = parent {
        let delta = Delta::between(&parent.manifest, &manifest).compress().map_err(CreateError::Pack)?;
        lists.push((format!("from-{}.zst", parent.info.number), delta));
    }
    let (manifest_hash, packages_hash) = (manifest.hash(), Sha256::of(text.as_bytes()));
    for (path, (hash, _)) in &files.pool {
        let (upstream, path) = path.as_str().split_once('/').unwrap_or_default();
        store.link_pool(&UpstreamName::new(upstream)?, &RelPath::new(path)?, hash)?;
    }
    let complete = |number| BuildInfo {
        manifest: manifest_hash,
        packages: packages_hash,
        package_count: packages.packages().len() as u64,
        file_count: manifest.files().len() as u64,
        bytes: manifest.bytes(),
        ..info(number)
    };
    // The folder is made under the number that is free now; if somebody else takes that meanwhile, another is taken.
    loop {
        let number = match create.number {
            Some(number) => number,
            None => next(create)?,
        };
        let info = complete(number);
        let json = serde_json::to_vec_pretty(&info)?;
        let signature = create.signer.sign_binary(&json, create.now.max(create.signed_from))?;
        let mut all = lists.clone();
        all.push(("build.json".to_owned(), json));
        all.push(("build.json.sig".to_owned(), signature));
        let rising = raise(store, number, &manifest, &all, &files.upstreams)?;
        sync_file_system(store.root())?;
        let _locked = store.lock_now()?;
        if create.is_taken(number) {
            match create.number {
                Some(number) => return Err(CreateError::Taken { number }),
                None => continue,
            }
        }
        store.appear(&rising.folder, &store.build(number))?;
        crate::mirror::write_index(store)?;
        return Ok(info);
    }
}

/// One more than the highest number that any build here has or had.
fn next(create: &Create<'_>) -> Result<BuildNumber, CreateError> {
    let present = create.store.builds_present()?;
    let archived = create.store.builds_archived()?;
    let highest = present.last().into_iter().chain(archived.last()).map(|number| number.0).max();
    Ok(BuildNumber(highest.unwrap_or(0) + 1))
}
