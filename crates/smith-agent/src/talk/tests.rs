//! Talks with what is no text. What is almost a job is in `fuzz`.

use smith_agent::protocol::{JOB_MAX, Refusal};

use crate::fuzz::refused;

#[test]
fn what_is_not_text_is_refused() {
    let long = vec![b' '; JOB_MAX + 1];
    for input in [&b"\xff\xfe{\n"[..], &[0; 4096], &long, b"{\"protocol\":1,\"id\":\"\xc3\x28\"}\n"] {
        assert!(matches!(refused(input), Refusal::Malformed { .. }));
    }
}
