//! Messages brought by real programs and to a real address.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::{Brought, Message, Notifier};
use crate::config::settings::{NoticeRule, Subjects, Target};

fn message(about: &str) -> Message {
    let text = "project 7 halts: 3 of 3 machines failed".to_owned();
    Message { about: about.to_owned(), text, project: Some(7), id: "errand-12".to_owned() }
}

fn to(about: &[&str], to: Target) -> NoticeRule {
    let about = about.iter().map(|word| (*word).to_owned()).collect();
    NoticeRule { about: Subjects::These(about), to }
}

fn script(folder: &std::path::Path, text: &str) -> Target {
    let path = folder.join("tell");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Target::Command(vec![path.display().to_string(), folder.display().to_string()])
}

#[tokio::test]
async fn a_program_gets_the_message_as_json_and_only_what_it_wants() {
    let folder = tempfile::tempdir().unwrap();
    let tell = script(folder.path(), "cat >> \"$1/heard\"; echo >> \"$1/heard\"");
    let notifier = Notifier::new(vec![to(&["halted"], tell)], &folder.path().join("told")).unwrap();
    assert_eq!(notifier.tell(&message("halted")).await, Brought::ToAll);
    assert_eq!(notifier.tell(&message("rollout-started")).await, Brought::ToAll);
    let heard = std::fs::read_to_string(folder.path().join("heard")).unwrap();
    assert_eq!(
        heard.trim(),
        r#"{"about":"halted","text":"project 7 halts: 3 of 3 machines failed","project":7,"id":"errand-12"}"#
    );
}

/// Cargo tells tests much about themselves, as the one who starts a server may tell it secrets.
#[tokio::test]
async fn a_program_gets_little_of_the_environment_of_the_server() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && std::env::var_os("PATH").is_some());
    let folder = tempfile::tempdir().unwrap();
    let tell = script(folder.path(), "env > \"$1/heard\"");
    let notifier = Notifier::new(vec![to(&["call"], tell)], &folder.path().join("told.json")).unwrap();
    assert_eq!(notifier.tell(&message("call")).await, Brought::ToAll);
    let heard = std::fs::read_to_string(folder.path().join("heard")).unwrap();
    // What the shell sets by itself.
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let known = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ"];
    let names = heard.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let foreign: Vec<&str> = names
        .filter(|name| !own.contains(name) && !known.contains(name) && !name.starts_with("LC_"))
        .collect();
    assert_eq!(foreign, [""; 0]);
    assert!(heard.lines().any(|line| line.starts_with("PATH=")), "{heard}");
}

fn why(brought: Brought) -> String {
    let Brought::NotToAll(why) = brought else { panic!("expected that it failed, found {brought:?}") };
    why
}

fn heard(folder: &std::path::Path) -> usize {
    std::fs::read_to_string(folder.join("heard")).map_or(0, |text| text.lines().count())
}

/// What a program says of itself is for the log of the server: it may be a secret, and errands are seen by all who may look.
#[tokio::test]
async fn a_program_that_fails_is_named_and_the_others_are_told_once() {
    let (bad, good) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let failing = script(bad.path(), "echo tried >> \"$1/heard\"; echo the token is 4711 >&2; exit 3");
    let working = script(good.path(), "echo told >> \"$1/heard\"");
    let rules = vec![to(&["call"], failing), to(&["call"], working)];
    let memory = bad.path().join("told.json");
    let notifier = Notifier::new(rules.clone(), &memory).unwrap();
    for _ in 0..3 {
        let why = why(notifier.tell(&message("call")).await);
        assert!(why.ends_with("exit status: 3; the server's log has its last line"), "{why}");
    }
    assert_eq!((heard(bad.path()), heard(good.path())), (3, 1));
    // A server that is started again knows it as well.
    let next = Notifier::new(rules.clone(), &memory).unwrap();
    why(next.tell(&message("call")).await);
    assert_eq!((heard(bad.path()), heard(good.path())), (4, 1));
    // Once the other one takes it, all have it, and another message is for all.
    script(bad.path(), "true");
    assert_eq!(next.tell(&message("call")).await, Brought::ToAll);
    assert_eq!(heard(good.path()), 1);
    let other = Message { id: "errand-13".to_owned(), ..message("call") };
    assert_eq!(next.tell(&other).await, Brought::ToAll);
    assert_eq!(heard(good.path()), 2);
    assert_eq!(std::fs::read_to_string(&memory).unwrap(), "[]");
    let nobody = to(&["call"], Target::Command(vec!["/no/such/program".to_owned()]));
    let nobody = Notifier::new(vec![nobody], &memory).unwrap();
    assert!(why(nobody.tell(&message("call")).await).starts_with("/no/such/program: "));
}

/// Each waits for the other: one after the other they would never end.
#[tokio::test]
async fn targets_are_told_at_the_same_time_and_a_message_is_on_its_way_once() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let meet = |mine: &std::path::Path, other: &std::path::Path| {
        script(
            mine,
            &format!("touch \"$1/here\"; until [ -e {}/here ]; do sleep 0.01; done", other.display()),
        )
    };
    let rules =
        vec![to(&["call"], meet(one.path(), two.path())), to(&["call"], meet(two.path(), one.path()))];
    let notifier = Notifier::new(rules, &one.path().join("told.json")).unwrap();
    let call = message("call");
    let (first, second) = tokio::join!(notifier.tell(&call), notifier.tell(&call));
    assert_eq!((first, second), (Brought::ToAll, Brought::UnderWay));
}

#[tokio::test]
async fn a_program_that_says_much_and_leaves_a_child_behind_is_heard_to_its_own_end() {
    let folder = tempfile::tempdir().unwrap();
    let loud = script(folder.path(), "head -c 20000000 /dev/zero >&2; sleep 50 & exit 4");
    let notifier = Notifier::new(vec![to(&["call"], loud)], &folder.path().join("told.json")).unwrap();
    let begun = std::time::Instant::now();
    assert!(why(notifier.tell(&message("call")).await).contains("exit status: 4"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "its child is not waited for");
}

#[tokio::test]
async fn an_address_gets_the_message_with_its_name_and_must_answer_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut heard = Vec::new();
        for answer in ["204 No Content", "503 Service Unavailable"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            let mut bytes = [0; 1024];
            while !text.contains("errand-12\"}") {
                let read = stream.read(&mut bytes).unwrap();
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            heard.push(text);
        }
        heard
    });
    let folder = tempfile::tempdir().unwrap();
    let rules = vec![to(&["halted"], Target::Webhook(address))];
    let notifier = Notifier::new(rules, &folder.path().join("told.json")).unwrap();
    assert_eq!(notifier.tell(&message("halted")).await, Brought::ToAll);
    let why = why(notifier.tell(&message("halted")).await);
    assert_eq!(why, "webhook: expected success, found 503 Service Unavailable");
    let heard = served.join().unwrap();
    assert!(heard[0].starts_with("POST /hook HTTP/1.1"), "{}", heard[0]);
    assert!(heard[0].to_lowercase().contains("idempotency-key: errand-12"), "{}", heard[0]);
}
