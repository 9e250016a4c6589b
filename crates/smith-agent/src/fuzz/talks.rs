//! Jobs and replies.

use std::fs;

use smith_agent::protocol::{Body, Refusal, Reply, read_job, read_reply};

use crate::op::Host;
use crate::talk::answer;

/// A job is read the same when it is written anew, or is refused with a word that says why, and leaves nothing.
pub(super) fn check_job(input: &[u8]) {
    match read_job(&mut &input[..]) {
        Ok(job) => {
            let mut line = serde_json::to_vec(&job).unwrap();
            line.push(b'\n');
            assert_eq!(read_job(&mut line.as_slice()), Ok(job));
        }
        Err(expected) => {
            let refusal = refused(input);
            assert_eq!(refusal, expected);
            assert!(matches!(refusal, Refusal::Malformed { .. } | Refusal::OldAgent { .. }), "{refusal:?}");
        }
    }
}

/// What is answered to something that is no job.
pub(crate) fn refused(input: &[u8]) -> Refusal {
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

#[test]
fn job() {
    bolero::check!().for_each(check_job);
}

#[test]
fn reply() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(reply) = read_reply(input) {
            let line = serde_json::to_vec(&reply).unwrap();
            assert_eq!(read_reply(&line).unwrap(), reply);
        }
    });
}
