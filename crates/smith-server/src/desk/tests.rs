//! Messages brought by real programs and to a real address.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::{Message, Notifier};
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
    let notifier = Notifier::new(vec![to(&["halted"], tell)]).unwrap();
    notifier.tell(&message("halted")).await.unwrap();
    notifier.tell(&message("rollout-started")).await.unwrap();
    let heard = std::fs::read_to_string(folder.path().join("heard")).unwrap();
    assert_eq!(
        heard.trim(),
        r#"{"about":"halted","text":"project 7 halts: 3 of 3 machines failed","project":7,"id":"errand-12"}"#
    );
}

#[tokio::test]
async fn a_program_that_fails_says_why_and_the_others_are_told_all_the_same() {
    let (bad, good) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let failing = script(bad.path(), "echo the pager is broken >&2; exit 3");
    let working = script(good.path(), "touch \"$1/heard\"");
    let notifier = Notifier::new(vec![to(&["call"], failing), to(&["call"], working)]).unwrap();
    let why = notifier.tell(&message("call")).await.unwrap_err();
    assert!(why.contains("exit status: 3") && why.ends_with("the pager is broken"), "{why}");
    assert!(good.path().join("heard").exists());
    let nobody =
        Notifier::new(vec![to(&["call"], Target::Command(vec!["/no/such/program".to_owned()]))]).unwrap();
    assert!(nobody.tell(&message("call")).await.unwrap_err().starts_with("/no/such/program: "));
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
    let notifier = Notifier::new(vec![to(&["halted"], Target::Webhook(address))]).unwrap();
    notifier.tell(&message("halted")).await.unwrap();
    let why = notifier.tell(&message("halted")).await.unwrap_err();
    assert_eq!(why, "webhook: expected success, found 503 Service Unavailable");
    let heard = served.join().unwrap();
    assert!(heard[0].starts_with("POST /hook HTTP/1.1"), "{}", heard[0]);
    assert!(heard[0].to_lowercase().contains("idempotency-key: errand-12"), "{}", heard[0]);
}
