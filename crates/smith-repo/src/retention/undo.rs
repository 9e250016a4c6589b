//! Purged builds that still lie in the trash, and how one comes back.
//!
//! It becomes an archived build first, under the store's lock, with everything that an archived build needs; from there it
//! is restored like any other. So it is whole again or stays archived, whatever happens in between.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::fetch::{Fetcher, Progress};
use crate::hash::Sha256;
use crate::lazy::{addresses, may_be_left};
use crate::manifest::{Area, BuildInfo, FileEntry};
use crate::mirror::{Held, SIGNATURE};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::archive::{Restored, lead_names, restore};
use crate::retention::find::find;
use crate::retention::sweep::{SWEPT, from_trash, since};
use crate::store::{Store, StoreError};

/// A purged build that can come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trashed {
    pub build: BuildNumber,
    pub purged_at: Timestamp,
    #[serde(skip)]
    pub info: BuildInfo,
}

/// A purged build where it lies.
struct Lying {
    number: BuildNumber,
    purged_at: Timestamp,
    folder: PathBuf,
}

/// The purged builds in the trash, in their order. Those that cannot be read any more are left out.
pub fn trashed(store: &Store) -> Result<Vec<Trashed>, RetentionError> {
    let readable = |one: Lying| {
        let info = Held::info_in(&one.folder, one.number).ok()?;
        Some(Trashed { build: one.number, purged_at: one.purged_at, info })
    };
    let mut all: Vec<Trashed> = lying(store)?.into_iter().filter_map(readable).collect();
    all.sort_by_key(|one| one.build);
    Ok(all)
}

/// Brings an archived build back, or one that was purged and lies in the trash.
pub fn bring_back(
    store: &Store,
    number: BuildNumber,
    fetcher: &Fetcher,
    sources: &[String],
    progress: &dyn Progress,
) -> Result<Restored, RetentionError> {
    let unknown = match find(store, number) {
        Err(error @ RetentionError::Unknown { .. }) => error,
        Ok(_) | Err(_) => return restore(store, number, fetcher, sources, progress),
    };
    let Some(lying) = lying(store)?.into_iter().rev().find(|one| one.number == number) else {
        return Err(unknown);
    };
    let is_signed = lying.is_signed();
    let returned = take_out(store, &lying)?;
    let mut restored = match is_signed {
        true => restore(store, number, fetcher, sources, progress)?,
        // It waits for its signatures again, with everything that it had.
        false => Restored::default(),
    };
    restored.from_trash += returned;
    Ok(restored)
}

impl Lying {
    /// One that waited for its signatures has none.
    fn is_signed(&self) -> bool {
        self.folder.join(SIGNATURE).exists()
    }

    /// Without package files, which an archived build does without.
    fn must_have<'a>(&self, held: &'a Held) -> impl Iterator<Item = &'a FileEntry> {
        let (is_signed, addresses) = (self.is_signed(), addresses(&held.info));
        held.manifest.files().iter().filter(move |file| {
            file.area == Area::Tree || (!is_signed && may_be_left(&addresses, file).is_none())
        })
    }
}

/// Out of the trash with what it must have: to the archived builds, or to those that wait. Says how many objects that took.
fn take_out(store: &Store, lying: &Lying) -> Result<u64, RetentionError> {
    let number = lying.number;
    let held = Held::read_in(&lying.folder, number).or_else(|_| Held::read_bare(&lying.folder, number))?;
    let to = if lying.is_signed() { store.archived(number) } else { store.unsigned_build(number) };
    let _locked = store.lock_now()?;
    let (mut returned, mut seen) = (0, BTreeSet::<Sha256>::new());
    for file in lying.must_have(&held).filter(|file| !store.has(&file.hash)) {
        if !seen.insert(file.hash) {
            continue;
        }
        // The build's own names of its indexes are as good as what was swept.
        if !from_trash(store, &file.hash)? && !relinked(store, &lying.folder, file)? {
            return Err(RetentionError::Swept { number, path: file.path.to_string() });
        }
        returned += 1;
    }
    if !lying.is_signed() {
        for file in held.manifest.files().iter().filter(|file| store.has(&file.hash)) {
            if let Some((upstream, path)) = file.in_pool() {
                store.link_pool(&upstream, &path, &file.hash)?;
            }
        }
        lead_names(store, &lying.folder, held.manifest.files())?;
    }
    let mark = lying.folder.join(SWEPT);
    match fs::remove_file(&mark) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("removing", &mark)(error).into());
        }
        Ok(()) | Err(_) => {}
    }
    store.appear(&lying.folder, &to)?;
    Ok(returned)
}

fn relinked(store: &Store, folder: &Path, file: &FileEntry) -> Result<bool, RetentionError> {
    let (from, to) = (file.path.below(folder), store.object(&file.hash));
    let is_it = fs::read(&from).is_ok_and(|bytes| Sha256::of(&bytes) == file.hash);
    if file.area != Area::Tree || !is_it {
        return Ok(false);
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
    }
    fs::hard_link(&from, &to).map_err(StoreError::io("linking", &to))?;
    Ok(true)
}

/// Every purged build, the ones that were purged last at the end.
fn lying(store: &Store) -> Result<Vec<Lying>, RetentionError> {
    let mut all = Vec::new();
    for batch in folders(&store.trash())? {
        let name = batch.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What was archived has left only lists there.
        let Some(purged_at) = since(&name).filter(|_| name.contains("-purge-")) else { continue };
        for folder in folders(&batch)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(number) = name.strip_prefix("build-").and_then(|number| number.parse().ok()) {
                all.push(Lying { number, purged_at, folder });
            }
        }
    }
    all.sort_by_key(|one| (one.purged_at, one.number));
    Ok(all)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, RetentionError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Emptied since, or a file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(StoreError::io("reading", folder)(error).into()),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    Ok(paths.map_err(StoreError::io("reading", folder))?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use jiff::SignedDuration;

    use super::*;
    use crate::fetch::{Limits, Silent};
    use crate::fixture::{Recipe, store};
    use crate::mirror::{Scope, verify};
    use crate::retention::{Roots, Wish, archive, empty_trash, plan, purge};

    fn purged(store: &Store, number: u32, at: Timestamp) {
        let roots = Roots::default();
        let plan = plan(store, &Wish::These(vec![BuildNumber(number)]), &roots).expect("planned");
        purge(store, &plan, &roots, at).expect("purged");
    }

    #[test]
    fn a_purged_build_comes_back_from_the_trash_until_that_is_emptied() {
        let (_folder, store) = store();
        for build in 1..=3 {
            Recipe::of(20, |number| if number < 5 { build } else { 0 }).make(&store, build, None);
        }
        let fetcher = Fetcher::new(Limits::default()).expect("a fetcher");
        let back = |build| bring_back(&store, BuildNumber(build), &fetcher, &[], &Silent);
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        for build in [2, 1] {
            purged(&store, build, now);
        }
        let lying: Vec<u32> = trashed(&store).expect("read").iter().map(|one| one.build.0).collect();
        assert_eq!(lying, [1, 2]);
        let restored = back(2).expect("back");
        assert!(restored.missing.is_empty() && restored.from_trash >= 7, "{restored:?}");
        let present = store.builds_present().expect("read");
        assert_eq!(present, [2, 3].map(BuildNumber));
        let findings = verify(&store, &present, &Scope::FULL).expect("verified");
        assert!(findings.is_good(), "{findings:?}");
        assert_eq!(trashed(&store).expect("read")[0].purged_at, now);
        empty_trash(&store, SignedDuration::ZERO, now).expect("emptied");
        assert!(matches!(back(1), Err(RetentionError::Unknown { .. })));
        assert!(verify(&store, &present, &Scope::FULL).expect("verified").is_good());
    }

    #[test]
    fn what_was_made_anew_meanwhile_is_not_there_twice() {
        let (_folder, store) = store();
        let same = Recipe::of(20, |_| 7);
        Recipe::of(20, |_| 1).make(&store, 1, None);
        same.make(&store, 2, None);
        Recipe::of(20, |_| 3).make(&store, 3, None);
        let now = Timestamp::UNIX_EPOCH;
        purged(&store, 2, now);
        same.make(&store, 4, None);
        let fetcher = Fetcher::new(Limits::default()).expect("a fetcher");
        let restored = bring_back(&store, BuildNumber(2), &fetcher, &[], &Silent).expect("back");
        assert_eq!(restored, Restored::default());
        let present = store.builds_present().expect("read");
        let findings = verify(&store, &present, &Scope::FULL).expect("verified");
        assert!(findings.is_good(), "{findings:?}");
        // The same for one that was archived, of which an index has lost its link.
        let roots = Roots::default();
        archive(&store, &[BuildNumber(2)], &roots, now).expect("archived");
        let name = "debian/dists/stable/InRelease";
        let (here, there) =
            (store.archived(BuildNumber(2)).join(name), store.build(BuildNumber(4)).join(name));
        let bytes = fs::read(&here).expect("read");
        fs::remove_file(&here).and_then(|()| fs::write(&here, bytes)).expect("written");
        bring_back(&store, BuildNumber(2), &fetcher, &[], &Silent).expect("back");
        let inode = |path: &Path| fs::metadata(path).expect("there").ino();
        assert_eq!(inode(&store.build(BuildNumber(2)).join(name)), inode(&there));
        let findings = verify(&store, &present, &Scope::FULL).expect("verified");
        assert!(findings.is_good(), "{findings:?}");
    }

    #[test]
    fn one_whose_package_files_are_gone_stays_archived_and_says_which() {
        let (_folder, store) = store();
        for build in 1..=2 {
            Recipe::of(5, |_| build).make(&store, build, None);
        }
        let now = Timestamp::UNIX_EPOCH;
        purged(&store, 1, now);
        for batch in folders(&store.trash()).expect("read") {
            if batch.to_string_lossy().contains("-sweep-") {
                fs::remove_dir_all(&batch).expect("removed");
            }
        }
        let fetcher = Fetcher::new(Limits::default()).expect("a fetcher");
        let restored = bring_back(&store, BuildNumber(1), &fetcher, &[], &Silent).expect("archived");
        assert_eq!(restored.missing.len(), 5);
        assert_eq!(store.builds_archived().expect("read"), [BuildNumber(1)]);
        assert!(trashed(&store).expect("read").is_empty());
    }
}
