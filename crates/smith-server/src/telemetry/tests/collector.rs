//! A collector that keeps what it gets, and answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Collector {
    pub(super) endpoint: String,
    kept: Kept,
    _runtime: Runtime,
}

type Kept = Arc<Mutex<Inner>>;

#[derive(Default)]
struct Inner {
    got: Vec<Got>,
    /// How the next requests are answered; all others are taken.
    answers: VecDeque<Answer>,
}

#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) signal: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) at: Instant,
    pub(super) status: u16,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'static str>,
    pub(super) body: &'static str,
    pub(super) after: Duration,
}

impl Answer {
    pub(super) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

impl Collector {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kept = Kept::default();
        let router = Router::new().route("/v1/{signal}", post(take)).with_state(Arc::clone(&kept));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, kept, _runtime: runtime }
    }

    pub(super) fn answers(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.kept.lock().unwrap().answers.extend(answers);
        self
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.kept.lock().unwrap().got.clone()
    }

    pub(super) fn until<T>(&self, what: &str, look: impl Fn(&[Got]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let got = self.got();
            if let Some(found) = look(&got) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "expected {what}, found {got:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All spans that were taken, in order.
    pub(super) fn spans(&self) -> Vec<Span> {
        spans(&self.got())
    }

    /// Waits for a span with this name, and gives all there are then.
    pub(super) fn until_span(&self, name: &str) -> Vec<Span> {
        self.until(name, |got| {
            let all = spans(got);
            all.iter().any(|span| span.name() == name).then_some(all)
        })
    }
}

async fn take(
    State(kept): State<Kept>,
    Path(signal): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let answer = {
        let mut kept = kept.lock().unwrap();
        let answer = kept.answers.pop_front().unwrap_or(Answer { body: "{}", ..Answer::of(200) });
        let body = serde_json::from_str(&body).unwrap();
        kept.got.push(Got { signal, headers, body, at: Instant::now(), status: answer.status });
        answer
    };
    tokio::time::sleep(answer.after).await;
    let status = StatusCode::from_u16(answer.status).unwrap();
    match answer.retry_after {
        Some(after) => (status, [("retry-after", after)], answer.body).into_response(),
        None => (status, answer.body).into_response(),
    }
}

fn spans(got: &[Got]) -> Vec<Span> {
    let mut all = Vec::new();
    for one in got.iter().filter(|one| one.status == 200 && one.signal == "traces") {
        let spans = one.body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        all.extend(spans.iter().cloned().map(Span));
    }
    all
}

/// A span as a collector sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span(pub(super) Value);

impl Span {
    pub(super) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.text("name")
    }

    pub(super) fn start(&self) -> u64 {
        self.text("startTimeUnixNano").parse().unwrap()
    }

    pub(super) fn end(&self) -> u64 {
        self.text("endTimeUnixNano").parse().unwrap()
    }

    /// 0 unset, 1 good, 2 error.
    pub(super) fn code(&self) -> u64 {
        self.0["status"]["code"].as_u64().unwrap()
    }

    pub(super) fn message(&self) -> &str {
        self.0["status"]["message"].as_str().unwrap_or_default()
    }

    pub(super) fn attributes(&self) -> BTreeMap<&str, &str> {
        let all = self.0["attributes"].as_array().unwrap().iter();
        all.map(|one| {
            let value = one["value"]["stringValue"].as_str().or(one["value"]["intValue"].as_str());
            (one["key"].as_str().unwrap(), value.unwrap())
        })
        .collect()
    }

    pub(super) fn attribute(&self, key: &str) -> &str {
        self.attributes().get(key).copied().unwrap_or_default()
    }

    /// Words have the names that things have when they are said: a change gets its number later than itself.
    pub(super) fn without_words(&self) -> Value {
        let mut value = self.0.clone();
        for event in value["events"].as_array_mut().into_iter().flatten() {
            event["attributes"].as_array_mut().unwrap().retain(|one| one["key"] != "smith.words");
        }
        value
    }

    pub(super) fn events(&self) -> Vec<&str> {
        self.0["events"].as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap()).collect()
    }
}
