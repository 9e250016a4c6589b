//! What a driver asks, done on a machine behind a real sshd, and what it is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use smith_agent::protocol::{Action as Wish, Job, Patch};
use smith_domain::access::Digest;
use smith_domain::decide::Command;
use smith_domain::errand::{ErrandId, ErrandKind};
use smith_domain::event::Event;
use smith_domain::fleet::{FleetEvent, MachineFacts};
use smith_domain::id::{AttrName, BuildNumber, MachineId, MachineName, RolloutId};
use smith_domain::rollout::{Action, CauseKind, Outcome, RolloutCommand, RolloutEvent, Scope, Work};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_journal::BlobFolder;
use smith_server::driver::{Effect, Executor, Input, Mode, Target};
use smith_server::machine::{Answers, BuildAccess, MachineExecutor, NoBuild, Settings, Wanted, plain_patch};
use tokio::runtime::Handle;

use crate::door::{Door, sshd_is_there};
use crate::stories::HELLO;

struct Kept(Sender<Input>);

impl Answers for Kept {
    fn answer(&self, input: Input) {
        self.0.send(input).unwrap();
    }
}

/// One build, and no other.
struct OneBuild;

impl BuildAccess for OneBuild {
    fn patch_for(&self, wanted: &Wanted, build: BuildNumber) -> Result<Patch, NoBuild> {
        if build == BuildNumber(1) {
            return Ok(plain_patch(1, Vec::new(), b"key"));
        }
        let machine = wanted.machine.clone();
        Err(NoBuild { build, machine, why: "it was never made".to_owned() })
    }
}

#[derive(Debug, Default)]
struct Errands(Vec<Effect>);

impl Executor for Errands {
    fn start(&mut self, _state: &State, effect: Effect) {
        self.0.push(effect);
    }
}

fn state(door: &Door) -> State {
    let mut facts = MachineFacts::named(MachineName::new("web-1").unwrap());
    let socket = door.address.sockets[0];
    facts.addresses = vec![socket.ip()];
    facts.host_key = Some(door.address.host_key.to_openssh().unwrap());
    facts.attrs = [(AttrName::new("ssh-port").unwrap(), socket.port().to_string())].into();
    let unreachable = MachineFacts::named(MachineName::new("web-2").unwrap());
    let mut state = State::default();
    state.fleet.evolve(&FleetEvent::MachinesJoined { machines: vec![facts, unreachable] }, Timestamp(0));
    state
}

fn executor(door: &Door) -> (MachineExecutor<Errands>, Receiver<Input>) {
    // No machine is at rest before a test ends.
    executor_with(door, Duration::from_secs(3_600))
}

fn executor_with(door: &Door, quiet: Duration) -> (MachineExecutor<Errands>, Receiver<Input>) {
    let (sender, receiver) = channel();
    let mut settings = Settings::new("test".parse().unwrap());
    settings.quiet = quiet;
    settings.reach = Duration::from_secs(5);
    let kept = Arc::new(Kept(sender));
    let executor = MachineExecutor::new(
        Handle::current(),
        door.links(),
        Arc::new(OneBuild),
        settings,
        kept,
        Errands::default(),
    );
    (executor, receiver)
}

fn effect(mode: Mode, machine: u32, action: Action, build: u32) -> Effect {
    let target = Target::Machine {
        rollout: RolloutId(7),
        machine: MachineId(machine),
        serial: 3,
        action,
        build: BuildNumber(build),
    };
    Effect { mode, tenure: 5, deadline: Timestamp(20_000), target }
}

async fn answered(answers: &Receiver<Input>) -> (Outcome, Option<String>) {
    let (outcome, note, _) = reported(answers).await;
    (outcome, note)
}

async fn reported(answers: &Receiver<Input>) -> (Outcome, Option<String>, Span) {
    for _ in 0..2_000 {
        if let Ok(input) = answers.try_recv() {
            let Command::Rollout(RolloutCommand::Report { rollout, serial, outcome, note, took, .. }) =
                input.command
            else {
                panic!("{input:?}");
            };
            assert_eq!((rollout, serial), (RolloutId(7), 3));
            return (outcome, note, took);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer came");
}

#[tokio::test]
async fn an_effect_becomes_a_job_and_its_end_a_report() {
    if !sshd_is_there() {
        return;
    }
    let checked =
        r#"say '{"seq":2,"at_ms":1,"kind":"ended","value":{"done":{"checked":{"work":"reboot-only"}}}}'"#;
    let door = Door::with(&format!("{HELLO}echo \"$JOB\" >job; began; {checked}")).await;
    let (mut executor, answers) = executor(&door);
    let state = state(&door);
    executor.start(&state, effect(Mode::Act, 0, Action::Check, 1));
    assert_eq!(answered(&answers).await, (Outcome::Found(Work::RebootOnly), None));
    let text = std::fs::read_to_string(door.dir.path().join("job")).unwrap();
    let job: Job = serde_json::from_str(&text).unwrap();
    assert_eq!(job.id.as_str(), "test-r7-0-m0-s3");
    let fence = job.fence.unwrap();
    assert_eq!((fence.controller.as_str(), fence.tenure), ("test", 5));
    assert!(matches!(job.action, Wish::Check(patch) if patch.build == 1));
}

/// What a patch is reported with, where lists of packages are kept beside this folder.
async fn patch_with(door: &Door, data: &Path) -> (Option<Digest>, Option<String>) {
    let (sender, answers) = channel();
    let settings =
        Settings { packages: Some(BlobFolder::beside(data)), ..Settings::new("test".parse().unwrap()) };
    let (kept, builds) = (Arc::new(Kept(sender)), Arc::new(OneBuild));
    let mut executor =
        MachineExecutor::new(Handle::current(), door.links(), builds, settings, kept, Errands::default());
    executor.start(&state(door), effect(Mode::Act, 0, Action::Patch, 1));
    let told = tokio::task::spawn_blocking(move || answers.recv_timeout(Duration::from_secs(20)));
    let Command::Rollout(RolloutCommand::Report { packages, note, .. }) =
        told.await.unwrap().unwrap().command
    else {
        panic!("expected a report");
    };
    (packages, note)
}

#[tokio::test]
async fn what_a_patch_changed_is_kept_before_it_is_told() {
    if !sshd_is_there() {
        return;
    }
    let changes = r#"[{"name":"openssl","architecture":"amd64","from":"1","to":"2"}]"#;
    let patched = format!(
        r#"say '{{"seq":2,"at_ms":1,"kind":"ended","value":{{"done":{{"patched":{{"build":1,"changes":{changes}}}}}}}}}'"#
    );
    let door = Door::with(&format!("{HELLO}began; {patched}")).await;
    let data = door.dir.path().join("data");
    let (packages, note) = patch_with(&door, &data).await;
    assert_eq!(note.as_deref(), Some("1 package: openssl 1 -> 2"));
    let digest = packages.unwrap().as_str().parse().unwrap();
    let list = BlobFolder::beside(&data).get(digest).unwrap().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    assert_eq!((&list["machine"], &list["project"]), (&"web-1".into(), &7.into()));
    assert_eq!(list["patched"]["changes"][0]["to"], "2");
    // Where nothing can be kept the machine goes on all the same, and the note says so.
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::write(&data, "in the way").unwrap();
    let (packages, note) = patch_with(&door, &data).await;
    assert_eq!(packages, None);
    assert!(note.unwrap().contains("the list of packages could not be kept: "));
}

#[tokio::test]
async fn a_machine_at_rest_is_asked_to_forget() {
    if !sshd_is_there() {
        return;
    }
    let script = r#"echo "$JOB" >>jobs
case $JOB in
*clean*) say '{"seq":1,"at_ms":1,"kind":"ended","value":{"done":{"cleaned":{"operations":3}}}}' ;;
*) began; ended 2 ;;
esac"#;
    let door = Door::with(&format!("{HELLO}{script}")).await;
    let quiet = Duration::from_millis(300);
    let (mut executor, answers) = executor_with(&door, quiet);
    let state = state(&door);
    let jobs = || {
        let text = std::fs::read_to_string(door.dir.path().join("jobs")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str::<Job>(line).unwrap()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        executor.start(&state, effect(Mode::Act, 0, Action::Drain, 1));
        assert_eq!(answered(&answers).await, (Outcome::Done, None));
    }
    for _ in 0..2_000 {
        if jobs().len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The next time it is not asked again, and the driver never hears of it.
    executor.start(&state, effect(Mode::Act, 0, Action::Drain, 1));
    assert_eq!(answered(&answers).await, (Outcome::Done, None));
    tokio::time::sleep(quiet * 4).await;
    let words: Vec<&str> = jobs().iter().map(|job| job.action.word()).collect();
    assert_eq!(words, ["drain", "drain", "clean", "drain"]);
    let clean = &jobs()[2];
    assert_eq!((clean.id.as_str(), clean.fence.as_ref().unwrap().tenure), ("test-m0-clean", 5));
    assert!(matches!(&clean.action, Wish::Clean(clean) if clean.older_than_s == 30 * 86_400));
    assert!(answers.try_recv().is_err());
    assert_eq!(door.knocks(), 1);
}

#[tokio::test]
async fn a_rollout_of_another_journal_has_other_operations() {
    if !sshd_is_there() {
        return;
    }
    let text = "pipeline: p\ntitle: p\nowner: ana\nsteps:\n  - step: s\n    title: s\n    change: none\n    bags: [{bag: b, machines: all}]\n";
    let pipeline = smith_server::config::pipeline::load("p.yaml", text.as_bytes()).unwrap().remove(0);
    let started = |number| RolloutEvent::Started {
        rollout: RolloutId(number),
        pipeline: Box::new(pipeline.clone()),
        build: BuildNumber(1),
        by: "ana".to_owned(),
        scope: Scope::Pipeline,
        reason: None,
    };
    let mut names = Vec::new();
    // The same number and serial, of a rollout that was started at another time.
    for at in [0x1a, 0x1b] {
        let door = Door::with(&format!("{HELLO}echo \"$JOB\" >job; began; say '{{\"seq\":2,\"at_ms\":1,\"kind\":\"ended\",\"value\":{{\"done\":\"drained\"}}}}'")).await;
        let (mut executor, answers) = executor(&door);
        let mut state = state(&door);
        for number in 1..=7 {
            state.evolve(&Event::Rollout(started(number)), Timestamp(at));
        }
        executor.start(&state, effect(Mode::Act, 0, Action::Drain, 1));
        assert_eq!(answered(&answers).await.0, Outcome::Done);
        let job = std::fs::read_to_string(door.dir.path().join("job")).unwrap();
        names.push(serde_json::from_str::<Job>(&job).unwrap().id.as_str().to_owned());
    }
    assert_eq!(names, ["test-r7-1a-m0-s3", "test-r7-1b-m0-s3"]);
}

#[tokio::test]
async fn what_began_before_the_server_did_lasted_as_long_as_the_machine_says() {
    if !sshd_is_there() {
        return;
    }
    let story = |ended: u64| {
        let began =
            r#"{"seq":1,"at_ms":1000,"kind":"began","value":{"id":"test-r7-0-m0-s3","action":"drain"}}"#;
        let ended = format!(r#"{{"seq":2,"at_ms":{ended},"kind":"ended","value":{{"done":"drained"}}}}"#);
        format!("{HELLO}say '{began}'; say '{ended}'")
    };
    // By a clock that was set meanwhile it took years, which nobody believes.
    for (ended, least, most) in
        [(52_000, Span::secs(51), Span::secs(51)), (u64::MAX, Span(0), Span::secs(20))]
    {
        let door = Door::with(&story(ended)).await;
        let (mut executor, answers) = executor(&door);
        executor.start(&state(&door), effect(Mode::Seek, 0, Action::Drain, 1));
        let (outcome, _, took) = reported(&answers).await;
        assert_eq!(outcome, Outcome::Done);
        assert!((least..=most).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn looking_begins_nothing() {
    if !sshd_is_there() {
        return;
    }
    let unknown =
        r#"say '{"seq":0,"at_ms":1,"kind":"refused","value":{"unknown":{"id":"test-r7-0-m0-s3"}}}'"#;
    let door = Door::with(&format!("{HELLO}echo \"$JOB\" >job; {unknown}")).await;
    let (mut executor, answers) = executor(&door);
    executor.start(&state(&door), effect(Mode::Seek, 0, Action::Patch, 1));
    let (outcome, note) = answered(&answers).await;
    assert_eq!(outcome, Outcome::NotBegun);
    assert_eq!(
        note.as_deref(),
        Some(
            "the machine knows no operation test-r7-0-m0-s3: it was never asked for it, or has forgotten it (`clean`, or after a month)"
        )
    );
    let text = std::fs::read_to_string(door.dir.path().join("job")).unwrap();
    let job: Job = serde_json::from_str(&text).unwrap();
    let Wish::Attach(attach) = job.action else { panic!("{text}") };
    assert_eq!(attach.to.as_str(), "test-r7-0-m0-s3");
}

/// An agent on a full disk: it cannot close a name, and knows all the same whether it has an operation (`$1`).
const FULL: &str = r#"full() {
    case $JOB in
    *fence*) say '{"seq":0,"at_ms":1,"kind":"refused","value":{"cannot-keep":{"message":"no space"}}}' ;;
    *) say "$1" ;;
    esac
}
"#;

#[tokio::test]
async fn a_full_disk_does_not_hide_that_nothing_was_begun() {
    if !sshd_is_there() {
        return;
    }
    let unknown = r#"'{"seq":0,"at_ms":1,"kind":"refused","value":{"unknown":{"id":"test-r7-0-m0-s3"}}}'"#;
    let running = r#"'{"seq":0,"at_ms":1,"kind":"running"}'"#;
    let full = Outcome::Failed(CauseKind::DiskFull);
    for (there, expected) in [(unknown, full), (running, Outcome::Lost)] {
        let door = Door::with(&format!("{HELLO}{FULL}full {there}")).await;
        let (mut executor, answers) = executor(&door);
        let soon = Effect { deadline: Timestamp(3_000), ..effect(Mode::Seek, 0, Action::Patch, 1) };
        executor.start(&state(&door), soon);
        assert_eq!(answered(&answers).await, (expected, Some("no space".to_owned())));
        // It was asked to close the name as long as there was time.
        assert!(door.starts() >= 4, "{}", door.starts());
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_at_once() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("exit").await;
    let (mut executor, answers) = executor(&door);
    let state = state(&door);
    executor.start(&state, effect(Mode::Act, 1, Action::Drain, 1));
    let (outcome, note) = answered(&answers).await;
    assert_eq!(outcome, Outcome::Failed(CauseKind::Unreachable));
    assert_eq!(note.as_deref(), Some("expected an address of web-2 in the inventory, found none"));
    executor.start(&state, effect(Mode::Act, 0, Action::Patch, 9));
    let (outcome, note) = answered(&answers).await;
    assert_eq!(outcome, Outcome::Failed(CauseKind::MirrorUnreachable));
    assert!(note.unwrap().ends_with("build 9 to web-1: it was never made"));
    // Whoever only looks and cannot has not found out anything.
    executor.start(&state, effect(Mode::Seek, 1, Action::Drain, 1));
    assert_eq!(answered(&answers).await.0, Outcome::Lost);
    assert_eq!(door.starts(), 0);
}

#[tokio::test]
async fn errands_are_passed_on() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("exit").await;
    let (mut executor, _answers) = executor(&door);
    let kind = ErrandKind::Call(RolloutId(7), 0);
    let target = Target::Errand { errand: ErrandId(4), kind, attempt: 1 };
    let errand = Effect { mode: Mode::Act, tenure: 5, deadline: Timestamp(9), target };
    executor.start(&state(&door), errand);
    assert_eq!(executor.errands_mut().0, [errand]);
}
