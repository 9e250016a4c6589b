//! A server's heart on real and on failing stores.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::cycle::CycleCommand;
use smith_domain::decide::{BuildCommand, Command, Rejection};
use smith_domain::id::BuildNumber;
use smith_domain::rollout::{RolloutCommand, Scope};
use smith_domain::state::State;
use smith_journal::faulty::{AppendFault, Fault};
use smith_journal::{FaultyStore, SqliteStore, Store as _};

use super::thread::{start_on, start_with};
use super::{Core, History, Refused, Standing, Start, start};
use crate::config::pipeline::load_folder;
use crate::driver::{Effect, Executor};

struct Idle;

impl Executor for Idle {
    fn start(&mut self, _: &State, _: Effect) {}
}

fn start_of(journal: &std::path::Path) -> Start {
    let executors = |_: &Core| -> Box<dyn Executor + Send> { Box::new(Idle) };
    Start { journal: journal.to_owned(), owner: "here".to_owned(), executors: Box::new(executors) }
}

fn verified(build: u32) -> Command {
    Command::Build(BuildCommand::Verified { build: BuildNumber(build) })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn builds(core: &Core) -> Vec<u32> {
    core.read(|state| state.builds.iter().map(|build| build.number.0).collect())
}

#[test]
fn what_was_accepted_can_be_read_at_once_and_by_the_next_server() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let life = start(start_of(&journal)).unwrap();
    let core = life.core().clone();
    let mut news = core.view().listen();
    runtime().block_on(async {
        let accepted = core.submit(Actor::person("ana"), verified(7)).await.unwrap();
        assert_eq!(accepted.events.len(), 1);
        assert_eq!(builds(&core), [7]);
        let again = core.submit(Actor::person("ana"), verified(7)).await;
        assert!(matches!(again, Err(Refused::Rejected(_))), "{again:?}");
        let batch = news.recv().await.unwrap();
        assert_eq!((batch[0].actor.as_ref(), batch[0].seq), ("ana", core.view().head()));
    });
    let told = History::open(&journal).unwrap().after(0, 10, |row| row.content.actor == "ana").unwrap();
    assert_eq!(told.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["build.verified"]);
    life.end();
    assert_eq!(core.standing(), Standing::Ended);
    let refused = runtime().block_on(core.submit(Actor::person("ana"), verified(8)));
    assert_eq!(refused, Err(Refused::Ending));

    let next = start(start_of(&journal)).unwrap();
    assert_eq!(builds(next.core()), [7]);
    assert_eq!(next.core().view().head(), core.view().head() + 1, "the next driver has begun");
}

#[test]
fn a_lease_of_a_killed_server_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let store = SqliteStore::open(&journal).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let dead = store.acquire("killed", i64::try_from(now).unwrap(), 30_000).unwrap();
    drop(store);
    let begun = Instant::now();
    let life = start(start_of(&journal)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "the lease would have lasted thirty");
    drop(life);
    let store = SqliteStore::open(&journal).unwrap();
    assert!(smith_journal::Reader::lease(&store).unwrap().generation > dead.generation);
}

/// A step's title is repeated in what is planned: its ticket and its evidence.
#[test]
fn what_is_too_large_to_be_recorded_is_refused_and_the_driver_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let life = start(start_of(&journal)).unwrap();
    let core = life.core();
    let text = "pipeline: wide\ntitle: wide\nowner: role:operator\nsteps:\n  - step: all\n    title: all\n    change: none\n    \
                bags: [{bag: all, machines: environment=dev, if-empty: allow}]\n";
    let start_with = |title: usize| {
        let pipelines = load_folder(&[("wide.yaml".to_owned(), text.as_bytes().to_vec())]).unwrap();
        let mut pipeline = Box::new(pipelines.into_iter().next().unwrap());
        pipeline.steps[0].title = "x".repeat(title);
        let (build, scope) = (BuildNumber(7), Scope::Pipeline);
        Command::Rollout(RolloutCommand::Start { pipeline, build, scope, reason: None })
    };
    runtime().block_on(async {
        core.submit(Actor::person("ana"), verified(7)).await.unwrap();
        let refused = core.submit(Actor::person("ana"), start_with(3 << 20)).await.unwrap_err();
        let Refused::Rejected(Rejection::TooLarge { kind, found, .. }) = &refused else {
            panic!("{refused}")
        };
        assert!(*kind == "rollout.started" && *found > 2 << 20, "{refused}");
        let denied = crate::verbs::Denied::from(refused);
        assert_eq!((denied.kind, denied.code), (crate::verbs::Kind::Invalid, "S0445"));
        // What is planned of the largest that is taken fits as well.
        core.submit(Actor::person("ana"), start_with(2000 << 10)).await.unwrap();
        core.submit(Actor::person("ana"), verified(8)).await.unwrap();
    });
    assert_eq!((core.standing(), builds(core)), (Standing::Driving, vec![7, 8]));
    assert_eq!(core.read(|state| state.rollouts.iter().count()), 1);
}

/// Takes as long for an effect as somebody likes.
struct Stuck(Arc<Mutex<()>>);

impl Executor for Stuck {
    fn start(&mut self, _: &State, _: Effect) {
        drop(self.0.lock());
    }
}

#[test]
fn a_driver_that_hangs_is_seen_by_the_age_of_its_last_turn() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let held = Arc::clone(&gate);
    let executors = move |_: &Core| -> Box<dyn Executor + Send> { Box::new(Stuck(Arc::clone(&held))) };
    let journal = folder.path().join("journal.db");
    let life = start(Start { journal, owner: "here".to_owned(), executors: Box::new(executors) }).unwrap();
    let core = life.core();
    let shut = gate.lock();
    let tell = Command::Cycle(CycleCommand::Missed {
        schedule: "weekly".to_owned(),
        due: smith_domain::time::Timestamp(1),
    });
    // A notice is posted, and its errand hangs. One that has nothing to do takes a turn every five seconds.
    core.tell(crate::driver::Input { actor: Actor::smith(), command: tell, tag: 0 });
    let begun = Instant::now();
    while core.last_turn().unwrap() < Duration::from_secs(7) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on turning");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(core.standing(), Standing::Driving, "the thread itself cannot say so");
    drop(shut);
    while core.last_turn().unwrap() > Duration::from_secs(6) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The lease is taken and its note is left; the third write is the first snapshot.
#[test]
fn a_snapshot_that_cannot_be_kept_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let (openings, path) = (Arc::new(AtomicU32::new(0)), journal.clone());
    let counted = Arc::clone(&openings);
    let store = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let store = FaultyStore::new(SqliteStore::open(&path)?);
        store.after(2, Fault::Write);
        Ok(store)
    };
    let life = start_with(start_of(&journal), Box::new(store), 4).unwrap();
    let core = life.core();
    runtime().block_on(async {
        for build in 1..=40 {
            core.submit(Actor::person("ana"), verified(build)).await.unwrap();
        }
    });
    assert_eq!((core.standing(), openings.load(Ordering::Relaxed)), (Standing::Driving, 1));
    life.end();
    let store = SqliteStore::open(&journal).unwrap();
    let sealed = smith_journal::Reader::sealed_snapshots(&store, smith_journal::codec::FORMAT).unwrap();
    // One failed after four events; the next ones came after eight more each.
    assert!((1..=9).contains(&sealed.len()), "{}", sealed.len());
}

#[test]
fn two_servers_never_have_one_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let _first = start(start_of(&journal)).unwrap();
    let second = start(start_of(&journal)).unwrap_err();
    assert!(second.to_string().contains("only writer"), "{second}");
}

/// The second append of the first opening fails, and so does opening for the first two times after that.
#[test]
fn a_server_that_cannot_record_begins_nothing_says_so_and_goes_on_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let openings = Arc::new(AtomicU32::new(0));
    let (counted, path) = (Arc::clone(&openings), journal.clone());
    let store = move || {
        let store = match counted.fetch_add(1, Ordering::Relaxed) {
            1 | 2 => SqliteStore::open("/proc/no such folder/journal.db"),
            _ => SqliteStore::open(&path),
        };
        let store = FaultyStore::new(store?);
        if counted.load(Ordering::Relaxed) == 1 {
            store.after(1, Fault::Append(AppendFault::LoseAnswer));
        }
        Ok(store)
    };
    let life = start_on(start_of(&journal), Box::new(store)).unwrap();
    let core = life.core();
    runtime().block_on(async {
        let refused = core.submit(Actor::person("ana"), verified(7)).await;
        assert!(matches!(&refused, Err(Refused::NotRecording { .. })), "{refused:?}");
        let meanwhile = core.submit(Actor::person("ana"), verified(8)).await;
        assert!(matches!(&meanwhile, Err(Refused::NotRecording { .. })), "{meanwhile:?}");
        assert!(matches!(core.standing(), Standing::NotRecording { .. }));
        let mut refusals = 0;
        while core.submit(Actor::person("ana"), verified(9)).await.is_err() {
            refusals += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(refusals < 1_000, "it never goes on");
        }
    });
    assert_eq!(core.standing(), Standing::Driving);
    assert_eq!(openings.load(Ordering::Relaxed), 4);
    // The first was recorded although nobody could be told; the second was refused before anything was done.
    assert_eq!(builds(core), [7, 9]);
}
