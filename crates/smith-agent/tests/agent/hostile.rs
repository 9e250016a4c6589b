//! What is not a job is refused with a word, and leaves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use smith_agent::protocol::{JOB_MAX, Refusal};

use crate::world::{World, drain};

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
