//! What is malformed, too long, too slow or of the wrong kind.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::site::{Served, served, whole};

async fn raw(served: &Served, body: impl Into<reqwest::Body>) -> super::site::Answer {
    let request = served.ask(Method::POST, "/v1/projects").header("content-type", "application/json");
    whole(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_refused_with_its_place() {
    let served = served().await;
    let wrong = [
        ("", 400, "line 1, column 0: EOF"),
        ("{", 400, "line 1, column 1: EOF"),
        ("{\"build\": 725,\n \"config\": devOnly}", 400, "line 2, column 12: expected value"),
        ("{\"build\": 725}", 422, "line 1, column 14: missing field `config`"),
        (
            "{\"build\": 725, \"config\": \"devOnly\",\n\"reson\": \"x\"}",
            422,
            "line 2, column 7: unknown field `reson`",
        ),
        (
            "{\"build\": 725, \"build\": 1, \"config\": \"a\"}",
            422,
            "line 1, column 22: duplicate field `build`",
        ),
        ("{\"build\": -1, \"config\": \"a\"}", 422, "line 1, column 12: invalid value"),
        ("{\"build\": \"725\", \"config\": \"a\"}", 422, "line 1, column 15: invalid type: string"),
        ("[]", 422, "line 1, column 2: invalid length 0"),
        ("null", 422, "line 1, column 4: invalid type: null"),
        ("{\"build\": 725, \"config\": \"a\"} {}", 400, "line 1, column 31: trailing characters"),
    ];
    for (body, status, detail) in wrong {
        let answer = raw(&served, body).await;
        assert_eq!(answer.problem(), (status, "S0424".to_owned()), "{body}");
        let found = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(found.starts_with(detail), "{body}: {found}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(raw(&served, deep).await.problem(), (422, "S0424".to_owned()));
    let bytes: &[u8] = b"{\"build\": 725, \"config\": \"\xff\xfe\"}";
    assert_eq!(raw(&served, bytes).await.problem(), (400, "S0424".to_owned()));
    assert!(served.get("/v1/projects").await.json()["items"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_and_not_longer_than_a_mebibyte() {
    let served = served().await;
    let form =
        served.ask(Method::POST, "/v1/projects").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(whole(form.body("build=725")).await.problem(), (415, "S0423".to_owned()));
    let unsaid = served.ask(Method::POST, "/v1/projects/1/pause").body("{}");
    assert_eq!(whole(unsaid).await.problem(), (415, "S0423".to_owned()));
    let charset =
        served.ask(Method::POST, "/v1/chat").header("content-type", "application/json; charset=utf-8");
    assert_eq!(whole(charset.body("{\"line\": \"help\"}")).await.status, 200);
    let line = |bytes: usize| format!("{{\"line\": \"{}\"}}", "x".repeat(bytes - 12));
    let chat = async |bytes: usize| {
        let request = served.ask(Method::POST, "/v1/chat").header("content-type", "application/json");
        whole(request.body(line(bytes))).await
    };
    assert_eq!(chat(1024 * 1024).await.status, 200);
    assert_eq!(chat(1024 * 1024 + 1).await.problem(), (413, "S0422".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_one() {
    let served = served().await;
    for (method, path, allow) in [
        (Method::POST, "/v1/status", "GET,HEAD"),
        (Method::DELETE, "/v1/projects", "GET,HEAD,POST"),
        (Method::GET, "/v1/projects/1/pause", "POST"),
        (Method::PUT, "/healthz", "GET,HEAD"),
    ] {
        let answer = whole(served.ask(method, path)).await;
        assert_eq!(answer.problem(), (405, "S0421".to_owned()), "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    let head = whole(served.ask(Method::HEAD, "/v1/status")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_hurts_nobody_else() {
    let served = served().await;
    let hurt = served.post("/v1/chat", json!({"line": "panic"})).await;
    assert_eq!(hurt.problem(), (500, "S0430".to_owned()));
    assert_eq!(served.post("/v1/chat", json!({"line": "help"})).await.status, 200);
}

/// A client that sends half a request holds up nobody, and one that sends no HTTP is told so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_answered_and_shut() {
    let served = served().await;
    let mut half = TcpStream::connect(served.tcp).await.unwrap();
    half.write_all(b"GET /v1/status HTTP/1.1\r\nHost: smith\r\nX-Slow").await.unwrap();
    let mut noise = TcpStream::connect(served.tcp).await.unwrap();
    noise.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    noise.read_to_end(&mut text).await.unwrap();
    assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&text));
    let mut many = TcpStream::connect(served.tcp).await.unwrap();
    let headers: String = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect();
    many.write_all(format!("GET /healthz HTTP/1.1\r\nHost: smith\r\n{headers}\r\n").as_bytes())
        .await
        .unwrap();
    let mut text = Vec::new();
    many.read_to_end(&mut text).await.unwrap();
    assert!(text.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&text));
    assert_eq!(served.get("/v1/status").await.status, 200);
    drop(half);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_are_answered_at_once_wait_for_their_turn() {
    let served = served().await;
    let asked: Vec<_> =
        (0..300).map(|_| tokio::spawn(whole(served.ask(Method::GET, "/v1/machines")))).collect();
    for one in asked {
        assert_eq!(one.await.unwrap().status, 200);
    }
    // Audits are longer and have turns of their own.
    let asked: Vec<_> = (0..20).map(|_| tokio::spawn(whole(served.ask(Method::GET, "/v1/audit")))).collect();
    for one in asked {
        assert_eq!(one.await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_as_prometheus_wants_them() {
    let served = served().await;
    served.post("/v1/projects", json!({"build": 725, "config": "devOnly"})).await;
    served.get("/v1/projects/7").await;
    let classic = served.get("/metrics").await;
    assert_eq!(classic.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "smith_projects_open 1",
        "smith_machines_present 4",
        "smith_driver{standing=\"driving\"} 1",
        "smith_driver{standing=\"not recording\"} 0",
        "smith_http_requests_total{method=\"GET\",route=\"/v1/projects/{id}\",status=\"404\"} 1",
        "# TYPE smith_http_requests_total counter",
        "# TYPE smith_http_request_seconds histogram",
    ] {
        assert!(classic.text.lines().any(|found| found == line), "{line}: {}", classic.text);
    }
    let newer =
        served.ask(Method::GET, "/metrics").header("Accept", "application/openmetrics-text; version=1.0.0");
    let newer = whole(newer).await;
    assert!(
        newer.text.ends_with("# EOF\n")
            && newer.header("content-type").starts_with("application/openmetrics")
    );
    match promtool(&classic.text).await {
        Some((passed, said)) => assert!(passed, "promtool: {said}\n{}", classic.text),
        None => println!("promtool is not here; the numbers are only compared with what is expected"),
    }
}

/// What `promtool check metrics` says, if it is on this machine.
async fn promtool(text: &str) -> Option<(bool, String)> {
    let mut tool = tokio::process::Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tool.spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let out = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap();
    let said = [out.stdout, out.stderr].concat();
    Some((out.status.success() && said.is_empty(), String::from_utf8_lossy(&said).into_owned()))
}
