//! The purge itself.
//!
//! A build first loses its name, then what only it referred to is moved to the trash under the store's lock, and the trash
//! is emptied after a grace period. Under the lock, leases are read before builds are: an operation that has just let its
//! lease go has made its build appear before that. What a killed purge left in the trash says itself what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::hash::Sha256;
use crate::manifest::{Area, FileEntry, Manifest};
use crate::mirror::{Held, Maker, clear_stale, maker, stale_folders, write_index};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::find::{Place, find, look};
use crate::retention::lines::{Key, Lists};
use crate::retention::marks::{Marks, staying};
use crate::retention::plan::{Keep, PurgePlan, Roots, reasons};
use crate::store::{Locked, Store, StoreError, rename_new, unique};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Purged {
    pub builds: Vec<BuildNumber>,
    /// Builds that came into use after the plan was made.
    pub kept: BTreeMap<BuildNumber, Vec<Keep>>,
    /// Builds of earlier purges that were killed or had to leave something: what only they referred to is gone now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<BuildNumber>,
    pub objects: u64,
    pub bytes: u64,
}

/// Takes away what a plan says, as far as nothing has come into use since.
pub fn purge(
    store: &Store,
    plan: &PurgePlan,
    roots: &Roots,
    now: Timestamp,
) -> Result<Purged, RetentionError> {
    let mut purged = Purged::default();
    clear_stale(&stale_folders(store))?;
    let trash = Trash::new(store, now, "purge")?;
    {
        let locked = store.lock_now()?;
        store.note_going(&locked, &plan.builds)?;
        let reasons = reasons(store, roots)?;
        for number in &plan.builds {
            if let Some(why) = reasons.get(number) {
                purged.kept.insert(*number, why.clone());
                continue;
            }
            let Some(folder) = readable(store, *number, &plan.marks) else { continue };
            trash.take(&folder, &format!("build-{number}"))?;
            // What its publication left behind because it was killed.
            trash.take_if_there(&store.unsigned_build(*number), &format!("unsigned-{number}"))?;
            purged.builds.push(*number);
        }
    }
    let swept = sweep(store, &plan.marks, now)?;
    let locked = store.lock_now()?;
    write_index(store, &locked)?;
    drop(locked);
    let mut finished = swept.finished;
    finished.retain(|number| !purged.builds.contains(number));
    Ok(Purged { objects: swept.objects, bytes: swept.bytes, finished, ..purged })
}

/// The folder of a build whose lists can be read. What cannot be read cannot be swept, so it stays where it is.
fn readable(store: &Store, number: BuildNumber, marks: &Marks) -> Option<PathBuf> {
    let known = look(store, number, |place, folder| Key::read(folder, number, Lists::of(place)));
    match known {
        Ok((_, folder, (key, _))) if marks.knows(&key) => Some(folder),
        Ok(_) | Err(_) => find(store, number).ok().map(|found| found.folder),
    }
}

/// Moves what only purged builds referred to into the trash: of this purge, and of any that was killed before its sweep.
///
/// Marks that were made before are used as far as they are still true.
pub(super) fn sweep(store: &Store, known: &Marks, now: Timestamp) -> Result<Purged, RetentionError> {
    let mut swept = Purged::default();
    let builds = dead(store)?;
    if builds.is_empty() {
        return Ok(swept);
    }
    let mut marks = if known.is_of(&builds) { known.clone() } else { Marks::of(store, &[], &builds)? };
    // Read while others may still work; under the lock there is little to read then.
    marks.renew(store, &BTreeSet::new())?;
    let trash = Trash::new(store, now, "sweep")?;
    let locked = store.lock_now()?;
    let leased = store.leased(&locked)?;
    marks.renew(store, &BTreeSet::new())?;
    let pool = store.root().join("pool");
    for (path, objects) in marks.names() {
        if !objects.iter().all(|hash| leased.contains(hash)) {
            let name = pool.join(path);
            remove(&name)?;
            prune(&name, &pool);
        }
    }
    for object in marks.objects().filter(|object| !leased.contains(&object.hash)) {
        if trash.take_if_there(&store.object(&object.hash), &object.hash.hex())? {
            swept.objects += 1;
            swept.bytes += object.size;
        }
    }
    let held: BTreeSet<Sha256> = leased.into_iter().filter(|hash| marks.has_candidate(hash)).collect();
    // Under the lock, so that nobody writes into a batch that another purge has led away to delete it.
    for build in &builds {
        // What a running operation holds may be nobody's when that ends: the next purge looks again.
        if !build.names_any(&held) {
            let mark = build.folder.join(SWEPT);
            // Another purge may have swept it as well and emptied the trash since.
            fs::write(&mark, "").or_else(ignore_missing).map_err(StoreError::io("writing", &mark))?;
            swept.finished.push(build.number);
        }
    }
    drop(locked);
    Ok(swept)
}

/// What must stay.
pub(super) struct Living {
    pub(super) leased: BTreeSet<Sha256>,
    pub(super) objects: BTreeSet<Sha256>,
    /// Below the pool.
    pub(super) paths: BTreeSet<Box<str>>,
}

impl Living {
    pub(super) fn read(store: &Store, locked: &Locked) -> Result<Self, RetentionError> {
        let leased = store.leased(locked)?;
        let mut living = Self { objects: leased.clone(), leased, paths: BTreeSet::new() };
        for number in staying(store, &BTreeSet::new())? {
            match find(store, number) {
                Ok(found) => living.add(found.place, &found.held.manifest),
                // Somebody else has taken it away since the folder was read.
                Err(RetentionError::Unknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(living)
    }

    fn add(&mut self, place: Place, manifest: &Manifest) {
        for file in manifest.files() {
            match (place, file.area) {
                (Place::Archived, Area::Pool) => {}
                (Place::Live | Place::Unsigned, Area::Pool) => {
                    self.objects.insert(file.hash);
                    self.paths.insert(file.path.as_str().into());
                }
                (Place::Live | Place::Archived | Place::Unsigned, Area::Tree) => {
                    self.objects.insert(file.hash);
                }
            }
        }
    }
}

/// A build that was purged, and whose objects were not swept.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) number: BuildNumber,
    pub(super) folder: PathBuf,
}

pub(super) fn dead(store: &Store) -> Result<Vec<Dead>, StoreError> {
    let dead = |folder: PathBuf| Some(Dead { number: number_of(&folder)?, folder });
    Ok(unswept(store)?.into_iter().filter_map(dead).collect())
}

impl Dead {
    pub(super) fn key(&self) -> Option<Key> {
        let read = |lists| Key::read(&self.folder, self.number, lists);
        read(Lists::All).or_else(|_| read(Lists::Bare)).ok().map(|(key, _)| key)
    }

    fn files(&self) -> Vec<FileEntry> {
        // Of one that could not be read when it was purged nothing is known, and nothing of it is taken away.
        let held = Held::read_in(&self.folder, self.number);
        let held = held.or_else(|_| Held::read_bare(&self.folder, self.number));
        held.map_or_else(|_| Vec::new(), |held| held.manifest.files().to_vec())
    }

    fn names_any(&self, objects: &BTreeSet<Sha256>) -> bool {
        !objects.is_empty() && self.files().iter().any(|file| objects.contains(&file.hash))
    }
}

/// The files of builds that lie in the trash and were not swept yet. An archived build keeps its indexes, so only its pool
/// files can be dead; the mark of [`super::archive`] stands in the trash like a build.
pub(crate) fn dead_files(store: &Store) -> Result<Vec<FileEntry>, StoreError> {
    Ok(dead(store)?.iter().flat_map(Dead::files).collect())
}

/// Folders of builds in the trash whose objects were not swept.
pub(crate) fn unswept(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = builds_in_trash(store)?;
    folders.retain(|folder| !folder.join(SWEPT).exists());
    Ok(folders)
}

/// Builds that were purged, as long as they lie in the trash.
pub(super) fn in_trash(store: &Store) -> Result<BTreeSet<BuildNumber>, StoreError> {
    Ok(builds_in_trash(store)?.iter().filter_map(|folder| number_of(folder)).collect())
}

fn builds_in_trash(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = Vec::new();
    for batch in batches(store)? {
        folders.extend(list(&batch)?.into_iter().filter(|folder| number_of(folder).is_some()));
    }
    folders.sort();
    Ok(folders)
}

/// Of a folder in a batch of the trash.
fn number_of(folder: &Path) -> Option<BuildNumber> {
    folder.file_name()?.to_str()?.strip_prefix("build-")?.parse().ok()
}

/// What lies in the trash, without what is just being deleted.
fn batches(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut batches = list(&store.trash())?;
    batches.retain(|batch| !batch.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b".tmp-"));
    Ok(batches)
}

/// Stands in the folder of a purged build once its objects were swept.
pub(super) const SWEPT: &str = ".swept";

/// Deletes what lies in the trash for longer than the grace period, for good. An object that a build refers to again goes
/// back to its place.
pub fn empty_trash(store: &Store, grace: SignedDuration, now: Timestamp) -> Result<u64, RetentionError> {
    empty(store, ripe(store, grace, now)?)
}

/// The same with what nobody was promised to get back. A build that was purged or archived, and what only it referred to, is
/// kept in the trash for its time.
pub(crate) fn empty_unpromised(
    store: &Store,
    age: SignedDuration,
    now: Timestamp,
) -> Result<u64, RetentionError> {
    let mut batches = ripe(store, age, now)?;
    batches.retain(|batch| {
        let name = batch.file_name().unwrap_or_default().to_string_lossy();
        name.split('-').nth(1).is_some_and(|what| !PROMISED.contains(&what))
    });
    empty(store, batches)
}

/// Whose batches [`super::bring_back`] and [`super::restore`] need.
const PROMISED: [&str; 3] = ["purge", "archive", "sweep"];

fn empty(store: &Store, batches: Vec<PathBuf>) -> Result<u64, RetentionError> {
    let mut freed = 0;
    let unswept = unswept(store)?;
    let mut ripe = batches;
    // Only there it stands what its builds referred to.
    ripe.retain(|batch| !unswept.iter().any(|build| build.starts_with(batch)));
    let mut objects = BTreeSet::new();
    for batch in &ripe {
        objects.extend(objects_in(batch)?.into_iter().map(|(hash, _)| hash));
    }
    let mut marks = Marks::of_objects(&objects);
    for batch in ripe {
        let Some(doomed) = set_aside(store, &batch, &mut marks)? else { continue };
        freed += size_below(&doomed);
        fs::remove_dir_all(&doomed).or_else(ignore_missing).map_err(StoreError::io("removing", &doomed))?;
    }
    Ok(freed)
}

/// A batch under a name by which no other purge finds it, so that nobody writes into what is being deleted. Nothing, if
/// another was faster.
fn set_aside(store: &Store, batch: &Path, marks: &mut Marks) -> Result<Option<PathBuf>, RetentionError> {
    let locked = store.lock_now()?;
    put_back(store, batch, marks, &locked)?;
    let doomed = store.trash().join(format!(".tmp-{}", unique()));
    match fs::rename(batch, &doomed) {
        Ok(()) => Ok(Some(doomed)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("renaming to", &doomed)(error).into()),
    }
}

/// What a purge that was killed had begun is ended.
pub(crate) fn finish_sweep(store: &Store, now: Timestamp) -> Result<(), RetentionError> {
    sweep(store, &Marks::default(), now).map(drop)
}

/// The batches of the trash whose time is over. One that another process is filling is not.
pub(crate) fn ripe(
    store: &Store,
    grace: SignedDuration,
    now: Timestamp,
) -> Result<Vec<PathBuf>, RetentionError> {
    let mut batches = batches(store)?;
    batches.retain(|batch| {
        let name = batch.file_name().unwrap_or_default().to_string_lossy();
        let is_over = since(&name).is_some_and(|since| now.duration_since(since) >= grace);
        is_over && maker(batch) != Maker::Living
    });
    Ok(batches)
}

/// When a batch was taken away: its name begins with seconds since 1970, or with a date that people read.
pub(super) fn since(name: &str) -> Option<Timestamp> {
    let stamp = name.split('-').next()?;
    if let Ok(seconds) = stamp.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Objects of a batch that are referred to return to their place.
fn put_back(store: &Store, batch: &Path, marks: &mut Marks, locked: &Locked) -> Result<(), RetentionError> {
    let leased = store.leased(locked)?;
    let objects = objects_in(batch)?;
    if !objects.iter().all(|(hash, _)| marks.has_candidate(hash)) {
        // What has come into it since it was listed.
        *marks = Marks::of_objects(&objects.iter().map(|(hash, _)| *hash).collect());
    }
    marks.renew(store, &BTreeSet::new())?;
    for (hash, path) in objects {
        if (marks.refers_to(&hash) || leased.contains(&hash)) && !store.has(&hash) {
            return_object(store, &path, &hash)?;
        }
    }
    Ok(())
}

/// The objects that lie in a batch, and where.
fn objects_in(batch: &Path) -> Result<Vec<(Sha256, PathBuf)>, StoreError> {
    let object = |path: PathBuf| Some((path.file_name()?.to_str()?.parse().ok()?, path));
    Ok(list(batch)?.into_iter().filter_map(object).collect())
}

/// Looks for an object in the trash and puts it back.
pub(super) fn from_trash(store: &Store, hash: &Sha256) -> Result<bool, RetentionError> {
    for batch in batches(store)? {
        let path = batch.join(hash.hex());
        if path.exists() && return_object(store, &path, hash)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it was still there.
fn return_object(store: &Store, from: &Path, hash: &Sha256) -> Result<bool, RetentionError> {
    let to = store.object(hash);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io("making", folder))?;
    }
    match rename_new(from, &to) {
        Ok(()) => Ok(true),
        // A run beside us has brought it anew; names may be links to that.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
        // A purge beside us has just deleted it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("renaming to", &to)(error).into()),
    }
}

/// One batch of things that were taken away at the same time.
pub(super) struct Trash {
    folder: PathBuf,
}

impl Trash {
    pub(super) fn new(store: &Store, now: Timestamp, what: &str) -> Result<Self, RetentionError> {
        let folder = store.trash().join(format!("{}-{what}-{}", now.as_second(), unique()));
        fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
        Ok(Self { folder })
    }

    pub(super) fn folder_of(&self, name: &str) -> Result<PathBuf, RetentionError> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
        Ok(folder)
    }

    pub(super) fn take(&self, path: &Path, name: &str) -> Result<(), RetentionError> {
        let to = self.folder.join(name);
        Ok(fs::rename(path, &to).map_err(StoreError::io("renaming to", &to))?)
    }

    pub(super) fn take_if_there(&self, path: &Path, name: &str) -> Result<bool, RetentionError> {
        let to = self.folder.join(name);
        match fs::rename(path, &to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("renaming to", &to)(error).into()),
        }
    }
}

/// What lies in a folder; nothing where it is gone.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(StoreError::io("reading", folder)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(StoreError::io("reading", folder))?;
    paths.sort();
    Ok(paths)
}

pub(super) fn remove(path: &Path) -> Result<(), RetentionError> {
    Ok(fs::remove_file(path).or_else(ignore_missing).map_err(StoreError::io("removing", path))?)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Folders of the pool that have become empty.
pub(super) fn prune(path: &Path, root: &Path) {
    let mut folder = path.parent();
    while let Some(one) = folder.filter(|one| *one != root && one.starts_with(root)) {
        // It is not empty, or somebody else was faster: both are well.
        if fs::remove_dir(one).is_err() {
            return;
        }
        folder = one.parent();
    }
}

fn size_below(path: &Path) -> u64 {
    let Ok(there) = fs::symlink_metadata(path) else { return 0 };
    if there.is_dir() {
        return list(path).unwrap_or_default().iter().map(|entry| size_below(entry)).sum();
    }
    use std::os::unix::fs::MetadataExt as _;
    // Another name of the same content keeps its bytes.
    if there.nlink() == 1 { there.len() } else { 0 }
}
