//! Disks that are full, and how much memory the agent takes.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use smith_agent::protocol::{Body, Done, Outcome, Refusal};

use crate::world::{World, attach, drain, job};

/// A machine on a disk of this size, if this process may make one.
struct Small {
    world: World,
}

impl Small {
    fn make(bytes: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("disk");
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=755"), "none"]).arg(&at);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self { world: World::within(folder, "disk") });
        }
        eprintln!("skipped: only root can mount a small disk");
        None
    }

    fn fill(&self) {
        let mut file = File::create(self.world.root().join("filler")).unwrap();
        for size in [65_536, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.world.kill_workers();
        let _ = Command::new("umount").arg("-l").arg(self.world.root()).status();
    }
}

#[test]
fn a_full_disk_keeps_a_job_from_being_begun() {
    let Some(small) = Small::make("8m") else { return };
    let world = &small.world;
    world.drain_by("");
    assert_eq!(world.talk(&job("a-1", Some(("c", 1)), "\"drain\"")).outcome(), Outcome::Done(Done::Drained));
    small.fill();
    for tenure in [1, 2] {
        let refusal = world.talk(&job("a-2", Some(("c", tenure)), "\"drain\"")).refusal();
        let Refusal::CannotKeep { message } = refusal else { panic!("{refusal:?}") };
        assert!(message.contains("No space left"), "{message}");
        // What a person needs to find out why is there all the same.
        let facts = world.talk(&job("f-1", Some(("c", tenure)), "\"facts\""));
        assert!(matches!(facts.outcome(), Outcome::Done(Done::Facts(_))));
    }
    assert_eq!(world.talk(&attach("a-1", 0, "to-end")).outcome(), Outcome::Done(Done::Drained));
    let ask = job("q-1", Some(("c", 1)), r#"{"attach":{"to":"a-2"}}"#);
    assert!(matches!(world.talk(&ask).refusal(), Refusal::CannotKeep { .. }));
    assert_eq!((world.drains(), world.operations()), (1, vec!["a-1".to_owned()]));
    fs::remove_file(world.root().join("filler")).unwrap();
    assert_eq!(world.talk(&job("a-2", Some(("c", 1)), "\"drain\"")).outcome(), Outcome::Done(Done::Drained));
    assert_eq!(fs::read_dir(world.root().join("var/lib/smith/part")).unwrap().count(), 0);
}

#[test]
fn a_disk_that_fills_up_meanwhile_keeps_no_operation_from_ending() {
    let Some(small) = Small::make("8m") else { return };
    let world = &small.world;
    world.drain_by("cat /dev/zero > \"${0%/etc/*}/filler\" 2>/dev/null || true");
    let first = world.talk(&drain("a-1"));
    assert_eq!(first.outcome(), Outcome::Done(Done::Drained));
    assert_eq!(world.talk(&attach("a-1", 0, "now")).kept(), first.kept());
    assert!(!world.operation("a-1").join("reserve").exists());
}

#[test]
fn an_operation_that_was_killed_on_a_full_disk_ends() {
    let Some(small) = Small::make("8m") else { return };
    let world = &small.world;
    world.drain_by("sleep 30");
    let mut talk = world.start(&drain("a-1"));
    talk.until(|body| matches!(body, Body::Began { .. }));
    small.fill();
    world.kill_workers();
    assert_eq!(talk.finish().cause(), "interrupted");
}

/// What the agent may take, of which its own code and the allocator's rests are the most.
const RSS_MAX_KIB: u64 = 15 << 10;

#[test]
fn long_events_are_told_in_little_memory() {
    let world = World::new();
    world.drain_by("");
    world.talk(&drain("a-1"));
    let path = world.operation("a-1").join("events");
    let mut events = File::create(&path).unwrap();
    let count = 60_000_u64;
    let text = "x".repeat(1000);
    for seq in 1..=count {
        writeln!(events, r#"{{"seq":{seq},"at_ms":1,"kind":"log","value":{{"text":"{text}"}}}}"#).unwrap();
    }
    let long = "y".repeat(900_000);
    writeln!(events, r#"{{"seq":{},"at_ms":1,"kind":"log","value":{{"text":"{long}"}}}}"#, count + 1)
        .unwrap();
    let end = r#"{"failed":{"cause":"busy","message":"m"}}"#;
    writeln!(events, r#"{{"seq":{},"at_ms":1,"kind":"ended","value":{end}}}"#, count + 2).unwrap();
    // The last line waits for the reader, and the agent with it.
    let mut talk = world.start(&attach("a-1", 0, "to-end"));
    let mut told = 0;
    loop {
        let reply = talk.next().unwrap();
        if reply.seq == count + 1 {
            break;
        }
        told = reply.seq;
        if told % 20_000 == 1 {
            let status = fs::read_to_string(format!("/proc/{}/status", talk.pid())).unwrap();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
            assert!(peak < RSS_MAX_KIB, "{peak} KiB");
        }
    }
    assert_eq!(told, count);
    assert_eq!(talk.finish().cause(), "busy");
}
