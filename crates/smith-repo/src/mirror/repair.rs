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

use crate::channel::{self, ChannelError, RELEASE_MAX};
use crate::fetch::{Answer, Fetcher, ObjectError, Progress, Want, chain};
use crate::hash::Sha256;
use crate::mirror::foreign::{Known, seek_foreign};
use crate::mirror::held::{Held, INFO};
use crate::mirror::repair_plan::RepairPlan;
use crate::mirror::verify::{Findings, Scope, pool_links, relative, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::store::{Layout, Store, StoreError, lead, unique};

/// What was done, and what is still wrong.
#[derive(Debug)]
pub struct Repair {
    pub before: Findings,
    pub after: Findings,
    /// Where bad and foreign files went, if there were any.
    pub trash: Option<PathBuf>,
    /// What went there, by the paths that it had below the store.
    pub away: Vec<String>,
    pub fetched: u64,
    pub fetched_bytes: u64,
    pub relinked: u64,
    /// Channels whose views were made anew.
    pub channels: u64,
    /// Channels whose views were not, and what that needs.
    pub unmended: Vec<(ChannelName, String)>,
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
    away: Vec<String>,
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
        return Ok(Repair { after: before.clone(), ..Repair::nothing(before) });
    }
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let trash = store.trash().join(format!("{stamp}-repair-{}", unique()));
    let mut mending = Mending { store, trash, away: Vec::new(), relinked: 0 };
    let wanted = mending.clear(&before)?;
    let _lease = store.lease(wanted.keys().copied())?;
    let came = refetch(store, &wanted, supply)?;
    mending.relink(&before, &wanted)?;
    mending.discard_foreign(builds, &before)?;
    let (mut channels, mut unmended) = (0, Vec::new());
    let seek = |path: &str| supply.seek(path);
    for name in channel::names(store)? {
        let mended = match hurt(store, &name) {
            Ok(false) => continue,
            Ok(true) => channel::mend(store, &name, now, None, &seek),
            Err(error) => Err(error),
        };
        match mended {
            Ok(()) => channels += 1,
            Err(error) => unmended.push((name, chain(&error))),
        }
    }
    let trash = mending.trash.exists().then_some(mending.trash);
    let after = verify(store, builds, scope)?;
    let (relinked, away) = (mending.relinked, mending.away);
    let (fetched, fetched_bytes, failed) = (came.objects, came.bytes, came.failed);
    Ok(Repair { before, after, trash, away, fetched, fetched_bytes, relinked, channels, unmended, failed })
}

/// Whether a file of the view that this channel serves is not as it should be.
pub(super) fn hurt(store: &Store, name: &ChannelName) -> Result<bool, ChannelError> {
    Ok(channel::inspect(store, name)?.iter().any(|trouble| trouble.path.starts_with("views/")))
}

impl Repair {
    fn nothing(before: Findings) -> Self {
        let (after, away) = (Findings::default(), Vec::new());
        let (fetched, fetched_bytes, relinked, channels) = (0, 0, 0, 0);
        let (unmended, failed) = (Vec::new(), Vec::new());
        let trash = None;
        Self { before, after, trash, away, fetched, fetched_bytes, relinked, channels, unmended, failed }
    }

    /// What it came to, as [`super::plan_repair`] says it beforehand.
    pub fn did(&self) -> RepairPlan {
        RepairPlan {
            fetch: self.fetched,
            fetch_bytes: self.fetched_bytes,
            names: self.relinked,
            channels: self.channels,
            put_away: self.away.len() as u64,
        }
    }
}

#[derive(Default)]
struct Came {
    objects: u64,
    bytes: u64,
    failed: Vec<ObjectError>,
}

impl Supply<'_> {
    /// What the others have under a path.
    pub(super) fn seek(&self, path: &str) -> Vec<Vec<u8>> {
        let urls = self.bases.iter().map(|base| format!("{}/{path}", base.trim_end_matches('/')));
        let answers = urls.filter_map(|url| self.fetcher.get(&url, RELEASE_MAX, None).ok());
        let found = |answer| match answer {
            Answer::Found { bytes, .. } => Some(bytes),
            Answer::Missing | Answer::NotModified => None,
        };
        answers.filter_map(found).collect()
    }
}

impl Mending<'_> {
    /// Takes bad objects out of the way. Answers what has to come anew.
    fn clear(&mut self, findings: &Findings) -> Result<BTreeMap<Sha256, u64>, StoreError> {
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
        let saved = wanted.keys().filter(|hash| !still.contains_key(*hash)).copied().collect();
        self.lead_names(&saved, &BTreeSet::new())?;
        Ok(still)
    }

    /// A name that outlived its object, with the right content, becomes the object again.
    fn save(&self, findings: &Findings, hash: &Sha256) -> Result<bool, StoreError> {
        let Some(name) = outlived(self.store, findings, hash) else { return Ok(false) };
        lead_anew(&name, &self.store.object(hash))?;
        Ok(true)
    }

    /// Leads every name of these objects, in all builds, to the file that is now theirs.
    fn relink(&mut self, findings: &Findings, fetched: &BTreeMap<Sha256, u64>) -> Result<(), StoreError> {
        let mut hashes: BTreeSet<Sha256> = fetched.keys().copied().collect();
        hashes.extend(findings.damaged.iter().map(|one| one.hash));
        hashes.extend(findings.missing.iter().map(|one| one.hash));
        let loose: BTreeSet<&String> = findings.links.iter().map(|one| &one.path).collect();
        self.lead_names(&hashes, &loose)
    }

    fn lead_names(&mut self, hashes: &BTreeSet<Sha256>, loose: &BTreeSet<&String>) -> Result<(), StoreError> {
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
        Ok(())
    }

    fn relink_one(&mut self, name: &Path, hash: &Sha256) -> Result<u64, StoreError> {
        // A build that a purge has taken meanwhile gets no folder again.
        let below = name.strip_prefix(self.store.builds()).ok().and_then(|path| path.iter().next());
        if below.is_some_and(|number| !self.store.builds().join(number).join(INFO).exists()) {
            return Ok(0);
        }
        let object = self.store.object(hash);
        if !object.exists() || inode(&object) == inode(name) {
            return Ok(0);
        }
        // A folder or a link where a file should be cannot be replaced by a rename, and is worth keeping.
        if fs::symlink_metadata(name).is_ok_and(|metadata| !metadata.is_file()) {
            self.discard(name)?;
        }
        lead_anew(&object, name)?;
        Ok(1)
    }

    /// What was foreign when it was found and still is. Nobody can take a lease meanwhile, so no name is on its way to a build.
    fn discard_foreign(&mut self, builds: &[BuildNumber], findings: &Findings) -> Result<(), StoreError> {
        if findings.foreign.is_empty() {
            return Ok(());
        }
        let locked = self.store.lock_now()?;
        let still = seek_foreign(self.store, builds, &Known::of(self.store, &locked)?)?;
        let still: BTreeSet<&String> = still.iter().collect();
        for path in &findings.foreign {
            if still.contains(path) || path.starts_with("objects/") {
                self.discard(&self.store.root().join(path))?;
            }
        }
        Ok(())
    }

    /// Moves something to the trash, under the path that it had.
    fn discard(&mut self, path: &Path) -> Result<(), StoreError> {
        let to = self.trash.join(relative(self.store, path));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
        }
        match fs::rename(path, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("moving to the trash", path)(error))
            }
            Err(_) => Ok(()),
            Ok(()) => {
                self.away.push(relative(self.store, path));
                Ok(())
            }
        }
    }
}

pub(super) fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

/// A name of this object that still has the right content.
pub(super) fn outlived(store: &Store, findings: &Findings, hash: &Sha256) -> Option<PathBuf> {
    let bad: BTreeSet<&String> = findings.damaged.iter().flat_map(|one| &one.paths).collect();
    for number in &findings.builds {
        let Ok(held) = Held::read(store, *number) else { continue };
        for file in held.manifest.files().iter().filter(|file| file.hash == *hash) {
            let name = file.below(store, *number);
            let is_good = !bad.contains(&relative(store, &name))
                && Sha256::of_file(&name).is_ok_and(|(found, _)| found == *hash);
            if is_good {
                return Some(name);
            }
        }
    }
    None
}

/// The same as [`lead`], with the folders on the way.
fn lead_anew(file: &Path, name: &Path) -> Result<(), StoreError> {
    if let Some(folder) = name.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
    }
    lead(file, name)
}

fn refetch(store: &Store, wanted: &BTreeMap<Sha256, u64>, supply: Supply<'_>) -> Result<Came, StoreError> {
    if wanted.is_empty() {
        return Ok(Came::default());
    }
    let want = |(hash, size): (&Sha256, &u64)| {
        let path = Layout::object_path(hash);
        let sources = supply.bases.iter().map(|base| format!("{}/{path}", base.trim_end_matches('/')));
        Want { hash: *hash, size: *size, sources: sources.collect() }
    };
    let wants: Vec<Want> = wanted.iter().map(want).collect();
    let intake = store.intake()?;
    let failed = supply.fetcher.objects(&wants, &intake, supply.progress).err().unwrap_or_default();
    let fetched: Vec<u64> = wants.iter().filter(|want| store.has(&want.hash)).map(|want| want.size).collect();
    Ok(Came { objects: fetched.len() as u64, bytes: fetched.iter().sum(), failed })
}
