//! Mending what a verification found.
//!
//! Names of one object are links to one file, so a bad file is bad under each of them, in every build. It is never
//! written to: it goes to the trash, a good one takes its place, and every name is led to that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::fetch::{Fetcher, ObjectError, Progress, Want};
use crate::hash::Sha256;
use crate::mirror::foreign::walk;
use crate::mirror::held::Held;
use crate::mirror::verify::{Findings, Scope, pool_links, relative, verify};
use crate::name::BuildNumber;
use crate::store::{Layout, Store, StoreError, unique};

/// What was done, and what is still wrong.
#[derive(Debug)]
pub struct Repair {
    pub before: Findings,
    pub after: Findings,
    /// Where bad and foreign files went, if there were any.
    pub trash: Option<PathBuf>,
    pub fetched: u64,
    pub relinked: u64,
    /// Objects that no source gave.
    pub failed: Vec<ObjectError>,
}

#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where objects can be fetched again.
#[derive(Clone, Copy)]
pub struct Supply<'a> {
    pub fetcher: &'a Fetcher,
    /// Addresses of other stores.
    pub bases: &'a [String],
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Supply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").field("bases", &self.bases).finish_non_exhaustive()
    }
}

struct Mending<'a> {
    store: &'a Store,
    trash: PathBuf,
    relinked: u64,
}

/// Verifies these builds, mends what is wrong, and verifies again.
pub fn repair(
    store: &Store,
    builds: &[BuildNumber],
    scope: &Scope,
    supply: Supply<'_>,
    now: Timestamp,
) -> Result<Repair, RepairError> {
    let before = verify(store, builds, scope)?;
    if before.is_sound() {
        let after = before.clone();
        return Ok(Repair { before, after, trash: None, fetched: 0, relinked: 0, failed: Vec::new() });
    }
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let trash = store.trash().join(format!("{stamp}-repair-{}", unique()));
    let mut mending = Mending { store, trash, relinked: 0 };
    let wanted = mending.clear(&before)?;
    let _lease = store.lease(wanted.keys().copied())?;
    let (fetched, failed) = refetch(store, &wanted, supply)?;
    mending.relink(&before, &wanted)?;
    for path in &before.foreign {
        mending.discard(&store.root().join(path))?;
    }
    let trash = mending.trash.exists().then_some(mending.trash);
    let after = verify(store, builds, scope)?;
    Ok(Repair { before, after, trash, fetched, relinked: mending.relinked, failed })
}

impl Mending<'_> {
    /// Takes bad objects out of the way. Answers what has to come anew.
    fn clear(&self, findings: &Findings) -> Result<BTreeMap<Sha256, u64>, StoreError> {
        let mut wanted = BTreeMap::new();
        for damaged in &findings.damaged {
            let object = Layout::object_path(&damaged.hash);
            if damaged.paths.contains(&object) {
                self.discard(&self.store.root().join(&object))?;
                wanted.insert(damaged.hash, damaged.size);
            }
        }
        for missing in &findings.missing {
            if missing.path == Layout::object_path(&missing.hash) {
                wanted.insert(missing.hash, missing.size);
            }
        }
        let mut still = BTreeMap::new();
        for (hash, size) in &wanted {
            if !self.save(findings, hash)? {
                still.insert(*hash, *size);
            }
        }
        // Names of what was saved are led to it as well.
        for hash in wanted.keys().filter(|hash| !still.contains_key(*hash)) {
            self.relink_everywhere(&BTreeSet::from([*hash]))?;
        }
        Ok(still)
    }

    /// A name that outlived its object, with the right content, becomes the object again.
    fn save(&self, findings: &Findings, hash: &Sha256) -> Result<bool, StoreError> {
        let bad: BTreeSet<&String> = findings.damaged.iter().flat_map(|one| &one.paths).collect();
        let object = self.store.object(hash);
        for number in &findings.builds {
            let Ok(held) = Held::read(self.store, *number) else { continue };
            for file in held.manifest.files().iter().filter(|file| file.hash == *hash) {
                let name = file.below(self.store, *number);
                let is_good = !bad.contains(&relative(self.store, &name))
                    && Sha256::of_file(&name).is_ok_and(|(found, _)| found == *hash);
                if is_good {
                    lead(&name, &object)?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Leads every name of these objects, in all builds, to the file that is now theirs.
    fn relink(&mut self, findings: &Findings, fetched: &BTreeMap<Sha256, u64>) -> Result<(), StoreError> {
        let mut hashes: BTreeSet<Sha256> = fetched.keys().copied().collect();
        hashes.extend(findings.damaged.iter().map(|one| one.hash));
        hashes.extend(findings.missing.iter().map(|one| one.hash));
        let loose: BTreeSet<&String> = findings.links.iter().map(|one| &one.path).collect();
        for number in self.store.builds_present()? {
            let Ok(held) = Held::read(self.store, number) else { continue };
            for file in held.manifest.files() {
                let name = file.below(self.store, number);
                if hashes.contains(&file.hash) || loose.contains(&relative(self.store, &name)) {
                    self.relinked += self.relink_one(&name, &file.hash)?;
                }
            }
            for (link, target) in pool_links(&held) {
                let path = self.store.build(number).join(link);
                if loose.contains(&relative(self.store, &path)) {
                    self.discard(&path)?;
                    symlink(&target, &path).map_err(StoreError::io("linking", &path))?;
                    self.relinked += 1;
                }
            }
        }
        self.relink_everywhere(&hashes)
    }

    fn relink_one(&self, name: &Path, hash: &Sha256) -> Result<u64, StoreError> {
        let object = self.store.object(hash);
        let inode = |path: &Path| fs::symlink_metadata(path).ok().map(|metadata| metadata.ino());
        if !object.exists() || inode(&object) == inode(name) {
            return Ok(0);
        }
        // A folder or a link where a file should be cannot be replaced by a rename, and is worth keeping.
        if fs::symlink_metadata(name).is_ok_and(|metadata| !metadata.is_file()) {
            self.discard(name)?;
        }
        lead(&object, name)?;
        Ok(1)
    }

    /// By-hash names that a build has of its neighbours stand in no list of its own.
    fn relink_everywhere(&self, hashes: &BTreeSet<Sha256>) -> Result<(), StoreError> {
        for number in self.store.builds_present()? {
            let folder = self.store.build(number);
            let mut names = Vec::new();
            walk(&folder, "", &mut |path, _| {
                let name = path.rsplit('/').next().and_then(|name| name.parse::<Sha256>().ok());
                names.extend(name.filter(|hash| hashes.contains(hash)).map(|hash| (folder.join(path), hash)));
            })?;
            for (name, hash) in names {
                self.relink_one(&name, &hash)?;
            }
        }
        Ok(())
    }

    /// Moves something to the trash, under the path that it had.
    fn discard(&self, path: &Path) -> Result<(), StoreError> {
        let to = self.trash.join(relative(self.store, path));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
        }
        match fs::rename(path, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("moving to the trash", path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Makes `name` another name of `file`; readers see the old one or the new one.
fn lead(file: &Path, name: &Path) -> Result<(), StoreError> {
    let folder = name.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
    let temporary = folder.join(format!(".tmp-{}", unique()));
    fs::hard_link(file, &temporary).map_err(StoreError::io("linking", &temporary))?;
    let renamed = fs::rename(&temporary, name).map_err(StoreError::io("renaming to", name));
    // A rename between two names of one file does nothing and leaves both.
    let _ = fs::remove_file(&temporary);
    renamed
}

fn refetch(
    store: &Store,
    wanted: &BTreeMap<Sha256, u64>,
    supply: Supply<'_>,
) -> Result<(u64, Vec<ObjectError>), StoreError> {
    if wanted.is_empty() {
        return Ok((0, Vec::new()));
    }
    let want = |(hash, size): (&Sha256, &u64)| {
        let path = Layout::object_path(hash);
        let sources = supply.bases.iter().map(|base| format!("{}/{path}", base.trim_end_matches('/')));
        Want { hash: *hash, size: *size, sources: sources.collect() }
    };
    let wants: Vec<Want> = wanted.iter().map(want).collect();
    let intake = store.intake()?;
    let failed = supply.fetcher.objects(&wants, &intake, supply.progress).err().unwrap_or_default();
    let fetched = wants.iter().filter(|want| store.has(&want.hash)).count();
    Ok((fetched as u64, failed))
}
