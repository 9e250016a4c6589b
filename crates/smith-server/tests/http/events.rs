//! Events as they happen, and what was missed.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;

use super::site::{Served, served};

/// A stream that is read event by event.
struct Stream {
    response: Response,
    rest: String,
}

#[derive(Debug, PartialEq)]
struct Told {
    id: u64,
    event: String,
    data: Value,
}

impl Stream {
    async fn open(served: &Served, path: &str, last: Option<u64>) -> Self {
        let request = served.ask(Method::GET, path);
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last.to_string()),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, rest: String::new() };
        let hello = stream.block().await.unwrap();
        assert!(hello.contains("retry: 2000") && !hello.contains("data:"), "{hello}");
        stream
    }

    /// Lines up to the next empty one; nothing when the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.find("\n\n") {
                let block = self.rest[..end].to_owned();
                self.rest.drain(..end + 2);
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("an event within twenty seconds").ok()??;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            let Some(data) = field("data") else { continue };
            let (id, event) = (field("id").unwrap().parse().unwrap(), field("event").unwrap());
            return Some(Told { id, event, data: serde_json::from_str(&data).unwrap() });
        }
    }

    async fn up_to(&mut self, row: u64) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self.next().await.unwrap();
            let is_last = told.id >= row;
            all.push(told);
            if is_last {
                return all;
            }
        }
    }
}

async fn verify(served: &Served, build: u32) {
    let command = Command::Build(BuildCommand::Verified { build: BuildNumber(build) });
    served.site.core.submit(Actor::smith(), command).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_told_as_it_happens() {
    let served = served().await;
    let mut all = Stream::open(&served, "/v1/events", None).await;
    served.post("/v1/projects", json!({"build": 725, "config": "devOnly"})).await;
    let first = all.next().await.unwrap();
    assert_eq!(first.event, "rollout.started");
    assert_eq!(first.data["project"], 1);
    assert!(first.data["words"].as_str().unwrap().contains("starts project 1: patch 725 onto devOnly"));
    let mut own = Stream::open(&served, "/v1/projects/1/events", Some(0)).await;
    assert_eq!(own.next().await.unwrap(), first, "who comes late is told the same");
    verify(&served, 1).await;
    served.post("/v1/projects/1/pause", json!({})).await;
    let mut told = own.next().await.unwrap();
    while told.event != "rollout.paused" {
        assert_eq!(told.data["project"], 1, "{told:?}");
        told = own.next().await.unwrap();
    }
    let metrics = served.get("/metrics").await.text;
    assert!(metrics.contains("smith_event_listeners 2"), "{metrics}");
}

/// Listeners come and go while thousands of events are recorded, each from the row where the one before stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_seam_between_journal_and_news_nothing_is_missing_and_nothing_doubled() {
    let served = served().await;
    let begin = served.site.core.view().head();
    let core = served.site.core.clone();
    let writer = tokio::spawn(async move {
        for build in 1_000..4_000 {
            let command = Command::Build(BuildCommand::Verified { build: BuildNumber(build) });
            core.submit(Actor::smith(), command).await.unwrap();
        }
        core.view().head()
    });
    let (mut last, mut rows) = (begin, Vec::new());
    let mut reconnections = 0;
    while !writer.is_finished() || reconnections < 20 {
        let mut stream = Stream::open(&served, "/v1/events", Some(last)).await;
        let head = served.site.core.view().head();
        if head > last {
            let told = stream.up_to(head.min(last + 157)).await;
            last = told.last().unwrap().id;
            rows.extend(told.into_iter().map(|one| one.id));
        }
        reconnections += 1;
    }
    let head = writer.await.unwrap();
    if last < head {
        let told = Stream::open(&served, "/v1/events", Some(last)).await.up_to(head).await;
        rows.extend(told.into_iter().map(|one| one.id));
    }
    assert_eq!(rows, (begin + 1..=head).collect::<Vec<_>>());
    assert!(reconnections >= 20, "{reconnections}");
}

/// A listener that does not read while more is recorded than any buffer holds is told all of it in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_listener_is_caught_up_from_the_journal() {
    let served = served().await;
    let begin = served.site.core.view().head();
    let mut slow = Stream::open(&served, "/v1/events", None).await;
    for build in 1_000..3_000 {
        verify(&served, build).await;
    }
    let head = served.site.core.view().head();
    let rows: Vec<u64> = slow.up_to(head).await.iter().map(|one| one.id).collect();
    assert_eq!(rows, (begin + 1..=head).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_where_it_is_asked_to_and_nowhere_else() {
    let served = served().await;
    let head = served.site.core.view().head();
    let mut all = Stream::open(&served, "/v1/events?after=0", None).await;
    assert_eq!(all.up_to(head).await.len() as u64, head);
    for (path, last) in [("/v1/events", "99999"), ("/v1/events", "x"), ("/v1/events?after=99999", "")] {
        let request = served.ask(Method::GET, path).header("Last-Event-ID", last);
        assert_eq!(super::site::whole(request).await.problem(), (400, "S0433".to_owned()), "{path} {last}");
    }
    assert_eq!(served.get("/v1/events?since=0").await.problem(), (400, "S0425".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_listen_at_once() {
    let served = served().await;
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(served.ask(Method::GET, "/v1/events").send().await.unwrap());
    }
    assert_eq!(served.get("/v1/events").await.problem(), (503, "S0429".to_owned()));
    drop(streams);
    // The server notices within moments that nobody is there any more.
    for _ in 0..500 {
        if served.ask(Method::GET, "/v1/events").send().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no place became free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_soon_after_its_token_and_one_caller_has_some() {
    let served = served().await;
    let secret = served.token("ci", &["viewer"], &[]).await;
    let open = async || {
        let request = served.ask_tcp(Method::GET, "/v1/events").bearer_auth(&secret);
        request.send().await.unwrap()
    };
    let mut stream = Stream { response: open().await, rest: String::new() };
    assert!(stream.block().await.unwrap().contains("retry: 2000"));
    let mut others = Vec::new();
    for _ in 1..32 {
        others.push(open().await);
    }
    assert!(others.iter().all(|one| one.status() == 200));
    let full = super::site::whole(served.ask_tcp(Method::GET, "/v1/events").bearer_auth(&secret)).await;
    assert_eq!(full.problem(), (503, "S0429".to_owned()));
    assert_eq!(served.ask(Method::GET, "/v1/events").send().await.unwrap().status(), 200, "others may");
    drop(others);
    let revoked = served.post("/v1/tokens/0/revoke", json!({"reason": "left"})).await;
    assert!(revoked.status < 300, "{revoked:?}");
    // Within seconds, although nothing more happens.
    while let Some(block) = stream.block().await {
        assert!(!block.contains("build."), "{block}");
    }
}
