//! What is not a job is refused with a word, and leaves nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use smith_agent::protocol::{JOB_MAX, Refusal};

use crate::world::{World, attach, drain, job};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn assert_refused(world: &World, job: &str, what: &str) {
    let talked = world.talk(job);
    let refusal = talked.refusal();
    assert!(matches!(refusal, Refusal::Malformed { .. } | Refusal::OldAgent { .. }), "{what}: {refusal:?}");
    assert_eq!(talked.lines.len(), 2, "{what}: {talked:?}");
    assert_eq!(world.operations(), Vec::<String>::new(), "{what}");
}

#[test]
fn the_corpus_is_refused() {
    let world = World::new();
    world.drain_by("");
    let corpus = files("corpus");
    assert!(corpus.len() >= 20);
    for path in corpus {
        let text = fs::read_to_string(&path).unwrap();
        assert_refused(&world, &text, &path.display().to_string());
    }
    assert_eq!(world.drains(), 0);
}

#[test]
fn a_part_of_a_job_is_refused() {
    let world = World::new();
    world.drain_by("");
    let job = drain("a-1");
    for end in (1..job.len()).step_by(3) {
        assert_refused(&world, &format!("{}\n", &job[..end - 1]), &job[..end - 1]);
    }
    let mut cut = world.start(&job[..job.len() - 1]);
    cut.until(|body| matches!(body, smith_agent::protocol::Body::Hello(_)));
    cut.kill();
    assert_eq!((world.drains(), world.operations().len()), (0, 0));
}

#[test]
fn endless_jobs_are_refused() {
    let world = World::new();
    let long = "x".repeat(JOB_MAX + 1);
    assert_refused(&world, &long, "long");
    assert_refused(&world, &format!("{{\"protocol\":1,\"id\":\"{long}\"}}\n"), "long in a field");
    let field = "y".repeat(JOB_MAX - 200);
    assert_refused(&world, &format!("{{\"protocol\":1,\"{field}\":1}}\n"), "a long field");
    assert_refused(&world, &format!("{}\n", "[".repeat(JOB_MAX - 1)), "deep");
    assert_refused(&world, &format!("{}\n", "{\"protocol\":".repeat(1000)), "deep objects");
}

/// What the agent ends with after this job.
fn code_after(world: &World, job: &str) -> Option<i32> {
    let mut command = world.agent(&[]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Dropped at once: the talk has no more input.
    child.stdin.take().unwrap().write_all(job.as_bytes()).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn a_refused_job_is_no_success() {
    let world = World::new();
    assert_eq!(code_after(&world, "#!/bin/sh\n"), Some(1));
    assert_eq!(code_after(&world, &attach("a-1", 0, "now")), Some(1));
    assert_eq!(code_after(&world, &drain("a-1")), Some(0));
}

#[test]
fn a_password_in_an_address_is_neither_told_nor_kept() {
    let world = World::new();
    let source = r#"{"uri":"http://user:geheim@m/a","components":["main"],"releases":[{"suite":"s"}]}"#;
    let patch = format!(r#"{{"patch":{{"build":1,"sources":[{source}],"keyring":"mQ=="}}}}"#);
    let talked = world.talk(&job("p-1", None, &patch));
    let Refusal::Malformed { message } = talked.refusal() else { panic!("{talked:?}") };
    assert!(
        message.contains("without a name, password or token, found one in that of source 1"),
        "{message}"
    );
    // What is almost a job is told by the parser, which repeats words of it.
    let almost = patch.replace("\"sources\":[", "\"sources\":\"http://user:geheim@m/\",\"x\":[");
    let again = world.talk(&job("p-2", None, &almost));
    assert!(!format!("{talked:?}{again:?}{}", world.log()).contains("geheim"), "{again:?}");
    assert_eq!(world.operations(), Vec::<String>::new());
}
