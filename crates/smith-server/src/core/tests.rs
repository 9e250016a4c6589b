//! A server's heart on real and on failing stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use smith_journal::faulty::{AppendFault, Fault};
use smith_journal::{FaultyStore, SqliteStore, Store as _};

use super::thread::start_on;
use super::{Core, History, Refused, Standing, Start, start};
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
