//! Names of builds that are files of their own beside their objects.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::hash::Sha256;
use crate::mirror::{Held, INFO, Scope, verify_present};
use crate::name::BuildNumber;
use crate::store::{Store, StoreError, lead};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Relinked {
    pub(super) names: u64,
    /// Bytes that are free now.
    pub(super) freed: u64,
}

/// Leads them to the objects that are there and good. What has no such object needs another store.
pub(super) fn relink(store: &Store) -> Result<Relinked, StoreError> {
    let mut relinked = Relinked::default();
    let findings = verify_present(store, &Scope::QUICK)?;
    let links: BTreeSet<&str> = findings.links.iter().map(|one| one.path.as_str()).collect();
    if links.is_empty() {
        return Ok(relinked);
    }
    for number in findings.builds {
        let Ok(held) = Held::read(store, number) else { continue };
        for file in held.manifest.files() {
            let name = file.below(store, number);
            let path = name.strip_prefix(store.root()).unwrap_or(&name).to_string_lossy();
            if links.contains(path.as_ref())
                && let Some(bytes) = relink_one(store, number, &name, &file.hash)?
            {
                relinked.names += 1;
                relinked.freed += bytes;
            }
        }
    }
    Ok(relinked)
}

/// Says what that has freed.
fn relink_one(
    store: &Store,
    number: BuildNumber,
    name: &Path,
    hash: &Sha256,
) -> Result<Option<u64>, StoreError> {
    // It reads the object, which may be large; so that is done before anybody has to wait for the lock.
    if !store.is_loose(name, hash) {
        return Ok(None);
    }
    let _locked = store.lock_now()?;
    // A purge may have taken the build meanwhile, and then its objects.
    if !store.build(number).join(INFO).exists() {
        return Ok(None);
    }
    let Ok(there) = fs::symlink_metadata(name) else { return Ok(None) };
    lead(&store.object(hash), name)?;
    // Another name of the same content keeps its bytes.
    Ok(Some(if there.nlink() == 1 { there.len() } else { 0 }))
}
