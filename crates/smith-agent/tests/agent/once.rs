//! An action is done once under its name, whoever asks how often, and in whatever order.

use std::fs;
use std::thread;

use smith_agent::protocol::{Body, Done, Outcome, Refusal};

use crate::world::{World, attach, drain, job, wait_for};

const SLOW: &str = "sleep 0.3";
/// Runs until the test lets it go.
const UNTIL_LET_GO: &str = "while [ ! -e \"${0%/etc/*}/go\" ]; do sleep 0.01; done";

fn let_go(world: &World) {
    fs::write(world.root().join("go"), "").unwrap();
}

#[test]
fn the_same_job_again_is_told_what_became_of_it() {
    let world = World::new();
    world.drain_by("");
    let first = world.talk(&drain("a-1"));
    assert_eq!(first.outcome(), Outcome::Done(Done::Drained));
    let seqs: Vec<u64> = first.replies().iter().map(|reply| reply.seq).filter(|&seq| seq > 0).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(
        matches!(&first.replies()[1].body, Body::Began { id, action } if id.as_str() == "a-1" && action == "drain")
    );
    let second = world.talk(&drain("a-1"));
    assert_eq!(first.kept(), second.kept());
    assert_eq!(world.drains(), 1);
    world.talk(&drain("a-2"));
    assert_eq!(world.drains(), 2);
    assert!(
        world.log().contains(" a-1 drain began\n") && world.log().contains(" a-1 ended: done\n"),
        "{}",
        world.log()
    );
}

#[test]
fn talks_at_once_do_it_once() {
    let world = World::new();
    world.drain_by(SLOW);
    let talked: Vec<_> = thread::scope(|scope| {
        let talks: Vec<_> = (0..8).map(|_| scope.spawn(|| world.talk(&drain("a-1")))).collect();
        talks.into_iter().map(|talk| talk.join().unwrap()).collect()
    });
    assert_eq!(world.drains(), 1);
    for talk in &talked {
        assert_eq!(talk.outcome(), Outcome::Done(Done::Drained));
        assert_eq!(talk.kept(), talked[0].kept());
    }
}

#[test]
fn of_jobs_at_once_with_other_names_one_is_done() {
    let world = World::new();
    world.drain_by(UNTIL_LET_GO);
    let mut first = world.start(&drain("a-1"));
    first.until(|body| matches!(body, Body::Began { .. }));
    for _ in 0..3 {
        assert_eq!(world.talk(&drain("a-2")).refusal(), Refusal::Busy { running: "a-1".parse().unwrap() });
    }
    // What changes nothing is done beside it.
    assert!(matches!(world.talk(&job("f-1", None, "\"facts\"")).outcome(), Outcome::Done(Done::Facts(_))));
    let_go(&world);
    assert_eq!(first.finish().outcome(), Outcome::Done(Done::Drained));
    assert_eq!((world.drains(), world.operations()), (1, vec!["a-1".to_owned()]));
    assert_eq!(world.talk(&drain("a-2")).outcome(), Outcome::Done(Done::Drained));
}

#[test]
fn one_job_can_follow_the_other_at_once() {
    let world = World::new();
    world.drain_by("");
    for round in 0..20 {
        let talked = world.talk(&drain(&format!("a-{round}")));
        assert_eq!(talked.outcome(), Outcome::Done(Done::Drained));
    }
    assert_eq!(world.drains(), 20);
}

#[test]
fn a_name_belongs_to_its_job() {
    let world = World::new();
    world.drain_by("");
    world.talk(&job("a-1", Some(("c", 1)), "\"drain\""));
    let other = Refusal::OtherJob { id: "a-1".parse().unwrap() };
    assert_eq!(world.talk(&job("a-1", Some(("c", 1)), "\"undrain\"")).refusal(), other);
    assert_eq!(world.talk(&job("a-1", Some(("d", 1)), "\"drain\"")).refusal(), other);
    assert_eq!(world.talk(&job("a-1", None, "\"facts\"")).refusal(), other);
    // The same controller may have been started again meanwhile.
    assert_eq!(world.talk(&job("a-1", Some(("c", 2)), "\"drain\"")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.drains(), 1);
}

#[test]
fn an_older_tenure_is_kept_out() {
    let world = World::new();
    world.drain_by("");
    assert_eq!(world.talk(&job("a-1", Some(("c", 5)), "\"drain\"")).outcome(), Outcome::Done(Done::Drained));
    let old = |seen, found| Refusal::OldTenure { seen, found };
    assert_eq!(world.talk(&job("a-2", Some(("c", 4)), "\"drain\"")).refusal(), old(5, 4));
    assert_eq!(world.talk(&job("a-2", Some(("c", 4)), "\"facts\"")).refusal(), old(5, 4));
    // Facts and questions of a newer tenure keep the older one out as well.
    assert!(matches!(world.talk(&job("f-1", Some(("c", 6)), "\"facts\"")).outcome(), Outcome::Done(_)));
    assert_eq!(world.talk(&job("a-2", Some(("c", 5)), "\"drain\"")).refusal(), old(6, 5));
    let ask = r#"{"attach":{"to":"a-1"}}"#;
    assert_eq!(world.talk(&job("q-1", Some(("c", 7)), ask)).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.talk(&job("q-1", Some(("c", 6)), ask)).refusal(), old(7, 6));
    // Another controller has tenures of its own, and a person has none.
    assert_eq!(world.talk(&job("a-3", Some(("d", 1)), "\"drain\"")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.talk(&drain("a-4")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.drains(), 3);
}

#[test]
fn a_fence_that_cannot_be_read_lets_nothing_be_begun() {
    let world = World::new();
    world.drain_by("");
    world.talk(&job("a-1", Some(("c", 5)), "\"drain\""));
    fs::write(world.root().join("var/lib/smith/fence.json"), "{\"c\":").unwrap();
    let refusal = world.talk(&job("a-2", Some(("c", 5)), "\"drain\"")).refusal();
    assert!(
        matches!(&refusal, Refusal::CannotKeep { message } if message.contains("fence.json")),
        "{refusal:?}"
    );
    assert!(matches!(world.talk(&job("f-1", Some(("c", 5)), "\"facts\"")).outcome(), Outcome::Done(_)));
    assert_eq!(world.drains(), 1);
}

#[test]
fn attached_at_any_time_the_same_is_told() {
    let world = World::new();
    world.drain_by(UNTIL_LET_GO);
    let mut first = world.start(&drain("a-1"));
    first.until(|body| matches!(body, Body::Phase(_) | Body::Log { .. }));
    first.kill();
    assert_eq!(world.talk(&attach("a-1", 0, "now")).last(), Body::Running);
    let second = world.start(&attach("a-1", 0, "to-end"));
    let_go(&world);
    let second = second.finish();
    assert_eq!(second.outcome(), Outcome::Done(Done::Drained));
    let kept = second.kept().len();
    assert!(kept >= 3, "{second:?}");
    for from in 0..kept + 3 {
        for follow in ["now", "to-end"] {
            let talked = world.talk(&attach("a-1", from as u64, follow));
            // The end is always told.
            let expected = &second.kept()[from.saturating_sub(1).min(kept - 1)..];
            assert_eq!(talked.kept(), expected, "from {from}");
        }
    }
    assert_eq!(world.drains(), 1);
}

#[test]
fn what_was_never_begun_never_will_be() {
    let world = World::new();
    world.drain_by("");
    let ask = job("q-1", Some(("c", 1)), r#"{"attach":{"to":"a-1","follow":"now"}}"#);
    let unknown = Refusal::Unknown { id: "a-1".parse().unwrap() };
    for _ in 0..3 {
        assert_eq!(world.talk(&ask).refusal(), unknown);
    }
    // The job that was on its way.
    for _ in 0..2 {
        assert_eq!(world.talk(&job("a-1", Some(("c", 1)), "\"drain\"")).cause(), "interrupted");
        assert_eq!(world.talk(&job("a-1", Some(("c", 1)), "\"facts\"")).cause(), "interrupted");
    }
    assert_eq!(world.talk(&ask).refusal(), unknown);
    assert_eq!(world.drains(), 0);
    // A person's question decides nothing.
    assert!(matches!(world.talk(&attach("a-2", 0, "now")).refusal(), Refusal::Unknown { .. }));
    assert_eq!(world.operations(), ["a-1"]);
    assert_eq!(world.talk(&drain("a-2")).outcome(), Outcome::Done(Done::Drained));
}

#[test]
fn a_question_and_its_job_at_once_agree() {
    for round in 0..10 {
        let world = World::new();
        world.drain_by("");
        let ask = job("q-1", Some(("c", 1)), r#"{"attach":{"to":"a-1"}}"#);
        let (asked, done) = thread::scope(|scope| {
            let asked = scope.spawn(|| world.talk(&ask));
            let done = scope.spawn(|| world.talk(&job("a-1", Some(("c", 1)), "\"drain\"")));
            (asked.join().unwrap(), done.join().unwrap())
        });
        if matches!(asked.last(), Body::Refused(Refusal::Unknown { .. })) {
            assert_eq!(done.cause(), "interrupted", "round {round}");
        } else {
            assert_eq!(asked.outcome(), done.outcome(), "round {round}");
        }
        let is_done = done.outcome() == Outcome::Done(Done::Drained);
        assert_eq!(world.drains(), usize::from(is_done), "round {round}");
    }
}

#[test]
fn what_was_forgotten_is_unknown() {
    let world = World::new();
    world.drain_by("");
    world.talk(&drain("a-1"));
    world.talk(&drain("a-2"));
    let clean = |age: u64| world.talk(&job("c-1", None, &format!(r#"{{"clean":{{"older_than_s":{age}}}}}"#)));
    assert_eq!(clean(3600).outcome(), Outcome::AlreadySo(Done::Cleaned { operations: 0 }));
    wait_for("the next millisecond", || {
        clean(0).outcome() == Outcome::AlreadySo(Done::Cleaned { operations: 0 })
    });
    assert_eq!(world.operations(), Vec::<String>::new());
    assert!(matches!(world.talk(&attach("a-1", 0, "to-end")).refusal(), Refusal::Unknown { .. }));
}

#[test]
fn people_can_read_it() {
    let world = World::new();
    world.drain_by("");
    let said = |args: &[&str]| String::from_utf8(world.agent(args).output().unwrap().stdout).unwrap();
    world.talk(&drain("a-1"));
    // It lets go of the machine after its last word.
    wait_for("the end of the worker", || world.workers().is_empty());
    assert!(said(&["status"]).starts_with("a-1 was the last: "), "{}", said(&["status"]));
    assert!(said(&["log", "a-1"]).lines().last().unwrap().ends_with("ended: done"));
    assert!(said(&["log"]).ends_with("a-1 ended: done\n"), "{}", said(&["log"]));
    assert!(said(&["--version"]).starts_with("smith-agent "));
    assert_eq!(world.agent(&["run", "id"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn where_no_unit_can_be_made_a_session_is() {
    let world = World::new();
    world.drain_by("");
    // A machine with systemd, as far as its files say. Where this one runs it too, a unit is made.
    fs::create_dir_all(world.root().join("run/systemd/system")).unwrap();
    assert_eq!(world.talk(&drain("a-1")).outcome(), Outcome::Done(Done::Drained));
    let is_real = std::path::Path::new("/run/systemd/system").is_dir();
    let said = world.log().contains(" a-1 no unit could be made, so a session is: ");
    assert!(is_real || said, "{}", world.log());
    assert_eq!(world.drains(), 1);
}

fn clean(world: &World, age: u64) -> Outcome {
    world.talk(&job("c-1", None, &format!(r#"{{"clean":{{"older_than_s":{age}}}}}"#))).outcome()
}

#[test]
fn rests_of_folders_keep_nothing_from_being_forgotten() {
    let world = World::new();
    world.drain_by("");
    world.talk(&drain("a-1"));
    world.talk(&drain("a-2"));
    wait_for("the end of the worker", || world.workers().is_empty());
    // What a process leaves that writes into a folder which is removed beside it.
    for rest in ["a-0", "b-1"] {
        fs::create_dir_all(world.operation(rest)).unwrap();
        fs::write(world.operation(rest).join("dead-man.json"), "{}").unwrap();
    }
    // And one that cannot be read at all.
    fs::create_dir_all(world.operation("b-2").join("events")).unwrap();
    assert_eq!(clean(&world, 0), Outcome::Done(Done::Cleaned { operations: 4 }));
    assert_eq!(world.operations(), ["b-2"]);
}

#[test]
fn what_is_watched_over_is_not_forgotten() {
    let world = World::new();
    world.drain_by("");
    world.talk(&drain("a-1"));
    wait_for("the end of the worker", || world.workers().is_empty());
    let proc = world.root().join("proc");
    fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
    fs::write(proc.join("sys/kernel/random/boot_id"), "b1\n").unwrap();
    fs::write(proc.join("uptime"), "100.00 1.0\n").unwrap();
    let watch = |stage: &str, boot: &str| {
        let text = format!(
            r#"{{"within_s":60,"armed":{{"boot":{{"id":"{boot}","init":0}},"uptime_ms":90000}},"kernel_before":"","stage":"{stage}"}}"#
        );
        fs::write(world.operation("a-1").join("dead-man.json"), text).unwrap();
    };
    for stage in ["armed", "acting"] {
        watch(stage, "b1");
        assert_eq!(clean(&world, 0), Outcome::AlreadySo(Done::Cleaned { operations: 0 }));
    }
    // Nobody watches in a boot that is over.
    watch("armed", "b0");
    assert_eq!(clean(&world, 0), Outcome::Done(Done::Cleaned { operations: 1 }));
}
