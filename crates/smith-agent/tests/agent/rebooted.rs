//! A reboot is open until the machine is back; the reboot itself is played by files, for a folder does not go down.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use smith_agent::protocol::{Body, Cause, Done, Outcome, Refusal};

use crate::world::{World, attach, drain, job, wait_for};

fn boots(world: &World, id: &str, uptime: &str) {
    let proc = world.root().join("proc");
    fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
    fs::write(proc.join("sys/kernel/osrelease"), "6.1.0-38-amd64\n").unwrap();
    fs::write(proc.join("sys/kernel/random/boot_id"), format!("{id}\n")).unwrap();
    fs::write(proc.join("uptime"), format!("{uptime} 1.0\n")).unwrap();
}

fn reboot(now: u64) -> String {
    job("r-1", Some(("c", 1)), &format!(r#"{{"reboot":{{"back_within_s":600,"now":{now}}}}}"#))
}

/// The machine was told to go down ten seconds of its uptime ago.
fn ordered() -> World {
    let world = World::new();
    world.drain_by("");
    boots(&world, "b1", "100.00");
    let failed = world.talk(&reboot(1)).outcome();
    assert!(matches!(failed, Outcome::Failed(failure) if failure.cause == Cause::Mismatch));
    wait_for("the end of the worker", || world.workers().is_empty());
    let folder = world.operation("r-1");
    let events = fs::read_to_string(folder.join("events")).unwrap();
    fs::write(folder.join("events"), format!("{}\n", events.lines().next().unwrap())).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let state = format!(
        r#"{{"before":{{"id":"b1","init":0}},"kernel_before":"6.1.0-37-amd64","ordered_at":{},"uptime_at":90,"back_within_s":600,"dead_man":null}}"#,
        now - 30
    );
    fs::write(folder.join("reboot.json"), state).unwrap();
    world
}

/// What is said of an operation whose worker was killed, where the boots of its beginning and of the look are these.
fn said_of_a_killed_worker(began: Option<&str>, looked: Option<&str>) -> String {
    let world = World::new();
    world.drain_by("sleep 30");
    let boot = |id: Option<&str>| match id {
        Some(id) => boots(&world, id, "100.00"),
        None => drop(fs::remove_dir_all(world.root().join("proc"))),
    };
    boot(began);
    let mut talk = world.start(&drain("a-1"));
    talk.until(|body| matches!(body, Body::Began { .. }));
    wait_for("the drain", || world.drains() == 1);
    talk.kill();
    assert_eq!(world.kill_workers(), 1);
    boot(looked);
    assert!(world.agent(&["settle"]).status().unwrap().success());
    match world.talk(&attach("a-1", 0, "now")).outcome() {
        Outcome::Failed(failure) if failure.cause == Cause::Interrupted => failure.message,
        Outcome::Failed(_) | Outcome::Done(_) | Outcome::AlreadySo(_) => panic!("{}", world.log()),
    }
}

#[test]
fn a_killed_agent_is_told_from_a_machine_that_was_restarted() {
    let killed = "the agent was killed or broke off in the middle of it, and the machine was not restarted";
    assert_eq!(said_of_a_killed_worker(Some("b1"), Some("b1")), killed);
    let restarted = "the machine was restarted before it came to its end";
    assert_eq!(said_of_a_killed_worker(Some("b1"), Some("b2")), restarted);
    let unknown = "the agent was killed, or the machine went down, in the middle of it";
    assert_eq!(said_of_a_killed_worker(None, Some("b2")), unknown);
    assert_eq!(said_of_a_killed_worker(Some("b1"), None), unknown);
}

#[test]
fn a_reboot_is_open_until_the_machine_is_back() {
    let world = ordered();
    assert_eq!(world.talk(&attach("r-1", 0, "now")).last(), Body::Running);
    assert_eq!(world.talk(&drain("a-1")).refusal(), Refusal::Busy { running: "r-1".parse().unwrap() });
    assert!(world.agent(&["settle"]).status().unwrap().success());
    // The controller's clock has gone on, and the job is the same.
    let mut talk = world.start(&reboot(99));
    talk.until(|body| matches!(body, Body::Began { .. }));
    boots(&world, "b2", "5.00");
    let talked = talk.finish();
    let Outcome::Done(Done::Rebooted(rebooted)) = talked.outcome() else { panic!("{talked:?}") };
    assert_eq!((rebooted.boot_before.as_str(), rebooted.boot.as_str()), ("b1", "b2"));
    assert_eq!(rebooted.kernel, "6.1.0-38-amd64");
    assert_eq!(world.talk(&attach("r-1", 0, "now")).kept(), talked.kept());
    assert_eq!(world.talk(&drain("a-1")).outcome(), Outcome::Done(Done::Drained));
}

#[test]
fn the_boot_settles_it_without_a_controller() {
    let world = ordered();
    boots(&world, "b2", "5.00");
    for _ in 0..2 {
        assert!(world.agent(&["settle"]).status().unwrap().success());
        let events = fs::read_to_string(world.operation("r-1").join("events")).unwrap();
        assert_eq!(events.matches("\"kind\":\"ended\"").count(), 1, "{events}");
    }
    assert!(matches!(world.talk(&attach("r-1", 0, "now")).outcome(), Outcome::Done(Done::Rebooted(_))));
}

#[test]
fn a_machine_that_does_not_go_down_is_told_of() {
    let world = ordered();
    boots(&world, "b1", "2000.00");
    let outcome = world.talk(&attach("r-1", 0, "to-end")).outcome();
    assert!(matches!(outcome, Outcome::Failed(failure) if failure.cause == Cause::RebootTimeout));
}

#[test]
fn of_two_watches_one_goes() {
    let world = World::new();
    world.drain_by("");
    boots(&world, "b1", "100.00");
    world.talk(&drain("a-1"));
    wait_for("the end of the worker", || world.workers().is_empty());
    let folder = world.operation("a-1");
    let watch = r#"{"within_s":60,"armed":{"boot":{"id":"b1","init":0},"uptime_ms":90000},"kernel_before":"","stage":"armed"}"#;
    fs::write(folder.join("dead-man.json"), watch).unwrap();
    fs::write(folder.join("paths.json"), r#"{"paths":[],"services":[],"saved":[],"kernel":""}"#).unwrap();
    // The controller was heard, so that a watch ends at its first look.
    fs::write(
        world.root().join("var/lib/smith/heard.json"),
        r#"{"boot":{"id":"b1","init":0},"uptime_ms":95000}"#,
    )
    .unwrap();
    let lock = fs::File::create(folder.join("watch.lock")).unwrap();
    lock.lock().unwrap();
    let stage = || fs::read_to_string(folder.join("dead-man.json")).unwrap();
    assert!(world.agent(&["watch", "a-1"]).status().unwrap().success());
    assert_eq!(stage(), watch);
    drop(lock);
    assert!(world.agent(&["watch", "a-1"]).status().unwrap().success());
    assert!(stage().contains("\"stage\":\"ended\""), "{}", stage());
}
