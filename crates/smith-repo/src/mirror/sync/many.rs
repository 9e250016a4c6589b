//! Many mirrors at the same time, each with its own outcome.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::fetch::{Fetcher, Limits, Progress, chain};
use crate::mirror::log::{Action, Outcome};
use crate::mirror::record::{folder_of, record_begun, seen_at};
use crate::mirror::registry::{Mirror, Place};
use crate::mirror::sync::{Check, Coming, Mode, Pull, Synced, base_url, builds_at, sync_after};
use crate::mirror::turn::Turn;
use crate::mirror::{Keys, Push, S3, S3Error, StatusError};
use crate::name::{BuildNumber, MirrorName};
use crate::store::{Store, StoreError};

/// A mirror that is brought up to date.
#[derive(Debug)]
pub struct Target {
    pub name: MirrorName,
    pub reach: Reach,
    pub sources: Vec<String>,
    pub limits: Limits,
}

/// How a mirror is written to.
#[derive(Debug)]
pub enum Reach {
    Store(Store),
    /// It is given what the site has.
    Bucket {
        bucket: Box<S3>,
        site: Store,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    #[error("mirror {name}: expected its store at {}, where it was at {at}, found nothing; is it mounted?", .path.display())]
    Gone { name: MirrorName, path: PathBuf, at: Timestamp },
    #[error(transparent)]
    Record(#[from] StatusError),
}

/// What to do about a store that was there and is not: a disk that is not mounted must not be filled into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    No,
    /// It is lost and begins again.
    Yes,
}

/// How a mirror is opened, and when.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    pub anew: Anew,
    pub mode: Mode,
    pub now: Timestamp,
}

impl Target {
    /// What the registry says of a mirror, with its store, which is made if it is not there, but not by a dry run. The
    /// site's own store is the last of its sources.
    pub fn of(
        site: &Store,
        mirror: &Mirror,
        limits: &Limits,
        keys: &Keys,
        opening: Opening,
    ) -> Result<Self, TargetError> {
        let Opening { anew, mode, now } = opening;
        let bandwidth = mirror.bandwidth.or(limits.bandwidth);
        let reach = match &mirror.place {
            Place::S3(bucket) => {
                let bucket = Box::new(S3::open(bucket, keys)?.limited(bandwidth));
                Reach::Bucket { bucket, site: site.clone() }
            }
            Place::Directory { path } => {
                let store = Store::planned(path)?;
                if anew == Anew::No && !store.marker().exists() {
                    let name = mirror.name.clone();
                    if let Some(at) = seen_at(&folder_of(site, &name))? {
                        return Err(TargetError::Gone { name, path: path.clone(), at });
                    }
                }
                Reach::Store(match mode {
                    Mode::Do => {
                        let store = Store::create(path)?;
                        record_begun(site, &mirror.name, now)?;
                        store
                    }
                    Mode::DryRun => store,
                })
            }
        };
        let mut sources = mirror.sources.clone();
        sources.push(site.root().display().to_string());
        let limits = Limits { bandwidth, ..limits.clone() };
        Ok(Self { name: mirror.name.clone(), reach, sources, limits })
    }

    /// The builds that are there whole.
    pub fn held(&self) -> Result<Vec<BuildNumber>, TargetError> {
        match &self.reach {
            // One that is only planned has nothing.
            Reach::Store(store) if !store.builds().exists() => Ok(Vec::new()),
            Reach::Store(store) => Ok(store.builds_present()?),
            Reach::Bucket { bucket, .. } => Ok(bucket.builds()?),
        }
    }
}

/// Which builds a mirror should have.
#[derive(Debug, Clone)]
pub enum Which {
    /// All that its first source has.
    All,
    /// Those of these that it lacks.
    Lacking(Vec<BuildNumber>),
    /// These; of what it has it is seen that it is the same.
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
    let run = Run { mode, check, progress, done };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            outcomes.extend(one(target, which, run));
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

/// What is the same for all of them.
#[derive(Clone, Copy)]
struct Run<'a> {
    mode: Mode,
    check: Check<'a>,
    progress: &'a dyn Progress,
    done: &'a (dyn Fn(&Outcome) + Sync),
}

fn one(target: &Target, which: &Which, run: Run<'_>) -> Vec<Outcome> {
    let tell = |outcome: Outcome| {
        (run.done)(&outcome);
        outcome
    };
    let bad = |why: String| vec![tell(Outcome::bad(&target.name, Action::Sync, None, why))];
    let fetcher = match Fetcher::new(target.limits.clone()) {
        Ok(fetcher) => fetcher,
        Err(error) => return bad(chain(&error)),
    };
    let builds = match builds(&fetcher, target, which) {
        Ok(builds) => builds,
        Err(why) => return bad(why),
    };
    let mut bring: Box<dyn FnMut(BuildNumber) -> Result<Synced, String>> = match &target.reach {
        Reach::Store(store) => {
            let Run { mode, check, progress, .. } = run;
            let mut coming = Coming::default();
            Box::new(move |build| {
                let pull = Pull { store, fetcher: &fetcher, sources: &target.sources, check, progress };
                sync_after(&pull, build, mode, &mut coming).map_err(|error| chain(&error))
            })
        }
        Reach::Bucket { bucket, site } => {
            let turn = match run.mode {
                Mode::DryRun => None,
                Mode::Do => match Turn::to_bring(site, &target.name) {
                    Ok(turn) => Some(turn),
                    Err(error) => return bad(chain(&error)),
                },
            };
            let push = Push { source: site, check: run.check, mode: run.mode, progress: run.progress };
            let mut coming = BTreeSet::new();
            Box::new(move |build| {
                let _held = &turn;
                bucket.push_after(&push, build, &mut coming).map_err(|error| chain(&error))
            })
        }
    };
    let mut bring = |build| match run.progress.is_called_off() {
        true => Err("called off".to_owned()),
        false => bring(build),
    };
    let outcome = |build: BuildNumber| match bring(build) {
        Ok(synced) => tell(Outcome::good(&target.name, &synced)),
        Err(why) => tell(Outcome::bad(&target.name, Action::Sync, Some(build), why)),
    };
    builds.into_iter().map(outcome).collect()
}

fn builds(fetcher: &Fetcher, target: &Target, which: &Which) -> Result<Vec<BuildNumber>, String> {
    let lacking = |mut builds: Vec<BuildNumber>| {
        let held = target.held().map_err(|error| chain(&error))?;
        builds.retain(|build| held.binary_search(build).is_err());
        Ok(builds)
    };
    match which {
        Which::Listed(builds) => Ok(builds.clone()),
        Which::Lacking(builds) => lacking(builds.clone()),
        Which::All => {
            let Some(source) = target.sources.first() else { return Ok(Vec::new()) };
            lacking(builds_at(fetcher, &base_url(source)).map_err(|error| chain(&error))?)
        }
    }
}
