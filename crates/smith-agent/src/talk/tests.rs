//! Talks with what is almost a job.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use smith_agent::protocol::{Body, JOB_MAX, Refusal, Reply, read_job, read_reply};

use super::answer;
use crate::op::Host;

/// What a job is made of, and what a hostile one would put there.
const PARTS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\",
    "\n",
    "\0",
    "-1",
    "1e999",
    "null",
    "true",
    "18446744073709551616",
    "\"protocol\":1,",
    "\"id\":\"../x\"",
    "\"action\":\"facts\"",
    "\"attach\"",
    "..",
    "\\u0000",
    "\u{202e}",
    "{\"protocol\":1,\"id\":\"a\",\"limit_s\":1,\"action\":{\"run\":\"id\"}}\n",
    "\u{feff}",
];

#[derive(Debug, Clone)]
enum Change {
    Put(prop::sample::Index, usize),
    Drop(prop::sample::Index, usize),
    Twice(prop::sample::Index, usize),
    Byte(prop::sample::Index, u8),
    End(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 0..PARTS.len()).prop_map(|(at, part)| Change::Put(at, part)),
        (at(), 1..40_usize).prop_map(|(at, length)| Change::Drop(at, length)),
        (at(), 1..40_usize).prop_map(|(at, length)| Change::Twice(at, length)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        at().prop_map(Change::End),
    ]
}

fn changed(mut job: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = job.len().max(1);
        let span = |at: &prop::sample::Index, most: usize| {
            let from = at.index(length).min(job.len());
            from..(from + most).min(job.len())
        };
        match change {
            Change::Put(at, part) => {
                let at = span(at, 0);
                job.splice(at, PARTS[*part].bytes());
            }
            Change::Drop(at, most) => drop(job.drain(span(at, *most))),
            Change::Twice(at, most) => {
                let span = span(at, *most);
                let copy = job[span.clone()].to_vec();
                job.splice(span.start..span.start, copy);
            }
            Change::Byte(at, byte) => {
                let span = span(at, 1);
                job[span].fill(*byte);
            }
            Change::End(at) => job.truncate(at.index(length)),
        }
    }
    job
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with("reply-"));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Whole jobs as a controller sends them, and the corpus of what is none.
fn seeds() -> Vec<Vec<u8>> {
    let line = |text: Vec<u8>| {
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        format!("{value}\n").into_bytes()
    };
    let jobs = files("golden").into_iter().map(line);
    jobs.chain(files("corpus")).collect()
}

/// What is answered to something that is no job. Nothing is left of it on the machine but a line in the log for people.
fn refused(input: &[u8]) -> Refusal {
    let root = tempfile::tempdir().unwrap();
    let mut output = Vec::new();
    answer(&Host::at(root.path()), &mut &input[..], &mut output, None).unwrap();
    let lines = output.split_inclusive(|&byte| byte == b'\n');
    let replies: Vec<Reply> = lines.map(|line| read_reply(line.trim_ascii()).unwrap()).collect();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "something was made");
    match replies.as_slice() {
        [Reply { body: Body::Hello(_), .. }, Reply { body: Body::Refused(refusal), .. }] => refusal.clone(),
        other => panic!("expected a greeting and a refusal, found {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_almost_a_job_is_a_job_or_refused(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let seeds = seeds();
        let input = changed(seed.get(&seeds).clone(), &changes);
        // What is still a job is for others to answer.
        if let Err(expected) = read_job(&mut input.as_slice()) {
            let refusal = refused(&input);
            prop_assert_eq!(&refusal, &expected);
            let typed = matches!(refusal, Refusal::Malformed { .. } | Refusal::OldAgent { .. });
            prop_assert!(typed, "{:?}", refusal);
        }
    }
}

#[test]
fn what_is_not_text_is_refused() {
    let long = vec![b' '; JOB_MAX + 1];
    for input in [&b"\xff\xfe{\n"[..], &[0; 4096], &long, b"{\"protocol\":1,\"id\":\"\xc3\x28\"}\n"] {
        assert!(matches!(refused(input), Refusal::Malformed { .. }));
    }
}
