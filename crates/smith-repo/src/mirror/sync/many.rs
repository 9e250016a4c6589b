//! Many mirrors at the same time, each with its own outcome.

use crate::fetch::{Fetcher, Limits, Progress, chain};
use crate::mirror::log::Outcome;
use crate::mirror::registry::{Mirror, Place};
use crate::mirror::sync::{Check, Mode, Pull, SyncError, base_url, builds_at, sync};
use crate::name::{BuildNumber, MirrorName};
use crate::store::{Store, StoreError};

/// A mirror that is brought up to date.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: MirrorName,
    pub store: Store,
    pub sources: Vec<String>,
    pub limits: Limits,
}

impl Target {
    /// What the registry says of a mirror, with its store, which is made if it is not there. A bucket is no store: `None`.
    pub fn of(site: &Store, mirror: &Mirror, limits: &Limits) -> Result<Option<Self>, StoreError> {
        let Place::Directory { path } = &mirror.place else { return Ok(None) };
        let sources = match mirror.sources.as_slice() {
            [] => vec![site.root().display().to_string()],
            sources => sources.to_vec(),
        };
        let bandwidth = mirror.bandwidth.or(limits.bandwidth);
        let limits = Limits { bandwidth, ..limits.clone() };
        Ok(Some(Self { name: mirror.name.clone(), store: Store::create(path)?, sources, limits }))
    }
}

/// Which builds a mirror should have.
#[derive(Debug, Clone)]
pub enum Which {
    /// All that its first source has.
    All,
    Listed(Vec<BuildNumber>),
}

/// Mirrors at a time: each has its own connections, and all share one line.
const AT_ONCE: usize = 8;

/// Brings these builds to all mirrors. What fails on one does not hold up the others.
pub fn sync_all(
    targets: &[Target],
    which: &Which,
    mode: Mode,
    check: Check<'_>,
    progress: &dyn Progress,
    done: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            for outcome in one(target, which, mode, check, progress) {
                done(&outcome);
                outcomes.push(outcome);
            }
        }
        outcomes
    };
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..targets.len().min(AT_ONCE)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    outcomes.sort_by(|a, b| (&a.mirror, a.build).cmp(&(&b.mirror, b.build)));
    outcomes
}

fn one<'a>(
    target: &'a Target,
    which: &'a Which,
    mode: Mode,
    check: Check<'a>,
    progress: &'a dyn Progress,
) -> Box<dyn Iterator<Item = Outcome> + 'a> {
    let bad = |error: &SyncError| Box::new(std::iter::once(Outcome::bad(&target.name, None, chain(error))));
    let fetcher = match Fetcher::new(target.limits.clone()) {
        Ok(fetcher) => fetcher,
        Err(error) => return bad(&error.into()),
    };
    let builds = match which {
        Which::Listed(builds) => builds.clone(),
        Which::All => match available(&fetcher, target) {
            Ok(builds) => builds,
            Err(error) => return bad(&error),
        },
    };
    Box::new(builds.into_iter().map(move |build| {
        let Target { name, store, sources, .. } = target;
        let pull = Pull { store, fetcher: &fetcher, sources, check, progress };
        match sync(&pull, build, mode) {
            Ok(synced) => Outcome::good(name, &synced),
            Err(error) => Outcome::bad(name, Some(build), chain(&error)),
        }
    }))
}

/// What the source has and the mirror has not.
fn available(fetcher: &Fetcher, target: &Target) -> Result<Vec<BuildNumber>, SyncError> {
    let Some(source) = target.sources.first() else { return Ok(Vec::new()) };
    let mut builds = builds_at(fetcher, &base_url(source))?;
    let held = target.store.builds_present()?;
    builds.retain(|build| held.binary_search(build).is_err());
    Ok(builds)
}
