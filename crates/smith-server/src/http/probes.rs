//! Whether the process lives, and whether it does its work.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::fault::Fault;
use crate::core::Standing;

/// Whoever gets this answer has found a living process; nothing else is looked at.
pub(super) async fn healthz() -> &'static str {
    "alive\n"
}

/// A turn takes milliseconds, and one that has nothing to do comes every five seconds. The first reading of a million machines was
/// seen to take ten.
const TURN_MAX: Duration = Duration::from_secs(30);

fn is_stuck(age: Duration) -> bool {
    age > TURN_MAX
}

/// Whether a request that changes something would be recorded and done.
///
/// What waits for a person does not make it unready: no other server would do better. It is said all the same.
pub(super) async fn readyz(State(app): State<App>) -> Result<String, Fault> {
    let core = &app.site().core;
    let found = match core.standing() {
        Standing::Driving if core.last_turn().is_none_or(is_stuck) => {
            let ago = core.last_turn().map_or(0, |age| age.as_secs());
            format!("its last turn came to an end {ago} s ago, expected one every five")
        }
        Standing::Driving => {
            let lines = ["driving".to_owned()].into_iter().chain(app.site().attention());
            return Ok(lines.map(|line| format!("{line}\n")).collect());
        }
        Standing::Starting => "the journal is being read".to_owned(),
        Standing::NotRecording { why } => format!("nothing can be recorded: {why}"),
        Standing::Ended => "it is ending".to_owned(),
    };
    let text = format!("expected a server that drives, found that {found}");
    Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "S0431", text))
}

/// What Prometheus reads; in the newer form for those who ask for it.
pub(super) async fn metrics(State(app): State<App>, headers: axum::http::HeaderMap) -> Response {
    let wanted =
        headers.get(header::ACCEPT).map(|accept| String::from_utf8_lossy(accept.as_bytes()).into_owned());
    let text = app.numbers();
    if wanted.is_some_and(|wanted| wanted.contains("application/openmetrics-text")) {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return ([(header::CONTENT_TYPE, kind)], text).into_response();
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], super::metrics::classic(&text)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_has_taken_no_turn_for_half_a_minute_is_stuck() {
        assert!(!is_stuck(Duration::from_secs(6)) && !is_stuck(TURN_MAX));
        assert!(is_stuck(Duration::from_secs(31)));
    }
}
