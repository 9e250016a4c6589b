//! The real server and a collector: what the environment says, and what a kill leaves.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::run::{smith, smith_with};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: &str = "site: syd
data: data
listen: {socket: smith.sock, http: no}
store: store
weeks:
  - week: prod
    owner: role:sre-oncall
    recipe: recipe.yaml
    channel: prod
    regions: [ap-south]
    change: none
";

/// Takes everything, and keeps the path, the headers and the body of each request.
struct Collector {
    address: String,
    got: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl Collector {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || take(stream.unwrap(), &kept));
            }
        });
        Self { address, got }
    }

    fn spans(&self) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        let traces = got.iter().filter(|(path, ..)| path == "/v1/traces");
        let spans = traces
            .flat_map(|(_, _, body)| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap());
        spans.cloned().collect()
    }

    fn metrics(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let metrics = got.iter().filter(|(path, ..)| path == "/v1/metrics");
        let names = metrics.flat_map(|(_, _, body)| {
            body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap()
        });
        names.map(|metric| metric["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Requests of one connection, until it is closed.
fn take(stream: TcpStream, got: &Mutex<Vec<(String, String, Value)>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // A server that is killed closes in the middle of anything.
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        got.lock().unwrap().push((path, head, serde_json::from_slice(&body).unwrap()));
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        );
    }
}

struct Serving {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &std::path::Path, collector: &Collector) -> Child {
    Command::new(env!("CARGO_BIN_EXE_smith"))
        .args(["serve", "--config", folder.join("smith.yaml").to_str().unwrap()])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-scope-orgid=the%20sre")
        .env("OTEL_SERVICE_NAME", "smith-test")
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

impl Serving {
    fn new(collector: &Collector) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        // A mistake that shows only when the link is done.
        put("recipe.yaml", "upstreams: nothing\n");
        put("smith.yaml", SETTINGS);
        let (store, who) = (folder.path().join("store"), "Site <admin@site>");
        let key = ["build", "key", "new", "--user-id", who, "--store", store.to_str().unwrap()];
        assert_eq!(smith(&key).code, 0);
        let child = serve(folder.path(), collector);
        let serving = Self { folder, child };
        serving.until_it_drives();
        serving
    }

    fn until_it_drives(&self) {
        self.until("a server that drives", || self.run(&["status"]).0 == 0);
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(begun.elapsed() < PATIENCE, "expected {what}\n{}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        let socket = self.folder.path().join("smith.sock");
        let ran = smith_with(args, &[("SMITH_SERVER", socket.to_str().unwrap())]);
        (ran.code, ran.out + &ran.err)
    }

    fn good(&self, args: &[&str]) {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {said}");
    }
}

fn named<'s>(spans: &'s [Value], name: &str) -> Vec<&'s Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

#[test]
fn a_server_that_was_killed_goes_on_with_its_traces() {
    let collector = Collector::new();
    let mut serving = Serving::new(&collector);
    serving.good(&["cycle", "start", "prod", "--reason", "it is Sunday"]);
    serving.until("the span of a failed link", || !named(&collector.spans(), "link build").is_empty());
    let before = collector.spans();
    serving.child.kill().unwrap();
    serving.child.wait().unwrap();
    assert!(named(&collector.spans(), "cycle prod").is_empty());

    serving.child = serve(serving.folder.path(), &collector);
    serving.until_it_drives();
    serving.good(&["cycle", "stop", "1", "--reason", "next week", "--yes"]);
    let id = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(serving.child.wait().unwrap().success());
    // The end of the server has brought the rest.
    let spans = collector.spans();
    let (whole, link) = (named(&spans, "cycle prod"), named(&before, "link build"));
    assert_eq!(whole.len(), 1, "{spans:#?}");
    assert_eq!(whole[0]["traceId"], link[0]["traceId"]);
    assert_eq!(whole[0]["spanId"], link[0]["parentSpanId"]);
    let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time(whole[0], "startTimeUnixNano") <= time(link[0], "startTimeUnixNano"));
    assert!(time(whole[0], "endTimeUnixNano") >= time(link[0], "endTimeUnixNano"));
    // One that came again is the same.
    assert!(
        named(&spans, "link build")
            .iter()
            .all(|again| *again == link[0] || again["spanId"] != link[0]["spanId"])
    );
    let metrics = collector.metrics();
    for name in
        ["smith_build_info", "smith_journal_rows", "smith_telemetry_sent", "smith_http_request_seconds"]
    {
        assert!(metrics.iter().any(|one| one == name), "{name}: {metrics:?}");
    }
    let got = collector.got.lock().unwrap();
    assert!(got.iter().all(|(_, head, _)| head.contains("\r\nx-scope-orgid: the sre\r\n")), "{:?}", got[0].1);
    let resource = got[0].2.to_string();
    assert!(resource.contains("smith-test") && resource.contains("syd"), "{resource}");
}

#[test]
fn a_variable_that_cannot_be_meant_so_is_named_and_the_settings_count_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("smith.yaml");
    let check = |text: &str, endpoint: &str| {
        fs::write(&settings, text).unwrap();
        let args = ["serve", "--check", "--config", settings.to_str().unwrap()];
        smith_with(&args, &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)])
    };
    let refused = check("site: syd\n", "collector:4318");
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(
        refused.err.contains("in the variable OTEL_EXPORTER_OTLP_ENDPOINT, found `collector:4318`"),
        "{}",
        refused.err
    );
    assert_eq!(check("site: syd\n", "http://127.0.0.1:4318").code, 0);
    let settled = check("telemetry: {endpoint: 'http://127.0.0.1:4318'}\n", "collector:4318");
    assert_eq!(settled.code, 0, "{}", settled.err);
    let wrong = check("telemetry: {endpoint: '127.0.0.1:4318'}\n", "http://127.0.0.1:4318");
    assert!(wrong.code == 3 && wrong.err.contains("smith.yaml:1:23"), "{}", wrong.err);
}
