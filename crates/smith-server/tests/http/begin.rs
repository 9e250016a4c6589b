//! A server that still reads its journal: it says so, and tells nothing that it does not know yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use smith_server::core::{Core, Start, begin};
use smith_server::desk::BuiltIn;
use smith_server::driver::Executor;
use smith_server::http::{App, Parts, Peers, open_unix, serve};
use smith_server::verbs::{RequestRules, Site};

use super::site::{Answer, Echo, whole};

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_the_journal_is_read_waits_a_little_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (shut, gate) = channel::<()>();
    let executors = move |core: &Core| -> Box<dyn Executor + Send> {
        // Until the other end is dropped.
        let _ = gate.recv();
        Box::new(BuiltIn::new(core.clone()))
    };
    let journal = folder.path().join("journal.db");
    let start = Start { journal, owner: "test".to_owned(), executors: Box::new(executors) };
    let (life, opened) = begin(start).unwrap();
    let site = Site {
        core: life.core().clone(),
        pipelines: Arc::new(folder.path().join("pipelines")),
        requests: Arc::new(RequestRules::default()),
        weeks: Arc::default(),
        keeper: Arc::default(),
    };
    let app = App::new(Parts { site, chat: Arc::new(Echo), peers: Peers::new(BTreeMap::new()) });
    let socket = folder.path().join("smith.sock");
    let doors = vec![open_unix(&socket).await.unwrap()];
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(doors, app, async move {
        let _ = stopped.await;
    }));
    let client = Client::builder().unix_socket(socket).build().unwrap();
    let get = |path: &str| whole(client.request(Method::GET, format!("http://smith{path}")));
    let is_told = |answer: &Answer| {
        assert_eq!(answer.problem(), (503, "S0431".to_owned()));
        assert_eq!(answer.header("retry-after"), "5");
        assert!(answer.text.contains("the journal is being read: row 0 of 0"), "{}", answer.text);
    };
    assert_eq!(get("/healthz").await.status, 200);
    is_told(&get("/readyz").await);
    let begun = Instant::now();
    is_told(&get("/v1/status").await);
    assert!(begun.elapsed() >= Duration::from_secs(4), "it was waited for");
    // Who comes late enough gets an answer, and not one of a site that has nothing.
    let waiting = tokio::spawn(get("/v1/audit"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    drop(shut);
    let told = waiting.await.unwrap();
    assert!(told.status == 200 && !told.json()["items"].as_array().unwrap().is_empty(), "{told:?}");
    assert_eq!(get("/readyz").await.status, 200);
    opened.wait().unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap();
    life.end();
}
