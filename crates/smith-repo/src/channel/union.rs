//! The union of by-hash directories: each build serves the indexes of its neighbours too.
//!
//! Only a build's own indexes are lent, those that its manifest names. So what a build borrowed is not passed on, and a
//! build does not gather the indexes of all that ever were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::channel::ChannelError;
use crate::hash::Sha256;
use crate::manifest::Area;
use crate::mirror::Held;
use crate::name::BuildNumber;
use crate::store::{Store, StoreError, sync_file_system};

/// The indexes of one build by their by-hash path, and its upstreams.
struct Lent {
    files: BTreeMap<String, Sha256>,
    upstreams: BTreeSet<String>,
}

/// Lends the indexes of `next` to its neighbours and theirs to it. When this returns, all links are on the disk.
pub(super) fn unite(
    store: &Store,
    next: BuildNumber,
    neighbours: &BTreeSet<BuildNumber>,
) -> Result<(), ChannelError> {
    let own = lent(&Held::read(store, next)?);
    let mut made = 0;
    for neighbour in neighbours {
        // One that was purged serves nothing, and one whose list is broken cannot say what it would lend.
        let Ok(held) = Held::read(store, *neighbour) else { continue };
        made += borrow(store, next, &lent(&held))?;
        made += borrow(store, *neighbour, &own)?;
    }
    if made > 0 {
        sync_file_system(store.root())?;
    }
    Ok(())
}

fn lent(held: &Held) -> Lent {
    let tree = held.manifest.files().iter().filter(|file| file.area == Area::Tree);
    let files = tree.filter(|file| file.path.as_str().contains("/by-hash/"));
    let files = files.map(|file| (file.path.to_string(), file.hash)).collect();
    let pool = held.manifest.files().iter().filter(|file| file.area == Area::Pool);
    let upstreams = pool.filter_map(|file| file.path.as_str().split_once('/'));
    Lent { files, upstreams: upstreams.map(|(name, _)| name.to_owned()).collect() }
}

fn borrow(store: &Store, to: BuildNumber, lent: &Lent) -> Result<u64, StoreError> {
    let folder = store.build(to);
    let mut made = 0;
    for (path, hash) in &lent.files {
        made += link(&store.object(hash), &folder.join(path))?;
    }
    for upstream in &lent.upstreams {
        let path = folder.join(upstream).join("pool");
        made += make(&path, || symlink(format!("../../../pool/{upstream}"), &path))?;
    }
    Ok(made)
}

fn link(object: &Path, name: &Path) -> Result<u64, StoreError> {
    // A neighbour may have lost an index; it could not have served it either.
    if name.exists() || !object.exists() {
        return Ok(0);
    }
    make(name, || fs::hard_link(object, name))
}

fn make(name: &Path, act: impl Fn() -> io::Result<()>) -> Result<u64, StoreError> {
    let made = act().or_else(|error| match (error.kind(), name.parent()) {
        (io::ErrorKind::NotFound, Some(folder)) => {
            fs::create_dir_all(folder)?;
            act()
        }
        _ => Err(error),
    });
    match made {
        Ok(()) => Ok(1),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(0),
        Err(error) => Err(StoreError::io("linking", name)(error)),
    }
}
