//! Files on first use: a client asks for one that is not here, and it is fetched while the client waits.
//!
//! However many ask, each file is fetched once at a time. A client gets it only when it is whole and has its signed hash.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use crate::fetch::{Fetcher, ObjectError, Silent};
use crate::hash::Sha256;
use crate::lazy::left::{Left, left_at_upstream};
use crate::mirror::Held;
use crate::name::{BuildNumber, RelPath};
use crate::store::{Store, StoreError};

/// As many as one client of a mirror may have: upstreams tolerate it, and it fills any line.
const AT_A_TIME: usize = 16;

/// apt gives up on a server that sends nothing for 30 s; before that it is told to come again.
const PATIENCE: Duration = Duration::from_secs(25);

/// For how long a failure is told without asking the upstream again: a fleet asks for the same file within minutes.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Failures that are remembered; with more, the oldest state is forgotten and upstreams are asked again.
const REMEMBERED_MAX: usize = 10_000;

/// What became of a request for a file that was not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// It is here now.
    Here,
    /// No build of this store has a file of this name at an upstream.
    Unknown,
    /// The upstream no longer has it, or has something else under its name.
    Gone,
    /// The upstream cannot be reached, or is in trouble.
    Unreachable,
    /// It is on its way.
    Coming,
    /// This store cannot take it.
    NoRoom,
}

/// Brings files when they are asked for.
#[derive(Debug, Clone)]
pub struct Demand {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    fetcher: Fetcher,
    catalog: Mutex<Arc<Catalog>>,
    /// Held while the lists of builds are read: they are large, and a fleet asks all at once.
    reading: Mutex<()>,
    running: Mutex<BTreeMap<Sha256, watch::Receiver<Option<Brought>>>>,
    failed: Mutex<HashMap<Sha256, (Instant, Brought)>>,
    places: Semaphore,
}

/// Everything that builds of the store left at their upstreams.
#[derive(Debug, Default)]
struct Catalog {
    /// The builds that were looked at.
    builds: Vec<BuildNumber>,
    by_name: HashMap<String, Arc<Left>>,
    by_hash: HashMap<Sha256, Arc<Left>>,
}

/// How a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Name(String),
    Hash(Sha256),
}

impl Demand {
    pub fn new(store: &Store, fetcher: Fetcher) -> Self {
        let inner = Inner {
            store: store.clone(),
            fetcher,
            catalog: Mutex::default(),
            reading: Mutex::new(()),
            running: Mutex::default(),
            failed: Mutex::default(),
            places: Semaphore::new(AT_A_TIME),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Brings the file that a path of the store names, if it is one that was left at an upstream.
    pub async fn bring(&self, path: &RelPath) -> Brought {
        let Some(key) = key_of(path.as_str()) else { return Brought::Unknown };
        let inner = Arc::clone(&self.inner);
        let found = tokio::task::spawn_blocking(move || inner.find(&key)).await;
        let Some(left) = found.unwrap_or(Ok(None)).unwrap_or(None) else { return Brought::Unknown };
        if let Some(brought) = self.inner.failure(&left.hash) {
            return brought;
        }
        let mut coming = self.inner.begin(left);
        match tokio::time::timeout(PATIENCE, coming.wait_for(Option::is_some)).await {
            Ok(Ok(brought)) => brought.unwrap_or(Brought::Unreachable),
            // The one who fetched it has ended without a word.
            Ok(Err(_)) => Brought::Unreachable,
            Err(_) => Brought::Coming,
        }
    }
}

impl Inner {
    /// Looks it up; builds that came since the last look are looked at now.
    fn find(&self, key: &Key) -> Result<Option<Arc<Left>>, StoreError> {
        let builds = self.store.builds_present()?;
        let known = || Some(Arc::clone(&lock(&self.catalog))).filter(|known| known.builds == builds);
        if let Some(known) = known() {
            return Ok(known.find(key));
        }
        let _reading = lock(&self.reading);
        // Somebody else may have read them while we waited.
        if let Some(known) = known() {
            return Ok(known.find(key));
        }
        let catalog = Arc::new(Catalog::read(&self.store, builds));
        let found = catalog.find(key);
        *lock(&self.catalog) = catalog;
        Ok(found)
    }

    fn failure(&self, hash: &Sha256) -> Option<Brought> {
        let mut failed = lock(&self.failed);
        match failed.get(hash) {
            Some((at, brought)) if at.elapsed() < REMEMBERED => Some(*brought),
            Some(_) => failed.remove(hash).and(None),
            None => None,
        }
    }

    /// The fetch of this file that is running, or a new one. It goes on when its client has left.
    fn begin(self: &Arc<Self>, left: Arc<Left>) -> watch::Receiver<Option<Brought>> {
        let mut running = lock(&self.running);
        if let Some(coming) = running.get(&left.hash) {
            return coming.clone();
        }
        let (done, coming) = watch::channel(None);
        running.insert(left.hash, coming.clone());
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let (hash, fetching) = (left.hash, Arc::clone(&inner));
            let _place = inner.places.acquire().await;
            let brought = tokio::task::spawn_blocking(move || fetching.fetch(&left)).await;
            let brought = brought.unwrap_or(Brought::Unreachable);
            if brought != Brought::Here {
                inner.remember(hash, brought);
            }
            // Whoever comes after this finds the file, or the failure.
            lock(&inner.running).remove(&hash);
            done.send_replace(Some(brought));
        });
        coming
    }

    fn fetch(&self, left: &Left) -> Brought {
        match self.try_fetch(left) {
            Ok(Ok(())) => Brought::Here,
            Ok(Err(errors)) if errors.iter().all(ObjectError::is_gone) => Brought::Gone,
            Ok(Err(errors)) if errors.iter().any(ObjectError::is_ours) => Brought::NoRoom,
            Ok(Err(_)) => Brought::Unreachable,
            Err(_) => Brought::NoRoom,
        }
    }

    fn try_fetch(&self, left: &Left) -> Result<Result<(), Vec<ObjectError>>, StoreError> {
        let lease = self.store.lease([left.hash])?;
        let intake = self.store.intake()?;
        if let Err(errors) = self.fetcher.objects(&[left.want()], &intake, &Silent) {
            return Ok(Err(errors));
        }
        intake.settle()?;
        left.link(&self.store)?;
        drop(lease);
        Ok(Ok(()))
    }

    fn remember(&self, hash: Sha256, brought: Brought) {
        let mut failed = lock(&self.failed);
        if failed.len() >= REMEMBERED_MAX {
            failed.clear();
        }
        failed.insert(hash, (Instant::now(), brought));
    }
}

impl Catalog {
    fn read(store: &Store, builds: Vec<BuildNumber>) -> Self {
        let mut catalog = Self::default();
        for number in &builds {
            // One that cannot be read leaves nothing that could be found.
            let is_lazy = Held::info(store, *number).is_ok_and(|info| info.lazy_count > 0);
            let Some(held) = is_lazy.then(|| Held::read(store, *number).ok()).flatten() else { continue };
            for left in left_at_upstream(&held.info, &held.manifest) {
                let left = Arc::new(left);
                catalog.by_hash.insert(left.hash, Arc::clone(&left));
                for (upstream, path) in &left.names {
                    catalog.by_name.insert(format!("{upstream}/{path}"), Arc::clone(&left));
                }
            }
        }
        catalog.builds = builds;
        catalog
    }

    fn find(&self, key: &Key) -> Option<Arc<Left>> {
        match key {
            Key::Name(name) => self.by_name.get(name).cloned(),
            Key::Hash(hash) => self.by_hash.get(hash).cloned(),
        }
    }
}

/// Clients ask below a build, a channel or what it leads to, other programs for the pool itself, mirrors for objects.
fn key_of(path: &str) -> Option<Key> {
    let (first, rest) = path.split_once('/')?;
    match first {
        "pool" => Some(Key::Name(rest.to_owned())),
        "builds" | "channels" | "views" => {
            let (_, rest) = rest.split_once('/')?;
            let (upstream, rest) = rest.split_once('/')?;
            Some(Key::Name(format!("{upstream}/{}", rest.strip_prefix("pool/")?)))
        }
        "objects" => rest.strip_prefix("sha256/")?.replacen('/', "", 1).parse().ok().map(Key::Hash),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
