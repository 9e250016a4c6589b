//! Many objects at once, each from the first of its sources that gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::fetch::download::Download;
use crate::fetch::error::Cause;
use crate::fetch::limits::pause;
use crate::fetch::queue::{Asked, Job, Queue};
use crate::fetch::source::Source;
use crate::fetch::{FetchError, Fetcher, ObjectError, Progress};
use crate::hash::Sha256;
use crate::store::{Intake, StoreError};

/// After so many bytes or files what came is brought to the disk: a kill then costs seconds of a fast line.
const SETTLE_BYTES: u64 = 256 << 20;
const SETTLE_FILES: u64 = 2_000;

/// Tries for one object in all: a line that breaks after every megabyte still brings the largest packages.
const ATTEMPTS_MAX: u32 = 200;

/// A try that brought so much was worth it, and the count of rounds begins anew.
const WORTH: u64 = 64 * 1024;

/// An origin that failed so often in a row is asked after the others.
const DOUBTED_AFTER: u32 = 8;

/// Four failures of each connection: it is down, and thousands of objects need not find that out one by one.
const GIVEN_UP_AFTER: u32 = 64;

/// Something that is to be in the store.
#[derive(Debug, Clone)]
pub struct Want {
    pub hash: Sha256,
    pub size: u64,
    /// Addresses, the best first.
    pub sources: Vec<String>,
}

struct Run<'a> {
    fetcher: &'a Fetcher,
    wants: &'a [Want],
    intake: &'a Intake<'a>,
    progress: &'a dyn Progress,
    queue: Queue,
    errors: Mutex<Vec<ObjectError>>,
    /// Failures in a row of each origin.
    failures: Mutex<BTreeMap<String, u32>>,
    unsettled_bytes: AtomicU64,
    unsettled_files: AtomicU64,
    settling: Mutex<()>,
}

impl Fetcher {
    /// Brings everything wanted into the store. What fails does not hold up the rest; the errors say what and why.
    pub fn objects(
        &self,
        wants: &[Want],
        intake: &Intake<'_>,
        progress: &dyn Progress,
    ) -> Result<(), Vec<ObjectError>> {
        let mut seen = BTreeSet::new();
        let mut jobs: Vec<usize> = (0..wants.len()).filter(|at| seen.insert(wants[*at].hash)).collect();
        jobs.retain(|at| !intake.has(&wants[*at].hash));
        progress.begin(jobs.len() as u64, jobs.iter().map(|at| wants[*at].size).sum());
        // The last is taken first. A large one that begins late would keep everybody waiting at the end.
        jobs.sort_by_key(|at| wants[*at].size);
        let threads = self.limits.connections.clamp(1, jobs.len().max(1));
        let run = Run {
            fetcher: self,
            wants,
            intake,
            progress,
            queue: Queue::new(jobs.into_iter().map(|want| Job::new(want, &wants[want])).collect()),
            errors: Mutex::default(),
            failures: Mutex::default(),
            unsettled_bytes: AtomicU64::new(0),
            unsettled_files: AtomicU64::new(0),
            settling: Mutex::new(()),
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| run.work());
            }
        });
        run.end()
    }
}

impl Job {
    fn new(at: usize, want: &Want) -> Self {
        let sources = want.sources.iter().map(|_| Asked::default()).collect();
        Self { want: at, round: 1, attempts: 0, counted: 0, sources }
    }
}

impl Run<'_> {
    fn work(&self) {
        loop {
            if self.progress.is_called_off() {
                self.queue.close();
            }
            let Some((job, _running)) = self.queue.next() else { return };
            self.one(job);
        }
    }

    /// Asks one source after the other; if none gave it but one may yet, it is put back for a while.
    fn one(&self, mut job: Job) {
        let mut asked_to_wait = None;
        while let Some(source) = self.choose(&job) {
            job.sources[source].round = job.round;
            job.attempts += 1;
            let Err(error) = self.try_source(&mut job, source) else {
                self.progress.finished();
                return self.arrived(self.wants[job.want].size);
            };
            let cause = error.cause();
            job.sources[source].error = Some(error);
            match cause {
                Cause::Here => return self.stop(job),
                Cause::Source => job.sources[source].is_out = true,
                Cause::Passing(after) => asked_to_wait = asked_to_wait.max(after),
            }
            self.progress.retried();
        }
        let may_yet = job.sources.iter().any(|source| !source.is_out);
        if may_yet && job.round <= self.fetcher.limits.retries && job.attempts < ATTEMPTS_MAX {
            let pause = pause(&self.fetcher.limits, job.round, asked_to_wait);
            job.round += 1;
            self.queue.again(job, Instant::now() + pause);
        } else {
            self.fail(job);
        }
    }

    /// The first source that was not asked in this round, and rather one whose origin works.
    fn choose(&self, job: &Job) -> Option<usize> {
        let open = |at: &usize| !job.sources[*at].is_out && job.sources[*at].round < job.round;
        let open: Vec<usize> = (0..job.sources.len()).filter(open).collect();
        if open.len() < 2 {
            return open.first().copied();
        }
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |at: &usize| {
            let origin = Source::parse(&self.wants[job.want].sources[*at]).map(|source| source.origin());
            origin.is_ok_and(|origin| failures.get(&origin).is_none_or(|count| *count < DOUBTED_AFTER))
        };
        open.iter().copied().find(is_good).or(open.first().copied())
    }

    fn try_source(&self, job: &mut Job, at: usize) -> Result<(), FetchError> {
        let want = &self.wants[job.want];
        let source = Source::parse(&want.sources[at])?;
        let origin = source.origin();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner).get(&origin).copied();
        if let Some(failures) = failures.filter(|failures| *failures >= GIVEN_UP_AFTER) {
            return Err(FetchError::GivenUp { origin, failures });
        }
        let mut download = Download {
            fetcher: self.fetcher,
            want,
            intake: self.intake,
            progress: self.progress,
            queue: &self.queue,
            counted: job.counted,
            was_resumed: false,
            etag: job.sources[at].etag.take(),
        };
        let outcome = download.run(&source);
        let gained = download.counted.saturating_sub(job.counted);
        let was_resumed = download.was_resumed;
        job.counted = download.counted;
        job.sources[at].etag = download.etag.take();
        self.judge(&origin, outcome.as_ref().err(), gained);
        if gained >= WORTH && outcome.is_err() {
            job.round = 1;
            job.sources.iter_mut().for_each(|source| source.round = source.round.min(1));
        }
        let is_wrong = matches!(outcome, Err(FetchError::Hash { .. }));
        if is_wrong && was_resumed && !job.sources[at].was_wrong {
            // The part from before may be what is wrong, so the source is asked for the whole.
            job.sources[at].was_wrong = true;
            self.progress.retried();
            return self.try_source(job, at);
        }
        outcome
    }

    fn judge(&self, origin: &str, error: Option<&FetchError>, gained: u64) {
        let is_failure = error.is_some_and(|error| matches!(error.cause(), Cause::Passing(_)));
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if is_failure && gained < WORTH {
            *failures.entry(origin.to_owned()).or_default() += 1;
        } else {
            failures.remove(origin);
        }
    }

    fn arrived(&self, size: u64) {
        let bytes = self.unsettled_bytes.fetch_add(size, Ordering::Relaxed) + size;
        let files = self.unsettled_files.fetch_add(1, Ordering::Relaxed) + 1;
        if bytes < SETTLE_BYTES && files < SETTLE_FILES {
            return;
        }
        // One is enough; the others go on.
        let Ok(_settling) = self.settling.try_lock() else { return };
        self.unsettled_bytes.store(0, Ordering::Relaxed);
        self.unsettled_files.store(0, Ordering::Relaxed);
        if let Err(error) = self.intake.settle() {
            self.halt(error);
        }
    }

    /// Nothing more can be taken in, for a reason that has nothing to do with one object.
    fn halt(&self, why: StoreError) {
        self.queue.close();
        let first = self.wants.first().map_or((Sha256([0; 32]), 0), |want| (want.hash, want.size));
        let error = ObjectError { hash: first.0, size: first.1, tried: vec![why.into()] };
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).insert(0, error);
    }

    fn stop(&self, job: Job) {
        self.queue.close();
        self.fail(job);
    }

    fn fail(&self, job: Job) {
        self.progress.failed();
        let want = &self.wants[job.want];
        let tried = job.sources.into_iter().filter_map(|source| source.error).collect();
        let error = ObjectError { hash: want.hash, size: want.size, tried };
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    fn end(self) -> Result<(), Vec<ObjectError>> {
        // What came is kept also when something else failed.
        if let Err(error) = self.intake.settle() {
            self.halt(error);
        }
        let Self { wants, queue, errors, progress, .. } = self;
        let mut errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
        for job in queue.rest() {
            let want = &wants[job.want];
            let why = if progress.is_called_off() { FetchError::CalledOff } else { FetchError::Stopped };
            errors.push(ObjectError { hash: want.hash, size: want.size, tried: vec![why] });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
