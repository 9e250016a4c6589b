//! Names: in the pool, and in the folder of a build that is being made.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::manifest::{Area, FileEntry, Manifest};
use crate::mirror::parallel::each;
use crate::mirror::sync::SyncError;
use crate::name::{BuildNumber, RelPath, UpstreamName};
use crate::store::{Store, StoreError, unique};

/// A build's folder before it appears. Taken away when it is dropped.
pub(crate) struct Rising {
    pub(crate) folder: PathBuf,
}

impl Drop for Rising {
    fn drop(&mut self) {
        // After it appeared there is nothing of this name.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Checks that every file lies below an upstream, before anything is written.
pub(super) fn upstreams(
    build: BuildNumber,
    manifest: &Manifest,
) -> Result<BTreeSet<UpstreamName>, SyncError> {
    let bad = |path: &RelPath| SyncError::Path { build, path: path.to_string() };
    let mut pools = BTreeSet::new();
    for file in manifest.files() {
        let (upstream, rest) = split(&file.path).ok_or_else(|| bad(&file.path))?;
        // In a build's folder this name is the way to the pool, which is not the build's alone.
        if file.area == Area::Tree && (rest.as_str() == "pool" || rest.as_str().starts_with("pool/")) {
            return Err(bad(&file.path));
        }
        if file.area == Area::Pool {
            pools.insert(upstream);
        }
    }
    Ok(pools)
}

fn split(path: &RelPath) -> Option<(UpstreamName, RelPath)> {
    let (upstream, rest) = path.as_str().split_once('/')?;
    Some((UpstreamName::new(upstream).ok()?, RelPath::new(rest).ok()?))
}

/// Names in the pool, for files that the base does not have under the same name.
pub(crate) fn link_pool(
    store: &Store,
    manifest: &Manifest,
    base: Option<&Manifest>,
) -> Result<(), StoreError> {
    let known = base.map_or(&[][..], Manifest::files);
    let is_there = |file: &FileEntry| {
        known.binary_search(file).is_ok()
            && fs::symlink_metadata(file.path.below(&store.root().join("pool"))).is_ok()
    };
    let is_new = |file: &&FileEntry| file.area == Area::Pool && !is_there(file);
    let new: Vec<&FileEntry> = manifest.files().iter().filter(is_new).collect();
    let failed = each(&new, |file| {
        let (upstream, path) = split(&file.path)?;
        store.link_pool(&upstream, &path, &file.hash).err()
    });
    failed.into_iter().next().map_or(Ok(()), Err)
}

/// The folder of a build: its lists, the links of its tree, and the ways to the pool.
pub(crate) fn raise(
    store: &Store,
    build: BuildNumber,
    manifest: &Manifest,
    files: &[(String, Vec<u8>)],
    pools: &BTreeSet<UpstreamName>,
) -> Result<Rising, StoreError> {
    let folder = store.builds().join(format!(".tmp-{build}-{}", unique()));
    fs::create_dir(&folder).map_err(StoreError::io("making", &folder))?;
    let rising = Rising { folder };
    let folder = &rising.folder;
    for file in manifest.files().iter().filter(|file| file.area == Area::Tree) {
        let path = file.path.below(folder);
        link(&store.object(&file.hash), &path).map_err(StoreError::io("linking", &path))?;
    }
    for upstream in pools {
        let path = folder.join(upstream).join("pool");
        let made = fs::create_dir_all(folder.join(upstream))
            .and_then(|()| symlink(format!("../../../pool/{upstream}"), &path));
        made.map_err(StoreError::io("linking", &path))?;
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(StoreError::io("writing", &path))?;
    }
    Ok(rising)
}

fn link(object: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(object, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::hard_link(object, path)
        }
        linked => linked,
    }
}
