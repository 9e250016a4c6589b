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
use smith_journal::codec::FORMAT;
use smith_journal::faulty::{AppendFault, Fault};
use smith_journal::{FaultyStore, Reader as _, SqliteStore, Store as _};

use super::thread::{start_on, start_with};
use super::{Core, History, Life, Refused, Standing, Start, begin, start};
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
    let core_head = core.view().head();
    life.end();
    let store = SqliteStore::open(&journal).unwrap();
    let kept = store.snapshots(FORMAT).unwrap();
    // One failed after four events; the next ones came after eight more each, and one at the end.
    assert!(!kept.is_empty(), "{kept:?}");
    assert_eq!(kept[0].seq.0, core_head, "the end keeps one too");
}

/// A server that keeps a snapshot after four events, in a store whose snapshots go through a gate.
fn gated(journal: &std::path::Path) -> (Life, Arc<Mutex<()>>) {
    let gate = Arc::new(Mutex::new(()));
    let (held, path) = (Arc::clone(&gate), journal.to_owned());
    let store = move || {
        let store = FaultyStore::new(SqliteStore::open(&path)?);
        store.put_snapshots_through(Arc::clone(&held));
        Ok(store)
    };
    (start_with(start_of(journal), Box::new(store), 4).unwrap(), gate)
}

fn snapshots(journal: &std::path::Path) -> Vec<u64> {
    let reader = smith_journal::SqliteReader::open(journal).unwrap();
    reader.snapshots(FORMAT).unwrap().iter().map(|head| head.seq.0).collect()
}

#[test]
fn a_snapshot_that_takes_long_holds_up_nobody_and_is_the_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let (life, gate) = gated(&journal);
    let shut = gate.lock().unwrap();
    let core = life.core();
    runtime().block_on(async {
        for build in 1..=40 {
            let submitted = core.submit(Actor::person("ana"), verified(build));
            tokio::time::timeout(Duration::from_secs(30), submitted).await.expect("an answer").unwrap();
        }
    });
    assert_eq!(snapshots(&journal), [] as [u64; 0]);
    drop(shut);
    let began = Instant::now();
    while snapshots(&journal).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "it is never kept");
        std::thread::sleep(Duration::from_millis(5));
    }
    let head = core.view().head();
    life.end();
    let kept = snapshots(&journal);
    assert_eq!((kept[0], kept.len()), (head, 2), "the last one, and the one that was under way");
    // Of what it was made of nothing is missing, and nothing is in it that was recorded later.
    let reader = smith_journal::SqliteReader::open(&journal).unwrap();
    smith_journal::refold(&reader, &smith_journal::codec::Codec::default()).unwrap();
}

#[test]
fn an_end_waits_for_the_snapshot_that_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let (life, gate) = gated(&journal);
    let shut = gate.lock().unwrap();
    runtime().block_on(async {
        for build in 1..=8 {
            life.core().submit(Actor::person("ana"), verified(build)).await.unwrap();
        }
    });
    let core = life.core().clone();
    let ending = std::thread::spawn(move || life.end());
    std::thread::sleep(Duration::from_millis(50));
    assert!(!ending.is_finished() && core.standing() == Standing::Driving);
    drop(shut);
    ending.join().unwrap();
    assert_eq!(snapshots(&journal).len(), 2);
}

/// Its snapshot hangs when the driver stops: the journal is let go of all the same.
#[test]
fn a_journal_is_opened_again_while_a_snapshot_of_it_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let (openings, path) = (Arc::new(AtomicU32::new(0)), journal.clone());
    let counted = Arc::clone(&openings);
    let store = move || {
        let store = FaultyStore::new(SqliteStore::open(&path)?);
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            store.after(9, Fault::Append(AppendFault::LoseAnswer));
        }
        Ok(store)
    };
    let life = start_with(start_of(&journal), Box::new(store), 1).unwrap();
    let core = life.core();
    runtime().block_on(async {
        for build in 1..=40 {
            while core.submit(Actor::person("ana"), verified(build)).await.is_err() {
                if builds(core).contains(&build) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    assert_eq!((core.standing(), openings.load(Ordering::Relaxed)), (Standing::Driving, 2));
    assert_eq!(builds(core), (1..=40).collect::<Vec<_>>());
    life.end();
    let reader = smith_journal::SqliteReader::open(&journal).unwrap();
    smith_journal::refold(&reader, &smith_journal::codec::Codec::default()).unwrap();
}

#[test]
fn a_server_that_reads_its_journal_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let gate = Arc::new(Mutex::new(()));
    let shut = gate.lock().unwrap();
    let held = Arc::clone(&gate);
    let executors = move |_: &Core| -> Box<dyn Executor + Send> {
        drop(held.lock());
        Box::new(Idle)
    };
    let (life, opened) =
        begin(Start { journal, owner: "here".to_owned(), executors: Box::new(executors) }).unwrap();
    let core = life.core();
    assert_eq!(core.standing(), Standing::Starting);
    let runtime = runtime();
    runtime.block_on(async {
        let begun = tokio::time::timeout(Duration::from_millis(20), core.has_begun()).await;
        assert!(begun.is_err());
    });
    drop(shut);
    opened.wait().unwrap();
    assert_eq!(core.standing(), Standing::Driving);
    runtime.block_on(core.has_begun());
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
