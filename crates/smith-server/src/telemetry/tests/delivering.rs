//! Collectors that are slow, dead, or have no time.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::Instant as TokioInstant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::collector::{Answer, Collector};
use super::site::{Folder, Script};
use crate::config::settings::Signal;
use crate::telemetry::deliver::{Deliver, Delivered, client};
use crate::telemetry::target::Target;

/// Counts what is said in the log.
#[derive(Clone, Default)]
struct Log(Arc<AtomicU32>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "smith::telemetry"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Nothing;
        impl Visit for Nothing {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                let said = format!("{field} {value:?}");
                assert!(!said.contains("from-a-file"), "a secret in the log: {said}");
            }
        }
        event.record(&mut Nothing);
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line {
    log: Log,
    deliver: Deliver,
    ending: watch::Sender<bool>,
}

impl Line {
    fn to(endpoint: &str) -> Self {
        let folder = Folder::new();
        let target = Target::new(&folder.settings(endpoint), "syd").unwrap();
        let (ending, ended) = watch::channel(false);
        let deliver = Deliver::new(client().unwrap(), target, Signal::Traces, ended);
        Self { log: Log::default(), deliver: deliver.waiting_first(Duration::from_millis(10)), ending }
    }

    fn send(&mut self, within: Duration) -> Delivered {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let log = self.log.clone();
        tracing::subscriber::with_default(log, || {
            let body = r#"{"resourceSpans":[]}"#.to_owned();
            runtime.block_on(async {
                let until = TokioInstant::now() + within;
                self.deliver.deliver(body, Some(until)).await
            })
        })
    }

    fn said(&self) -> u32 {
        self.log.0.load(Ordering::Relaxed)
    }
}

const LONG: Duration = Duration::from_secs(60);
const TAKEN: Delivered = Delivered::Taken { refused: 0 };

#[test]
fn what_may_be_taken_later_is_sent_again_and_said_once() {
    let collector = Collector::new().answers([503, 502, 504, 429].map(Answer::of));
    let mut line = Line::to(&collector.endpoint);
    assert_eq!(line.send(LONG), TAKEN);
    let statuses: Vec<u16> = collector.got().iter().map(|got| got.status).collect();
    assert_eq!(statuses, [503, 502, 504, 429, 200]);
    assert_eq!(line.said(), 2, "that it is not taken, and that it is again");
    assert_eq!(line.send(LONG), TAKEN);
    assert_eq!(line.said(), 2);
    let got = &collector.got()[0];
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(got.headers["authorization"], "Bearer from-a-file");
    assert_eq!(got.headers["x-scope-orgid"], "sre");
}

#[test]
fn a_collector_that_names_a_time_is_left_alone_until_then() {
    let answer = Answer { retry_after: Some("1"), ..Answer::of(429) };
    let collector = Collector::new().answers([answer]);
    assert_eq!(Line::to(&collector.endpoint).send(LONG), TAKEN);
    let got = collector.got();
    let waited = got[1].at.duration_since(got[0].at);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}

#[test]
fn what_will_never_be_taken_is_not_sent_again() {
    let refused = "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"too old\"}}";
    let collector = Collector::new().answers([
        Answer::of(400),
        Answer::of(400),
        Answer { body: refused, ..Answer::of(200) },
        Answer { retry_after: Some("1"), ..Answer::of(307) },
    ]);
    let mut line = Line::to(&collector.endpoint);
    let found: Vec<Delivered> = (0..4).map(|_| line.send(LONG)).collect();
    assert_eq!(
        found,
        [Delivered::Refused, Delivered::Refused, Delivered::Taken { refused: 2 }, Delivered::Refused]
    );
    assert_eq!((collector.got().len(), line.said()), (4, 1));
}

#[test]
fn a_dead_collector_is_told_of_once_and_numbers_do_not_wait_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut line = Line::to(&endpoint);
    for _ in 0..3 {
        assert_eq!(line.send(Duration::from_millis(200)), Delivered::GivenUp);
    }
    assert_eq!(line.said(), 1);
    line.ending.send_replace(true);
    let begun = Instant::now();
    assert_eq!(line.send(LONG), Delivered::GivenUp);
    assert!(begun.elapsed() < Duration::from_secs(5), "the end of a server waits for nobody");
}

/// It takes connections and says nothing.
#[test]
fn a_collector_that_never_answers_holds_up_neither_machines_nor_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let folder = Folder::new();
    let server = folder.serve_with(Script::default(), Some(folder.settings(&endpoint)));
    let project = server.start();
    server.approve(project);
    server.until_ended(project);
    let begun = Instant::now();
    server.end();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_slow_collector_gets_everything_in_the_end() {
    let slow = Answer { after: Duration::from_secs(3), body: "{}", ..Answer::of(200) };
    let collector = Collector::new().answers([slow.clone(), slow]);
    let folder = Folder::new();
    let server = folder.serve(Script::default(), Some(&collector));
    let first = server.start();
    server.approve(first);
    server.until_ended(first);
    collector.until_span("project dev");
    let second = server.start();
    server.approve(second);
    server.until_ended(second);
    let spans = collector.until("two projects", |_| {
        let spans = collector.spans();
        (spans.iter().filter(|span| span.name() == "project dev").count() == 2).then_some(spans)
    });
    let (sent, dropped) = server.telemetry.as_ref().unwrap().counts().all(Signal::Traces);
    // What was counted may be behind what was taken by one answer.
    assert!(dropped == 0 && sent <= spans.len() as u64, "{sent} {dropped}");
    server.end();
}
