//! The machine's judgement of itself, asked for as a controller does.

use std::collections::BTreeMap;
use std::fs;

use sha2::{Digest, Sha256};
use smith_agent::protocol::{Body, Done, Failure, Outcome};

use crate::world::{World, job};

const HEALTH: &str = r#"{"health":{"skew_max_s":30,"settle_s":0}}"#;

fn put(world: &World, path: &str, text: &str) {
    let path = world.root().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn failure(outcome: Outcome) -> Failure {
    let Outcome::Failed(failure) = outcome else { panic!("expected a failure, found {outcome:?}") };
    failure
}

/// A machine with room on its disk whatever the disk of the tests is, and with a way out.
fn well() -> World {
    let world = World::new();
    let none = r#"{"mib":0,"inodes_percent":0}"#;
    let disks = format!(r#"{{"health":{{"disks":{{"/":{none},"/var":{none},"/boot":{none}}}}}}}"#);
    put(&world, "etc/smith/agent.json", &disks);
    let columns = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT";
    let way = "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0";
    put(&world, "proc/net/route", &format!("{columns}\n{way}\n"));
    world
}

#[test]
fn a_machine_is_well_until_it_is_not() {
    let world = well();
    let outcome = world.talk(&job("h-1", None, HEALTH)).outcome();
    let Outcome::Done(Done::Healthy(healed)) = outcome else { panic!("{outcome:?}") };
    assert!(healed.findings.iter().all(|finding| finding.good), "{healed:?}");
    fs::remove_file(world.root().join("proc/net/route")).unwrap();
    let failure = failure(world.talk(&job("h-2", None, HEALTH)).outcome());
    let bad: Vec<String> = failure
        .health
        .unwrap()
        .findings
        .into_iter()
        .filter(|found| !found.good)
        .map(|found| found.what)
        .collect();
    assert_eq!(bad, ["route"]);
}

#[test]
fn a_report_is_what_it_says_it_is() {
    let world = well();
    // More than one part, and with what a terminal would obey.
    let line = format!("\x1b[2J{}\n", "ü".repeat(100));
    put(&world, "var/log/dpkg.log", &line.repeat(2000));
    let talked = world.talk(&job("p-1", None, "\"report\""));
    let Outcome::Done(Done::Reported(pieces)) = talked.outcome() else { panic!("{:?}", talked.outcome()) };
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for reply in talked.replies() {
        if let Body::Piece { name, text } = reply.body {
            assert!(text.len() <= 64 << 10, "{name}");
            texts.entry(name).or_default().push_str(&text);
        }
    }
    for piece in &pieces {
        let text = texts.get(&piece.name).map_or("", String::as_str);
        let digest: String =
            Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((piece.bytes, &piece.sha256), (text.len() as u64, &digest), "{}", piece.name);
    }
    let log = pieces.iter().find(|piece| piece.name == "dpkg.log").unwrap();
    assert!(log.cut && log.bytes > 150 << 10, "{log:?}");
    assert!(!texts["dpkg.log"].contains('\x1b'));
    assert!(texts["machine"].contains("dead man: never acted"));
}

#[test]
fn a_folder_is_not_rebooted() {
    let world = well();
    let failure = failure(world.talk(&job("r-1", None, r#"{"reboot":{"back_within_s":60}}"#)).outcome());
    assert_eq!(failure.message, "expected a machine to reboot, found a folder");
}

#[test]
fn an_undrain_without_files_has_nothing_to_do() {
    let world = well();
    assert_eq!(world.talk(&job("u-1", None, "\"undrain\"")).outcome(), Outcome::AlreadySo(Done::Undrained));
}
