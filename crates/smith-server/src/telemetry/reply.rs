//! What a collector's answer means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::Value;
use smith_domain::plain;

/// Characters of what a collector says; it may be a page.
const SAID_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// It was taken, but for some.
    Taken { refused: usize, said: String },
    /// It will never be taken.
    Refused(String),
    /// It may be taken later, after that time if the collector named one.
    Later { why: String, after: Option<Duration> },
}

/// Statuses after which OTLP wants the same to be sent again.
const AGAIN: [u16; 4] = [429, 502, 503, 504];

pub(super) fn reply(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Reply {
    if (200..300).contains(&status) {
        return taken(body);
    }
    let why = format!("expected success, found {status}");
    if AGAIN.contains(&status) {
        return Reply::Later { why, after: retry_after.and_then(|text| wait(text, now)) };
    }
    let said = line(&String::from_utf8_lossy(body));
    Reply::Refused(if said.is_empty() { why } else { format!("{why}: {said}") })
}

/// Success may be partial. A body that is no JSON says nothing: the status has said it all.
fn taken(body: &[u8]) -> Reply {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let partial = &answer["partialSuccess"];
    let number = |key: &str| match &partial[key] {
        Value::String(text) => text.parse().unwrap_or(0),
        Value::Number(number) => number.as_u64().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 0,
    };
    let refused = number("rejectedSpans").max(number("rejectedDataPoints"));
    let said = line(partial["errorMessage"].as_str().unwrap_or_default());
    Reply::Taken { refused: usize::try_from(refused).unwrap_or(usize::MAX), said }
}

/// Seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(text).ok()?.timestamp();
    let left = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// One line without what a terminal would obey.
fn line(text: &str) -> String {
    plain::one_line(text.trim()).chars().take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<Duration> {
        let now = "2026-11-21T07:28:00Z".parse().unwrap();
        match reply(429, Some(text), b"", now) {
            Reply::Later { after, .. } => after,
            other @ (Reply::Taken { .. } | Reply::Refused(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_collector_says_when_to_come_again() {
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Sat, 21 Nov 2026 07:30:05 GMT"), Some(Duration::from_secs(125)));
        assert_eq!(after("Sat, 21 Nov 2026 07:00:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        for status in [429, 502, 503, 504] {
            let found = reply(status, None, b"", Timestamp::UNIX_EPOCH);
            let why = format!("expected success, found {status}");
            assert_eq!(found, Reply::Later { why, after: None });
        }
        for status in [301, 400, 401, 404, 413, 500, 501] {
            let found = reply(status, Some("7"), b"no\x1b[1m\n", Timestamp::UNIX_EPOCH);
            assert_eq!(found, Reply::Refused(format!("expected success, found {status}: no\u{fffd}[1m")));
        }
    }

    #[test]
    fn success_may_be_partial() {
        let found = |body: &str| reply(200, None, body.as_bytes(), Timestamp::UNIX_EPOCH);
        let all = Reply::Taken { refused: 0, said: String::new() };
        for body in ["", "{}", "{\"partialSuccess\":{}}", "<html>", "null", "[1]"] {
            assert_eq!(found(body), all, "{body}");
        }
        let said = "too old".to_owned();
        let body = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(found(body), Reply::Taken { refused: 3, said });
        let body = r#"{"partialSuccess":{"rejectedDataPoints":2}}"#;
        assert_eq!(found(body), Reply::Taken { refused: 2, said: String::new() });
    }
}
