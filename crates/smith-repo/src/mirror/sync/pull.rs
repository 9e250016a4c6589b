//! One build from a source into a store.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::fetch::{Fetcher, Progress, Want, encoded};
use crate::hash::Sha256;
use crate::lazy::left_at_upstream;
use crate::manifest::{FileEntry, Manifest};
use crate::mirror::held::INFO;
use crate::mirror::objects::Objects;
use crate::mirror::s3::Naming;
use crate::mirror::stale;
use crate::mirror::sync::SyncError;
use crate::mirror::sync::apart::check_signed;
use crate::mirror::sync::lists::{Lists, Place, Shape, base_url, folder_of, write_index};
use crate::mirror::sync::local::link_from;
use crate::mirror::sync::room::Coming;
use crate::mirror::sync::tree::{link_pool, raise, upstreams};
use crate::name::BuildNumber;
use crate::store::{Layout, Store, StoreError, sync_file_system};

/// Says whose signature of `build.json` this is, or why it is none.
pub type Check<'a> = &'a (dyn Fn(&[u8], &[u8]) -> Result<Vec<String>, String> + Sync);

/// How builds come into a store.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    pub store: &'a Store,
    pub fetcher: &'a Fetcher,
    /// Addresses or paths of other stores; the first that has the build says what it is, all of them give objects.
    pub sources: &'a [String],
    pub check: Check<'a>,
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Pull<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull")
            .field("store", &self.store)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Do,
    /// Only says what would be done; writes nothing.
    DryRun,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    WasWhole,
    Came,
    WouldCome,
}

/// What a sync did, or would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Synced {
    pub build: BuildNumber,
    pub state: State,
    /// Objects of the build, and those of them that were not here.
    pub objects: u64,
    pub missing: u64,
    pub bytes: u64,
    pub missing_bytes: u64,
    pub signers: Vec<String>,
    pub took: Duration,
}

/// Brings one build. Interrupted anywhere, the next run goes on with what is there.
pub fn sync(pull: &Pull<'_>, build: BuildNumber, mode: Mode) -> Result<Synced, SyncError> {
    sync_after(pull, build, mode, &mut Coming::default())
}

/// The same, where a dry run has said of other objects that they would come: they are not counted again.
pub(crate) fn sync_after(
    pull: &Pull<'_>,
    build: BuildNumber,
    mode: Mode,
    coming: &mut Coming,
) -> Result<Synced, SyncError> {
    let began = Instant::now();
    let places = places(pull, build);
    if pull.store.build(build).exists() {
        compare(pull.store, build, &places)?;
        if mode == Mode::Do {
            // A run that was killed when the build had just appeared may have left the list of builds behind.
            stale::clear(&stale::folders(pull.store))?;
            write_index(pull.store, &pull.store.lock_now()?)?;
        }
        return Ok(Synced::of(build, State::WasWhole, began));
    }
    if mode == Mode::DryRun {
        return would_sync(pull, build, coming);
    }
    let (lists, sizes, mut synced) = ask(pull, build, &places)?;
    let pools = upstreams(build, &lists.manifest)?;
    let _lease = pull.store.lease(sizes.keys().copied())?;
    stale::clear(&stale::folders(pull.store))?;
    bring(pull, &places, &lists, &sizes, &mut synced)?;
    check_signed(pull.store, &lists.info, &lists.manifest, pull.check)?;
    link_pool(pull.store, &lists.manifest, lists.base.as_ref().map(|base| &base.manifest))?;
    let rising = raise(pull.store, build, &lists.manifest, &lists.files, &pools)?;
    sync_file_system(pull.store.root())?;
    appear(pull.store, build, &rising.folder, &lists)?;
    write_index(pull.store, &pull.store.lock_now()?)?;
    synced.state = State::Came;
    synced.took = began.elapsed();
    Ok(synced)
}

/// What a build would cost that is not here, or that has to come anew.
pub(crate) fn would_sync(
    pull: &Pull<'_>,
    build: BuildNumber,
    coming: &mut Coming,
) -> Result<Synced, SyncError> {
    let began = Instant::now();
    let (_, sizes, mut synced) = ask(pull, build, &places(pull, build))?;
    let mut missing = missing(pull.store, &sizes)?;
    missing.retain(|(hash, _)| coming.objects.insert(*hash));
    synced.count(&missing);
    let places = places(pull, build);
    coming.fits(pull.store, build, (&missing, &folders(&places)))?;
    synced.took = began.elapsed();
    Ok(synced)
}

/// Those of the places that are folders here.
fn folders(places: &[Place<'_>]) -> Vec<PathBuf> {
    places.iter().filter_map(|place| folder_of(&place.url)).collect()
}

fn places<'a>(pull: &Pull<'a>, build: BuildNumber) -> Vec<Place<'a>> {
    let place = |source: &String| Place { fetcher: pull.fetcher, url: base_url(source), build };
    pull.sources.iter().map(place).collect()
}

/// The lists of a build, and its objects with their sizes.
fn ask(
    pull: &Pull<'_>,
    build: BuildNumber,
    places: &[Place<'_>],
) -> Result<(Lists, BTreeMap<Sha256, u64>, Synced), SyncError> {
    let began = Instant::now();
    let lists = first(build, places, |place| place.lists(pull.store, pull.check))?;
    upstreams(build, &lists.manifest)?;
    let sizes = sizes(build, &lists.manifest)?;
    let synced = Synced {
        objects: sizes.len() as u64,
        bytes: sizes.values().sum(),
        signers: lists.signers.clone(),
        ..Synced::of(build, State::WouldCome, began)
    };
    Ok((lists, sizes, synced))
}

/// The first place that knows the build decides; one that does not answer is passed over.
fn first<T>(
    build: BuildNumber,
    places: &[Place<'_>],
    ask: impl Fn(&Place<'_>) -> Result<T, SyncError>,
) -> Result<T, SyncError> {
    let mut worst = SyncError::NoSource { build };
    for (at, place) in places.iter().enumerate() {
        match ask(place) {
            Ok(found) => return Ok(found),
            // What the best source says is what a person wants to know.
            Err(error) if at == 0 => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

/// A build of the same number must be the same build.
fn compare(store: &Store, build: BuildNumber, places: &[Place<'_>]) -> Result<(), SyncError> {
    let path = store.build(build).join(INFO);
    let own = Sha256::of(&fs::read(&path).map_err(StoreError::io("reading", &path))?);
    let (place, found) = first(build, places, |place| Ok((place.url.clone(), place.info_hash()?)))?;
    if found != own {
        return Err(SyncError::Differs { build, place, expected: own, found });
    }
    Ok(())
}

/// Every object with its one size.
fn sizes(build: BuildNumber, manifest: &Manifest) -> Result<BTreeMap<Sha256, u64>, SyncError> {
    let mut sizes = BTreeMap::new();
    for file in manifest.files() {
        let expected = *sizes.entry(file.hash).or_insert(file.size);
        if expected != file.size {
            return Err(SyncError::Sizes { build, hash: file.hash, expected, found: file.size });
        }
    }
    Ok(sizes)
}

/// What is not here, found by one listing.
fn missing(store: &Store, sizes: &BTreeMap<Sha256, u64>) -> Result<Vec<(Sha256, u64)>, StoreError> {
    let here: HashSet<Sha256> = Objects::names(store)?.into_iter().collect();
    Ok(sizes.iter().filter(|(hash, _)| !here.contains(*hash)).map(|(hash, size)| (*hash, *size)).collect())
}

fn bring(
    pull: &Pull<'_>,
    places: &[Place<'_>],
    lists: &Lists,
    sizes: &BTreeMap<Sha256, u64>,
    synced: &mut Synced,
) -> Result<(), SyncError> {
    let intake = pull.store.intake()?;
    // What a killed run had brought counts as here.
    intake.settle()?;
    let missing = missing(pull.store, sizes)?;
    synced.count(&missing);
    Coming::default().fits(pull.store, synced.build, (&missing, &folders(places)))?;
    let mut wants = wants(places, &lists.manifest, synced.build, &missing);
    // A source need not have what it left at its upstream. A mirror is made whole, so it asks there in the end.
    let left =
        left_at_upstream(&lists.info, &lists.manifest).into_iter().map(|left| (left.hash, left.sources));
    let mut left: BTreeMap<Sha256, Vec<String>> = left.collect();
    for want in &mut wants {
        want.sources.extend(left.remove(&want.hash).unwrap_or_default());
    }
    for folder in folders(places) {
        wants = link_from(&folder, wants, &intake, pull.progress);
    }
    intake.settle()?;
    let fetched = pull.fetcher.objects(&wants, &intake, pull.progress);
    fetched.map_err(|failed| SyncError::Objects { build: synced.build, wanted: synced.missing, failed })
}

/// Each place is asked for the object, and then, since a copy may have no objects, for one of its names. A bucket has names
/// of its own and nothing else.
fn wants(
    places: &[Place<'_>],
    manifest: &Manifest,
    build: BuildNumber,
    missing: &[(Sha256, u64)],
) -> Vec<Want> {
    if missing.is_empty() {
        return Vec::new();
    }
    let mut names: BTreeMap<Sha256, &FileEntry> = BTreeMap::new();
    for file in manifest.files() {
        names.entry(file.hash).or_insert(file);
    }
    let shapes: Vec<(&Place<'_>, Shape)> = places.iter().map(|place| (place, place.shape())).collect();
    let (root, naming) = (Layout::new(Path::new("")), Naming::of(build, manifest));
    let want = |(hash, size): &(Sha256, u64)| {
        let file = names.get(hash);
        let name = file.and_then(|file| file.below(&root, build).to_str().map(encoded));
        let key = file.map(|file| encoded(&naming.key(file)));
        let object = Some(Layout::object_path(hash));
        let address = |place: &Place<'_>, path: &Option<String>| {
            path.as_ref().map(|path| format!("{}/{path}", place.url))
        };
        let first = shapes.iter().filter_map(|(place, shape)| match shape {
            Shape::Store => address(place, &object),
            Shape::Bucket => address(place, &key),
        });
        let stores = shapes.iter().filter(|(_, shape)| *shape == Shape::Store);
        let sources = first.chain(stores.filter_map(|(place, _)| address(place, &name))).collect();
        Want { hash: *hash, size: *size, sources }
    };
    missing.iter().map(want).collect()
}

/// Under the store's lock, so that a purge sees the build or our lease. The base may have been purged since its names in
/// the pool were counted on; then they are made anew.
fn appear(store: &Store, build: BuildNumber, folder: &Path, lists: &Lists) -> Result<(), StoreError> {
    let base = lists.base.as_ref().map(|base| store.build(base.info.number));
    let mut locked = store.lock_now()?;
    if base.is_some_and(|base| !base.exists()) {
        drop(locked);
        link_pool(store, &lists.manifest, None)?;
        sync_file_system(store.root())?;
        locked = store.lock_now()?;
    }
    let to = store.build(build);
    // Somebody else who brought the same build at the same time was faster.
    let appeared = if to.exists() { Ok(()) } else { store.appear(folder, &to) };
    drop(locked);
    appeared
}

impl Synced {
    pub(crate) fn of(build: BuildNumber, state: State, began: Instant) -> Self {
        Self {
            build,
            state,
            objects: 0,
            missing: 0,
            bytes: 0,
            missing_bytes: 0,
            signers: Vec::new(),
            took: began.elapsed(),
        }
    }

    fn count(&mut self, missing: &[(Sha256, u64)]) {
        self.missing = missing.len() as u64;
        self.missing_bytes = missing.iter().map(|(_, size)| size).sum();
    }
}
