//! Archived builds: what they were is kept, their package files go where no other build has them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::fetch::{Fetcher, Progress, Want};
use crate::hash::Sha256;
use crate::lazy::{addresses, may_be_left};
use crate::manifest::{Area, FileEntry};
use crate::mirror::{INFO, MANIFEST, SIGNED, write_index};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::find::{Found, Place, find, live};
use crate::retention::marks::Marks;
use crate::retention::plan::{Keep, Roots, reasons};
use crate::retention::sweep::{Purged, Trash, from_trash, sweep};
use crate::store::{Layout, Store, StoreError, lead};

/// Archives builds that nobody uses. Those that somebody does are answered with the reasons.
pub fn archive(
    store: &Store,
    builds: &[BuildNumber],
    roots: &Roots,
    now: Timestamp,
) -> Result<Purged, RetentionError> {
    let mut archived = Purged::default();
    let trash = Trash::new(store, now, "archive")?;
    {
        let _locked = store.lock_now()?;
        let reasons = reasons(store, roots)?;
        for number in builds {
            let build = live(store, *number)?;
            let why: Vec<Keep> = reasons.get(number).cloned().unwrap_or_default();
            if !why.is_empty() {
                archived.kept.insert(*number, why);
                continue;
            }
            trash.note_archived(&build)?;
            let to = store.archived(*number);
            fs::rename(&build.folder, &to).map_err(StoreError::io("renaming to", &to))?;
            archived.builds.push(*number);
        }
    }
    let swept = sweep(store, &Marks::default(), now)?;
    let locked = store.lock_now()?;
    write_index(store, &locked)?;
    drop(locked);
    Ok(Purged { objects: swept.objects, bytes: swept.bytes, ..archived })
}

impl Trash {
    /// What the sweep looks at: the lists of the build, as if it had been purged. Its indexes stay marked.
    fn note_archived(&self, build: &Found) -> Result<(), RetentionError> {
        let folder = self.folder_of(&format!("build-{}", build.number))?;
        for name in [MANIFEST, INFO, SIGNED] {
            let (from, to) = (build.folder.join(name), folder.join(name));
            if name != SIGNED || from.exists() {
                fs::copy(&from, &to).map_err(StoreError::io("copying to", &to))?;
            }
        }
        Ok(())
    }
}

/// What became of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Restored {
    pub from_trash: u64,
    pub fetched: u64,
    pub fetched_bytes: u64,
    /// Package files that are nowhere any more. The build stays archived while there are any.
    pub missing: Vec<String>,
}

/// Brings an archived build back: its package files from the trash, or from other stores that hold them. What a lazy build
/// had left at its upstream may be there again.
pub fn restore(
    store: &Store,
    number: BuildNumber,
    fetcher: &Fetcher,
    sources: &[String],
    progress: &dyn Progress,
) -> Result<Restored, RetentionError> {
    let build = find(store, number)?;
    let mut restored = Restored::default();
    match build.place {
        Place::Live => return Ok(restored),
        Place::Unsigned => return Err(RetentionError::Unsigned { number }),
        Place::Archived => {}
    }
    let manifest = &build.held.manifest;
    let lease = store.lease(manifest.objects())?;
    let mut wanted: Vec<&FileEntry> = Vec::new();
    let mut seen: BTreeSet<Sha256> = BTreeSet::new();
    let addresses = addresses(&build.held.info);
    for file in manifest.files().iter().filter(|file| !store.has(&file.hash)) {
        if !seen.insert(file.hash) {
            continue;
        }
        if from_trash(store, &file.hash)? {
            restored.from_trash += 1;
        } else if may_be_left(&addresses, file).is_none() {
            wanted.push(file);
        }
    }
    fetch(store, fetcher, sources, progress, &wanted, &mut restored)?;
    if !restored.missing.is_empty() {
        return Ok(restored);
    }
    for file in manifest.files().iter().filter(|file| file.area == Area::Pool && store.has(&file.hash)) {
        let (upstream, path) =
            file.in_pool().ok_or_else(|| RetentionError::Path { number, path: file.path.to_string() })?;
        store.link_pool(&upstream, &path, &file.hash)?;
    }
    lead_names(store, &build.folder, manifest.files())?;
    let locked = store.lock_now()?;
    store.appear(&build.folder, &store.build(number))?;
    write_index(store, &locked)?;
    drop(locked);
    drop(lease);
    Ok(restored)
}

/// What was brought anew since the build went is an object of its own: what the build has of it is led there.
pub(super) fn lead_names(store: &Store, folder: &Path, files: &[FileEntry]) -> Result<(), RetentionError> {
    for file in files.iter().filter(|file| file.area == Area::Tree) {
        let name = file.path.below(folder);
        if store.is_loose(&name, &file.hash) {
            lead(&store.object(&file.hash), &name)?;
        }
    }
    Ok(())
}

fn fetch(
    store: &Store,
    fetcher: &Fetcher,
    sources: &[String],
    progress: &dyn Progress,
    wanted: &[&FileEntry],
    restored: &mut Restored,
) -> Result<(), RetentionError> {
    let intake = store.intake()?;
    let want = |file: &&FileEntry| Want {
        hash: file.hash,
        size: file.size,
        sources: sources
            .iter()
            .map(|source| format!("{}/{}", source.trim_end_matches('/'), Layout::object_path(&file.hash)))
            .collect(),
    };
    let wants: Vec<Want> = wanted.iter().map(want).collect();
    // What cannot be fetched is found out by looking, below.
    let _ = fetcher.objects(&wants, &intake, progress);
    intake.settle()?;
    for file in wanted {
        if store.has(&file.hash) {
            restored.fetched += 1;
            restored.fetched_bytes += file.size;
        } else {
            restored.missing.push(file.path.to_string());
        }
    }
    Ok(())
}
