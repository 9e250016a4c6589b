//! Exports that are longer than any buffer: fetched, fetched slowly, cut, and asked for by too many.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use smith_domain::access::AccessEvent;
use smith_journal::codec::Codec;
use smith_journal::{NewRow, SqliteStore, Store as _};
use smith_server::answers::verify_export;
use smith_server::http::Manners;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::site::{Served, served_on};

const EVERYTHING: &str = "/v1/audit/export?everything=true";

/// Rows and bytes of text in each. No buffer between a server and a client takes a third of that.
const ROWS: u64 = 6_000;
const TEXT: usize = 1_000;

/// Text that no compressor makes much shorter, the same in every run.
fn noise(row: u64) -> String {
    let mut state = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(TEXT + 16);
    while text.len() < TEXT {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}

fn fill(journal: &Path) {
    let codec = Codec::default();
    let row = move |number: u64| {
        let refused = AccessEvent::Refused { what: "start".to_owned(), why: noise(number), more: 0 };
        let encoded = codec.encode(&refused.into()).unwrap();
        Ok(NewRow {
            at: i64::try_from(number).unwrap(),
            actor: "eve".into(),
            stream: "access".into(),
            kind: encoded.kind.into(),
            version: encoded.version,
            body: encoded.body,
        })
    };
    SqliteStore::open(journal).unwrap().load(Box::new((1..=ROWS).map(row))).unwrap();
}

async fn long(manners: Manners) -> Served {
    served_on(manners, BTreeMap::new(), fill).await
}

fn length(answer: &Response) -> u64 {
    answer.headers()["content-length"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_export_is_streamed_with_its_length_and_lies_nowhere_afterwards() {
    let served = long(Manners::default()).await;
    let answer = served.ask(Method::GET, EVERYTHING).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let length = length(&answer);
    assert!(length > ROWS * TEXT as u64 / 3, "{length}");
    assert!(!answer.headers().contains_key("etag"), "a tag would need all of it in memory");
    assert_eq!(answer.headers()["cache-control"], "private, no-store");
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, length);
    let proven = verify_export(|| Ok(bytes.as_ref())).unwrap();
    assert!(proven.chosen > ROWS && proven.omitted == 0);
    let folder = served.site.core.journal().parent().unwrap().to_owned();
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_exports_are_there_at_once_and_a_place_is_free_again() {
    let served = long(Manners::default()).await;
    // Whoever has got the head of an answer and takes no more of it holds a place.
    let first = served.ask(Method::GET, EVERYTHING).send().await.unwrap();
    let second = served.ask(Method::GET, EVERYTHING).send().await.unwrap();
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let third = served.get(EVERYTHING).await;
    assert_eq!(third.problem(), (503, "S0456".to_owned()));
    assert_eq!(third.header("retry-after"), "5");
    // Everything else is answered meanwhile, audits too.
    assert_eq!(served.get("/v1/audit").await.status, 200);
    drop(first);
    assert_eq!(until_a_place(&served).await.bytes().await.unwrap().len() as u64, length(&second));
    drop(second);
}

/// The answer, once there is a place for an export.
async fn until_a_place(served: &Served) -> Response {
    let began = Instant::now();
    loop {
        let answer = served.ask(Method::GET, EVERYTHING).send().await.unwrap();
        if answer.status() == 200 {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no place is ever free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_is_cut() {
    let served = long(Manners { writes: Duration::from_secs(2), ..Manners::default() }).await;
    // The beginning of the answer, and then nothing more.
    let taken = async || {
        let mut client = UnixStream::connect(&served.socket).await.unwrap();
        let request = format!("GET {EVERYTHING} HTTP/1.1\r\nHost: smith\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 15];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        client
    };
    let mute = tokio::join!(taken(), taken());
    assert_eq!(served.get(EVERYTHING).await.problem(), (503, "S0456".to_owned()));
    until_a_place(&served).await;
    drop(mute);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_it_is_made_leaves_no_work_behind() {
    let served = long(Manners::default()).await;
    for _ in 0..20 {
        let asked = tokio::spawn(served.ask(Method::GET, EVERYTHING).send());
        tokio::time::sleep(Duration::from_millis(3)).await;
        asked.abort();
    }
    until_a_place(&served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_server_that_ends_in_the_middle_is_known_to_be_cut() {
    let mut served = long(Manners::default()).await;
    let mut answer = served.ask(Method::GET, EVERYTHING).send().await.unwrap();
    let length = length(&answer);
    let mut got = answer.chunk().await.unwrap().unwrap().to_vec();
    served.serving.take().unwrap().abort();
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(more)) => got.extend_from_slice(&more),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(ended.is_err(), "its length was said, and it is not there");
    assert!((got.len() as u64) < length && got.starts_with(b"smith audit export 1 sha256 "));
    let found = verify_export(|| Ok(got.as_slice()));
    assert!(found.is_err(), "{found:?}");
}
