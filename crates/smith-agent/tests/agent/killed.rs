//! SIGKILL of either end at any moment, and what crashes leave on a disk.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Done, Outcome, Refusal};

use crate::world::{World, attach, drain, job, wait_for};

const FOR_LONG: &str = "sleep 30";

/// Random moments that are the same in each run.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % end.max(1)
    }
}

/// Kills in all; each is of the talk, of the worker, or of both.
const KILLS: u32 = 120;

#[test]
fn killed_at_any_moment_it_is_done_once_or_not_at_all() {
    let mut draw = Draw::new(20_261_120);
    let begun = Instant::now();
    let world = World::new();
    world.drain_by("sleep 0.03");
    world.talk(&drain("a-1"));
    let took = u64::try_from(begun.elapsed().as_micros()).unwrap() * 9 / 8;
    let (mut kills, mut of_workers, mut interrupted) = (0, 0, 0);
    while kills < KILLS {
        let world = World::new();
        world.drain_by("sleep 0.03");
        for _ in 0..1 + draw.below(3) {
            let job = if draw.below(3) == 0 { attach("a-1", 0, "to-end") } else { drain("a-1") };
            let talk = world.start(&job);
            thread::sleep(Duration::from_micros(draw.below(took)));
            let who = draw.below(3);
            if who > 0 {
                of_workers += world.kill_workers();
            }
            if who < 2 {
                talk.kill();
            } else {
                drop(talk.finish());
            }
            kills += 1;
        }
        let first = world.talk(&drain("a-1"));
        let is_done = first.outcome() == Outcome::Done(Done::Drained);
        if !is_done {
            assert_eq!(first.cause(), "interrupted");
            interrupted += 1;
        }
        // What was told is so for good.
        assert_eq!(world.talk(&attach("a-1", 0, "now")).kept(), first.kept());
        let ends = fs::read_to_string(world.operation("a-1").join("events")).unwrap();
        assert_eq!(ends.matches("\"kind\":\"ended\"").count(), 1, "{ends}");
        assert!(world.drains() <= 1, "done {} times", world.drains());
        if is_done {
            assert_eq!(world.count("ended"), 1, "told to be done and not done");
        }
    }
    eprintln!("{kills} kills, {of_workers} of workers, {interrupted} operations interrupted");
    assert!(of_workers >= 10 && interrupted >= 5, "the kills must hit something");
}

#[test]
fn a_killed_worker_is_told_once_to_all() {
    let world = World::new();
    world.drain_by(FOR_LONG);
    let mut talk = world.start(&drain("a-1"));
    talk.until(|body| matches!(body, Body::Began { .. }));
    wait_for("the drain", || world.drains() == 1);
    assert_eq!(world.kill_workers(), 1);
    let talked: Vec<_> = thread::scope(|scope| {
        let talks: Vec<_> = (0..8).map(|_| scope.spawn(|| world.talk(&attach("a-1", 0, "to-end")))).collect();
        talks.into_iter().map(|talk| talk.join().unwrap()).collect()
    });
    let first = talk.finish();
    assert_eq!(first.cause(), "interrupted");
    assert!(talked.iter().all(|other| other.kept() == first.kept()), "{talked:?}");
    // The machine is free for others, and the name is used up.
    world.drain_by("");
    assert_eq!(world.talk(&drain("a-1")).cause(), "interrupted");
    assert_eq!(world.talk(&drain("a-2")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.drains(), 2);
}

#[test]
fn another_job_settles_what_a_killed_worker_left() {
    let world = World::new();
    world.drain_by(FOR_LONG);
    let mut talk = world.start(&drain("a-1"));
    talk.until(|body| matches!(body, Body::Began { .. }));
    world.kill_workers();
    talk.kill();
    world.drain_by("");
    assert_eq!(world.talk(&drain("a-2")).outcome(), Outcome::Done(Done::Drained));
    let kept = fs::read_to_string(world.operation("a-1").join("events")).unwrap();
    assert!(kept.lines().last().unwrap().contains("interrupted"), "{kept}");
}

#[test]
fn boot_settles_what_the_machine_took_down() {
    let world = World::new();
    world.drain_by(FOR_LONG);
    let mut talk = world.start(&drain("a-1"));
    talk.until(|body| matches!(body, Body::Began { .. }));
    assert!(world.agent(&["settle"]).status().unwrap().success());
    assert_eq!(world.talk(&attach("a-1", 0, "now")).last(), Body::Running);
    world.kill_workers();
    talk.kill();
    for _ in 0..2 {
        assert!(world.agent(&["settle"]).status().unwrap().success());
        let kept = fs::read_to_string(world.operation("a-1").join("events")).unwrap();
        assert_eq!(kept.matches("\"kind\":\"ended\"").count(), 1, "{kept}");
    }
    assert_eq!(world.log().matches(" a-1 ended: failed, interrupted").count(), 1, "{}", world.log());
}

/// A folder as a talk leaves it that is killed before it starts the worker.
fn left_before_its_worker(world: &World, id: &str) {
    world.talk(&drain(id));
    let folder = world.operation(id);
    fs::remove_file(folder.join("started")).unwrap();
    let events = fs::read_to_string(folder.join("events")).unwrap();
    fs::write(folder.join("events"), format!("{}\n", events.lines().next().unwrap())).unwrap();
    fs::remove_file(world.root().join("var/lib/smith/lock")).unwrap();
}

#[test]
fn what_was_not_started_is_started_by_the_next_talk_or_never() {
    let world = World::new();
    world.drain_by("");
    left_before_its_worker(&world, "a-1");
    assert_eq!(world.talk(&drain("a-1")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.drains(), 2);
    left_before_its_worker(&world, "a-2");
    assert_eq!(world.talk(&attach("a-2", 0, "now")).cause(), "interrupted");
    assert_eq!(world.talk(&drain("a-2")).cause(), "interrupted");
    // A worker that comes late finds it ended.
    assert!(world.agent(&["worker", "a-2"]).status().unwrap().success());
    assert_eq!(world.drains(), 3);
}

#[test]
fn a_worker_that_is_started_twice_works_once() {
    let world = World::new();
    world.drain_by("sleep 0.2");
    left_before_its_worker(&world, "a-1");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(world.agent(&["worker", "a-1"]).status().unwrap().success()));
        }
    });
    assert_eq!(world.drains(), 2);
    assert_eq!(world.talk(&attach("a-1", 0, "now")).outcome(), Outcome::Done(Done::Drained));
}

#[test]
fn torn_lines_are_cut_off() {
    let whole = |world: &World| fs::read_to_string(world.operation("a-1").join("events")).unwrap();
    let tails: [&[u8]; 6] = [
        b"{\"seq\":",
        b"{\"seq\":9999,\"at_ms\":1,\"kind\":\"log\",\"value\":{\"text\":\"of nowhere\"}}\n",
        b"\0\0\0\0\0\0\n\0\0",
        b"\n\n\n",
        b"{\"seq\":3,\"at_ms\":1,\"kind\":\"log\"",
        &[b'x'; 3 << 20],
    ];
    for tail in tails {
        let world = World::new();
        world.drain_by(FOR_LONG);
        let mut talk = world.start(&drain("a-1"));
        talk.until(|body| matches!(body, Body::Began { .. }));
        wait_for("the drain", || world.drains() == 1);
        // The talk first: it would say that the worker is gone.
        talk.kill();
        world.kill_workers();
        let before = whole(&world);
        let mut events = OpenOptions::new().append(true).open(world.operation("a-1").join("events")).unwrap();
        events.write_all(tail).unwrap();
        let talked = world.talk(&attach("a-1", 0, "to-end"));
        assert_eq!(talked.cause(), "interrupted");
        assert_eq!(whole(&world), talked.kept().concat());
        assert!(whole(&world).starts_with(&before));
    }
}

#[test]
fn a_line_that_is_torn_after_the_end_changes_nothing() {
    let world = World::new();
    world.drain_by("");
    let first = world.talk(&drain("a-1"));
    wait_for("the end of the worker", || world.workers().is_empty());
    let path = world.operation("a-1").join("events");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":").unwrap();
    assert_eq!(world.talk(&drain("a-1")).kept(), first.kept());
    assert!(world.agent(&["settle"]).status().unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), first.kept().concat());
}

#[test]
fn half_made_folders_are_swept() {
    let world = World::new();
    world.drain_by("");
    let part = world.root().join("var/lib/smith/part/1-2-3");
    fs::create_dir_all(&part).unwrap();
    fs::write(part.join("job.json"), "{").unwrap();
    world.talk(&drain("a-1"));
    assert_eq!(fs::read_dir(world.root().join("var/lib/smith/part")).unwrap().count(), 0);
}

#[test]
fn a_kept_job_that_is_damaged_is_not_guessed_at() {
    let world = World::new();
    world.drain_by("");
    left_before_its_worker(&world, "a-1");
    fs::write(world.operation("a-1").join("job.json"), "{\"protocol\":1,").unwrap();
    assert!(matches!(world.talk(&drain("a-1")).refusal(), Refusal::OtherJob { .. }));
    assert!(world.agent(&["worker", "a-1"]).status().unwrap().success());
    assert_eq!(world.talk(&attach("a-1", 0, "now")).cause(), "interrupted");
    assert_eq!(world.drains(), 1);
}

#[test]
fn the_worker_is_in_a_session_of_its_own() {
    let world = World::new();
    world.drain_by(FOR_LONG);
    let mut talk = world.start(&job("a-1", None, "\"drain\""));
    talk.until(|body| matches!(body, Body::Began { .. }));
    wait_for("the drain", || world.drains() == 1);
    let workers = world.workers();
    assert_eq!(workers.len(), 1);
    wait_for("its session", || rustix::process::getsid(Some(workers[0])) == Ok(workers[0]));
    talk.kill();
    assert_eq!(world.workers(), workers);
}
