//! Operations whose connection breaks, whose agent lies, and whose machine is slow.

use std::time::{Duration, Instant};

use smith_agent::protocol::{Action, Done, Job, Outcome};
use smith_server::machine::{Ending, Patience, perform};

use crate::door::{Door, sshd_is_there};

pub(crate) const HELLO: &str = r#"say() { printf '%s\n' "$1"; }
read -r JOB
say '{"seq":0,"at_ms":1,"kind":"hello","value":{"protocol":1,"version":"9","boot":"b"}}'
began() { say '{"seq":1,"at_ms":1,"kind":"began","value":{"id":"a-1","action":"drain"}}'; }
log() { say "{\"seq\":$1,\"at_ms\":1,\"kind\":\"log\",\"value\":{\"text\":\"line $1\"}}"; }
ended() { say "{\"seq\":$1,\"at_ms\":1,\"kind\":\"ended\",\"value\":{\"done\":\"drained\"}}"; }
"#;

fn job() -> Job {
    Job { protocol: 1, id: "a-1".parse().unwrap(), fence: None, limit_s: 60, action: Action::Drain }
}

fn patience() -> Patience {
    Patience {
        reach: Duration::from_secs(20),
        whole: Duration::from_secs(20),
        silence: Duration::from_secs(10),
    }
}

async fn play(script: &str, patience: Patience) -> (Door, Ending, Vec<u64>) {
    let door = Door::with(&format!("{HELLO}{script}")).await;
    let mut seen = Vec::new();
    let folder = door.dir.path().to_owned();
    let (links, job) = (door.links(), job());
    let ending = perform(&links, &door.address, &job, patience, |reply| {
        seen.push(reply.seq);
        // The script can wait until something was heard.
        std::fs::write(folder.join(format!("heard-{}", reply.seq)), "").unwrap();
    });
    let ending = ending.await;
    (door, ending, seen)
}

fn drained() -> Ending {
    Ending::Ended(Outcome::Done(Done::Drained))
}

#[tokio::test]
async fn a_story_is_heard_to_its_end() {
    if !sshd_is_there() {
        return;
    }
    let (door, ending, seen) = play("began; log 2; ended 3", patience()).await;
    assert_eq!((ending, seen), (drained(), vec![0, 1, 2, 3]));
    assert_eq!(door.starts(), 1);
}

#[tokio::test]
async fn a_broken_connection_is_made_again_and_nothing_is_told_twice() {
    if !sshd_is_there() {
        return;
    }
    // The first talk breaks after two replies; the second is asked for the rest and tells all of it.
    let script = "echo \"$JOB\" >>jobs; began; log 2; \
                  if test $COUNT = 0; then until test -e heard-2; do sleep 0.02; done; exec kill -9 $PPID; fi; log 3; ended 4";
    let (door, ending, seen) = play(script, patience()).await;
    // Each talk begins with a greeting.
    assert_eq!((ending, seen), (drained(), vec![0, 1, 2, 0, 3, 4]));
    assert_eq!(door.starts(), 2);
    let jobs = std::fs::read_to_string(door.dir.path().join("jobs")).unwrap();
    let asked: Vec<Job> = jobs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(asked[0].action, Action::Drain);
    let Action::Attach(attach) = &asked[1].action else { panic!("{:?}", asked[1]) };
    assert_eq!((attach.to.as_str(), attach.from), ("a-1", 2));
}

#[tokio::test]
async fn what_is_no_agent_is_given_up_soon() {
    if !sshd_is_there() {
        return;
    }
    for (script, words) in [
        ("echo 'Welcome to this machine'", "expected a reply of an agent, found"),
        ("echo no such program >&2; exit 127", "found a program that ended with code 127 no such program"),
    ] {
        let door = Door::with(script).await;
        let ending = perform(&door.links(), &door.address, &job(), patience(), |_| {}).await;
        let Ending::NotAnAgent { why } = &ending else { panic!("{ending:?}") };
        assert!(why.contains(words), "{why}");
        assert_eq!(door.starts(), 3);
    }
}

#[tokio::test]
async fn an_agent_without_end_is_cut() {
    if !sshd_is_there() {
        return;
    }
    let begun = Instant::now();
    let short = Patience { whole: Duration::from_secs(3), ..patience() };
    let (_, ending, _) = play("began; exec tr '\\0' x </dev/zero", short).await;
    let Ending::Lost { why } = &ending else { panic!("{ending:?}") };
    assert!(why.contains("at most"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn silence_is_not_waited_out() {
    if !sshd_is_there() {
        return;
    }
    let short = Patience { whole: Duration::from_secs(3), silence: Duration::from_secs(1), ..patience() };
    let (door, ending, _) = play("began; exec sleep 100", short).await;
    assert_eq!(ending, Ending::Lost { why: "nothing was heard for 1 s".to_owned() });
    assert!(door.starts() >= 2);
}

#[tokio::test]
async fn a_machine_that_is_not_there_has_begun_nothing() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("exit").await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut address = door.address.clone();
    address.sockets = vec![nobody];
    let short = Patience { reach: Duration::from_secs(2), ..patience() };
    let ending = perform(&door.links(), &address, &job(), short, |_| {}).await;
    assert!(matches!(ending, Ending::Unreachable { .. }), "{ending:?}");
    assert_eq!(door.starts(), 0);
}

#[tokio::test]
async fn a_machine_that_only_says_that_it_is_there_has_its_time() {
    if !sshd_is_there() {
        return;
    }
    let alive = r#"while :; do say '{"seq":0,"at_ms":1,"kind":"alive"}'; sleep 0.1; done"#;
    let short = Patience { whole: Duration::from_secs(2), ..patience() };
    let begun = Instant::now();
    let (_, ending, _) = play(&format!("began; {alive}"), short).await;
    assert!(matches!(ending, Ending::Lost { .. }), "{ending:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn what_was_taken_on_and_cannot_be_read_is_not_undone() {
    if !sshd_is_there() {
        return;
    }
    let refused =
        r#"say '{"seq":0,"at_ms":1,"kind":"refused","value":{"cannot-keep":{"message":"read-only"}}}'"#;
    let short = Patience { whole: Duration::from_secs(3), ..patience() };
    let (_, ending, _) = play(&format!("began; {refused}"), short).await;
    assert_eq!(ending, Ending::Lost { why: "read-only".to_owned() });
}

#[tokio::test]
async fn what_was_taken_on_and_is_refused_later_is_lost() {
    if !sshd_is_there() {
        return;
    }
    // The second talk is with an agent that does not know the question, or nothing of the operation.
    for (refusal, words) in [
        (r#"{"old-agent":{"message":"unknown variant attach"}}"#, "unknown variant attach"),
        (
            r#"{"unknown":{"id":"a-1"}}"#,
            "the machine knows no operation a-1: it was never asked for it, or has forgotten it (`clean`, or after a month)",
        ),
    ] {
        let script = format!(
            "if test $COUNT = 0; then began; until test -e heard-1; do sleep 0.02; done; exec kill -9 $PPID; fi; \
             say '{{\"seq\":0,\"at_ms\":1,\"kind\":\"refused\",\"value\":{refusal}}}'"
        );
        let (door, ending, _) = play(&script, patience()).await;
        assert_eq!(ending, Ending::Lost { why: words.to_owned() });
        assert_eq!(door.starts(), 2);
    }
}
