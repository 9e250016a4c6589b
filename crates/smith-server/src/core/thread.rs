//! The driving thread: everything that comes in is decided here, one turn after the other.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use smith_domain::time::Timestamp;
use smith_journal::{OpenError as StoreError, SqliteStore, Store};
use smith_repo::fetch::chain;
use tokio::sync::{oneshot, watch};

use super::handle::{Accepted, Core, Refused};
use super::publish::Published;
use super::pulse::Pulse;
use super::snapshots::{Kept, Snapshots};
use super::view::View;
use crate::driver::{Driver, Executor, Input, OpenError, Stopped, SystemClock, Turn};

/// What comes to the driving thread.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Somebody waits for the answer.
    Asked {
        input: Input,
        answer: oneshot::Sender<Result<Accepted, Refused>>,
    },
    /// An executor has found something out.
    Told(Input),
    End,
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The journal is being read for the first time.
    Starting,
    Driving,
    /// What was decided could not be recorded: the journal is opened again and again.
    NotRecording {
        why: String,
    },
    Ended,
}

/// Makes the executor of a driver. Each opening of the journal begins with a new one.
pub trait Executors: Send {
    fn make(&mut self, core: &Core) -> Box<dyn Executor + Send>;
}

impl<F: FnMut(&Core) -> Box<dyn Executor + Send> + Send> Executors for F {
    fn make(&mut self, core: &Core) -> Box<dyn Executor + Send> {
        self(core)
    }
}

/// What a server starts with.
pub struct Start {
    /// The file that the journal is in, or is to be made in.
    pub journal: PathBuf,
    /// Who drives, as the journal shows it.
    pub owner: String,
    pub executors: Box<dyn Executors>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("journal", &self.journal)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("expected a journal that can be driven on from")]
    Open(#[from] OpenError),
    #[error("the driving thread could not be started")]
    Thread(#[source] io::Error),
}

/// A driving server. Dropping it ends it as [`Life::end`] does.
#[derive(Debug)]
pub struct Life {
    core: Core,
    thread: Option<JoinHandle<()>>,
}

/// Inputs of one turn. More of them answer the first later and gain nothing.
const INPUTS_MAX: usize = 1024;

/// The lease wants to be renewed, whatever happens.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// A snapshot is kept after so many events: a start folds at most these again, in a tenth of a second.
const SNAPSHOT_AFTER: u64 = 100_000;

/// After snapshots that could not be kept the next one is due later, up to this: a state that is too large stays so.
const SNAPSHOT_LATEST: u64 = 16 * SNAPSHOT_AFTER;

/// The wait before the journal is opened again, doubled up to the longest: a full disk is looked at every half minute.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long the end waits for a snapshot that is under way: one of a million machines takes a second.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(5);

/// Opens the journal and begins to drive. Whatever is wrong with the journal is said here, before anything is served.
pub fn start(start: Start) -> Result<Life, StartError> {
    let (life, opened) = begin(start)?;
    opened.wait()?;
    Ok(life)
}

/// The same without waiting until the journal was read: meanwhile the server stands as [`Standing::Starting`].
pub fn begin(start: Start) -> Result<(Life, Opened), StartError> {
    let journal = start.journal.clone();
    begin_with(start, Box::new(move || Ok(SqliteStore::open(&journal)?)), SNAPSHOT_AFTER)
}

/// Whether the journal was read and the driver drives.
#[derive(Debug)]
pub struct Opened(Receiver<Result<(), StartError>>);

impl Opened {
    /// Waits until that is known. After an error the driving thread has ended.
    pub fn wait(self) -> Result<(), StartError> {
        let gone = || StartError::Thread(io::Error::other("it ended while it read the journal"));
        self.0.recv().unwrap_or_else(|_| Err(gone()))
    }
}

/// Opens the store of a journal, however often it is needed.
type Opener<S> = Box<dyn FnMut() -> Result<S, StartError> + Send>;

#[cfg(test)]
pub(super) fn start_on<S: Store + 'static>(start: Start, store: Opener<S>) -> Result<Life, StartError> {
    start_with(start, store, SNAPSHOT_AFTER)
}

#[cfg(test)]
pub(super) fn start_with<S: Store + 'static>(
    start: Start,
    store: Opener<S>,
    snapshot_after: u64,
) -> Result<Life, StartError> {
    let (life, opened) = begin_with(start, store, snapshot_after)?;
    opened.wait()?;
    Ok(life)
}

fn begin_with<S: Store + 'static>(
    start: Start,
    store: Opener<S>,
    snapshot_after: u64,
) -> Result<(Life, Opened), StartError> {
    let Start { journal, owner, executors } = start;
    let (incoming, inbox) = channel();
    let core = Core {
        incoming,
        view: Arc::new(View::new()),
        standing: Arc::new(watch::channel(Standing::Starting).0),
        progress: Arc::default(),
        pulse: Arc::new(Pulse::new()),
        journal: journal.into(),
        estimates: Arc::default(),
    };
    let mut seat = Seat { core: core.clone(), inbox, store, owner, executors, openings: 0, snapshot_after };
    let (tell, opened) = channel();
    let thread = Builder::new().name("driver".to_owned()).spawn(move || match seat.open() {
        Ok(wheel) => {
            // Whoever began it may not care.
            let _ = tell.send(Ok(()));
            seat.live(wheel);
        }
        Err(error) => {
            drop(seat);
            let _ = tell.send(Err(error));
        }
    });
    Ok((Life { core, thread: Some(thread.map_err(StartError::Thread)?) }, Opened(opened)))
}

impl Life {
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Ends the driving thread once everything that came before is recorded. Machines go on with what they were asked; the
    /// next server asks what became of it.
    pub fn end(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        let _ = self.core.incoming.send(Incoming::End);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told where it happened, and everything recorded is on the disk.
            let _ = thread.join();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.finish();
    }
}

type Driving<S> = Driver<Published<Arc<S>>, Box<dyn Executor + Send>, SystemClock>;

/// A driver, and who keeps snapshots beside it.
struct Wheel<S> {
    driver: Driving<S>,
    snapshots: Snapshots,
}

/// Who sits at the wheel.
struct Seat<S> {
    core: Core,
    inbox: Receiver<Incoming>,
    store: Opener<S>,
    owner: String,
    executors: Box<dyn Executors>,
    openings: u32,
    snapshot_after: u64,
}

/// Why a driver's turns have ended.
enum Over {
    Asked,
    Stopped(Stopped),
}

impl<S: Store + 'static> Seat<S> {
    fn open(&mut self) -> Result<Wheel<S>, StartError> {
        let store = Arc::new((self.store)()?);
        self.openings += 1;
        let owner = format!("{} ({})", self.owner, self.openings);
        let snapshots = Snapshots::begin(&store, &self.core.view).map_err(StartError::Thread)?;
        let ledger = Published::new(store, Arc::clone(&self.core.view), Arc::clone(&self.core.progress));
        let executor = self.executors.make(&self.core);
        let driver = Driver::open(ledger, executor, SystemClock::new(), &owner)?;
        self.core.pulse.beat(driver.now().steady);
        stand(&self.core, Standing::Driving);
        Ok(Wheel { driver, snapshots })
    }

    fn live(mut self, wheel: Wheel<S>) {
        let mut wheel = Some(wheel);
        while let Some(held) = wheel {
            match self.drive(held) {
                Over::Asked => break,
                Over::Stopped(why) => wheel = self.recover(&chain(&why)),
            }
        }
    }

    /// Turns until somebody ends it or nothing can be recorded.
    fn drive(&mut self, wheel: Wheel<S>) -> Over {
        let Wheel { mut driver, mut snapshots } = wheel;
        let mut wake: Option<Timestamp> = Some(driver.now().steady);
        let mut recorded = 0;
        loop {
            let rest = wake.map_or(LONGEST_REST, |at| Duration::from_millis(at.since(driver.now().steady).0));
            let Some(post) = self.wait(rest.min(LONGEST_REST)) else {
                return self.leave(driver, snapshots);
            };
            let Post { inputs, answers, is_last } = post;
            match driver.turn(inputs) {
                Ok(turn) => {
                    self.core.pulse.beat(driver.now().steady);
                    wake = turn.wake.map(|wake| wake.at);
                    recorded += turn.recorded;
                    answer(turn, answers);
                }
                Err(why) => {
                    refuse(answers, &Refused::NotRecording { why: chain(&why) });
                    return Over::Stopped(why);
                }
            }
            if let Some(kept) = snapshots.outcome() {
                self.snapshot_after = due_after(self.snapshot_after, kept);
            }
            if recorded >= self.snapshot_after && !snapshots.is_under_way() {
                recorded = 0;
                snapshots.order();
            }
            if is_last {
                return self.leave(driver, snapshots);
            }
        }
    }

    /// The last snapshot makes the next start short; without it that start only takes longer.
    fn leave(&self, mut driver: Driving<S>, mut snapshots: Snapshots) -> Over {
        if let Some(kept) = snapshots.finish(SNAPSHOT_WAIT) {
            due_after(self.snapshot_after, kept);
        }
        due_after(self.snapshot_after, driver.snapshot().map_err(|error| chain(&error)));
        Over::Asked
    }

    /// Everything that has come in, or nothing once the rest is over. `None` when nobody is left to send anything.
    fn wait(&self, rest: Duration) -> Option<Post> {
        let mut post = Post::default();
        match self.inbox.recv_timeout(rest) {
            Ok(first) => post.add(first),
            Err(RecvTimeoutError::Timeout) => return Some(post),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        while !post.is_last && post.inputs.len() < INPUTS_MAX {
            match self.inbox.try_recv() {
                Ok(next) => post.add(next),
                Err(_) => break,
            }
        }
        Some(post)
    }

    /// Opens the journal again until it opens, or until somebody ends it.
    fn recover(&mut self, why: &str) -> Option<Wheel<S>> {
        let mut why = why.to_owned();
        let mut wait = FIRST_WAIT;
        loop {
            stand(&self.core, Standing::NotRecording { why: why.clone() });
            if !self.decline(&why, wait) {
                return None;
            }
            match self.open() {
                Ok(wheel) => return Some(wheel),
                Err(error) => why = chain(&error),
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Says no to whoever comes meanwhile; answers whether to go on. What executors tell is found again by asking.
    fn decline(&self, why: &str, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Incoming::Asked { answer, .. }) => {
                    let _ = answer.send(Err(Refused::NotRecording { why: why.to_owned() }));
                }
                Ok(Incoming::Told(_)) => {}
                Ok(Incoming::End) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }
}

/// However the thread ends, also by a panic, it is said that nobody drives any more.
impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        stand(&self.core, Standing::Ended);
    }
}

/// After how many events the next snapshot is due. One that cannot be kept makes the next start longer and nothing worse: the
/// journal has it all, and whether that can still be written is found by writing to it.
fn due_after(after: u64, kept: Kept) -> u64 {
    let Err(why) = kept else { return after.min(SNAPSHOT_AFTER) };
    tracing::warn!(target: "smith::core", %why, "no snapshot is kept, and the next start takes longer");
    (after * 2).min(SNAPSHOT_LATEST)
}

fn stand(core: &Core, standing: Standing) {
    core.standing.send_replace(standing);
}

type Waiting = HashMap<u64, oneshot::Sender<Result<Accepted, Refused>>>;

/// What one turn takes in.
#[derive(Default)]
struct Post {
    inputs: Vec<Input>,
    /// Who waits, by the tag of the input.
    answers: Waiting,
    is_last: bool,
}

impl Post {
    fn add(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Asked { mut input, answer } => {
                // Zero is the tag of what nobody waits for.
                input.tag = self.inputs.len() as u64 + 1;
                self.answers.insert(input.tag, answer);
                self.inputs.push(input);
            }
            Incoming::Told(input) => self.inputs.push(Input { tag: 0, ..input }),
            Incoming::End => self.is_last = true,
        }
    }
}

fn answer(turn: Turn, mut waiting: Waiting) {
    for answer in turn.answers {
        if let Some(to) = waiting.remove(&answer.tag) {
            let result = answer.result.map(|events| Accepted { events }).map_err(Refused::from);
            // Whoever asked may have gone away.
            let _ = to.send(result);
        }
    }
}

fn refuse(waiting: Waiting, why: &Refused) {
    for to in waiting.into_values() {
        let _ = to.send(Err(why.clone()));
    }
}

/// The name that a driver goes by in the journal: the host and the process.
pub fn owner_here() -> String {
    let host = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    format!("{} process {}", host.trim(), std::process::id())
}
