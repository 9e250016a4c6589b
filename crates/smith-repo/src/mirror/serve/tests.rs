//! Asked as clients ask, and as those who want what is not theirs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::channel::{Order, set};
use crate::fetch::{Answer, Fetcher, Limits, Proxies, Silent};
use crate::fixture::{Recipe, check, store};
use crate::hash::Sha256;
use crate::mirror::{Mode, Pull, Scope, ServeLimits, Serving, Target, Which, sync, sync_all, verify};
use crate::name::{BuildNumber, ChannelName, MirrorName};
use crate::store::{Layout, Store};

const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

const PACKAGE: &str = "pool/debian/main/p9/p9_1_all.deb";

fn limits() -> ServeLimits {
    ServeLimits { grace: Duration::from_secs(2), ..ServeLimits::default() }
}

fn serving(limits: ServeLimits) -> (tempfile::TempDir, Store, Serving) {
    let (folder, store) = store();
    Recipe::of(20, |_| 1).make(&store, 1, None);
    let serving = Serving::start(&store, ANY.into(), limits).expect("it serves");
    (folder, store, serving)
}

/// Sends a text as it is, and reads until the server closes.
fn raw(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn ask(address: SocketAddr, path: &str, fields: &str) -> String {
    raw(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn field<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("expected a field {name}: {answer}"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

#[test]
fn files_come_whole_in_parts_and_only_if_they_changed() {
    let (_folder, store, serving) = serving(limits());
    let at = serving.address();
    let text = "0123456789";
    fs::write(store.root().join("pool/debian/ten"), text).expect("written");
    let whole = ask(at, "/pool/debian/ten", "");
    assert_eq!((status(&whole), body(&whole), field(&whole, "Content-Length")), ("200", text, "10"));
    for (range, expected, of) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-", "3456789", "bytes 3-9/10"),
        ("bytes=3-99", "3456789", "bytes 3-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", text, "bytes 0-9/10"),
    ] {
        let answer = ask(at, "/pool/debian/ten", &format!("Range: {range}\r\n"));
        assert_eq!(
            (status(&answer), body(&answer), field(&answer, "Content-Range")),
            ("206", expected, of),
            "{range}"
        );
    }
    for range in ["bytes=0-1,3-4", "bytes=5-3", "bytes=-", "lines=1-2", "bytes=x-", "bytes=+1-2"] {
        let answer = ask(at, "/pool/debian/ten", &format!("Range: {range}\r\n"));
        assert_eq!((status(&answer), body(&answer)), ("200", text), "{range}");
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
        let answer = ask(at, "/pool/debian/ten", &format!("Range: {range}\r\n"));
        assert_eq!((status(&answer), field(&answer, "Content-Range")), ("416", "bytes */10"), "{range}");
    }
    let (etag, modified) = (field(&whole, "ETag"), field(&whole, "Last-Modified"));
    for known in [format!("If-None-Match: \"x\", {etag}"), format!("If-Modified-Since: {modified}")] {
        let answer = ask(at, "/pool/debian/ten", &format!("{known}\r\n"));
        assert_eq!((status(&answer), body(&answer)), ("304", ""), "{known}");
    }
    // A file that is older than the client's is another one: a channel was rolled back.
    let later = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n";
    assert_eq!(status(&ask(at, "/pool/debian/ten", later)), "200");
    let part = |tag: &str| ask(at, "/pool/debian/ten", &format!("Range: bytes=3-\r\nIf-Range: {tag}\r\n"));
    assert_eq!([status(&part(etag)), status(&part("\"x\""))], ["206", "200"]);
    let head = raw(at, "HEAD /pool/debian/ten HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!((status(&head), body(&head), field(&head, "Content-Length")), ("200", "", "10"));
}

#[test]
fn what_is_named_by_its_content_is_tagged_with_it() {
    let (_folder, store, serving) = serving(limits());
    let hash = Sha256::of_file(&store.root().join(PACKAGE)).expect("read").0;
    let answer = ask(serving.address(), &format!("/{}", Layout::object_path(&hash)), "");
    assert_eq!(field(&answer, "ETag"), format!("\"{hash}\""));
    assert!(field(&answer, "Cache-Control").contains("immutable"));
}

#[test]
fn nothing_else_is_served_however_it_is_asked_for() {
    let (folder, store, serving) = serving(limits());
    let at = serving.address();
    let outside = folder.path().join("outside");
    fs::write(&outside, "secret").expect("written");
    for hidden in [
        "keys/k",
        "state/s",
        "leases/l",
        "incoming/i",
        "partial/p",
        "trash/t",
        "builds/.tmp-1-2-3/x",
        "mirrors.json",
        "channels/prod.json",
        "lock",
    ] {
        let path = store.root().join(hidden);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "secret").expect("written");
        let answer = ask(at, &format!("/{hidden}"), "");
        assert_eq!((status(&answer), body(&answer)), ("404", ""), "{hidden}");
    }
    symlink(&outside, store.root().join("pool/out")).expect("linked");
    symlink("../keys/k", store.root().join("pool/key")).expect("linked");
    symlink("../keys", store.channels().join("evil")).expect("linked");
    symlink(folder.path(), store.channels().join("far")).expect("linked");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        store.root().join("pool/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a pipe");
    for path in [
        "/pool/out",
        "/pool/key",
        "/channels/evil/k",
        "/channels/far/outside",
        "/pool/pipe",
        "/",
        "/pool",
        "/pool/",
        "/builds/1",
        "/builds/1/../../keys/k",
        "/builds/%2e%2e/keys/k",
        "/pool/..%2f..%2fkeys/k",
        "//keys/k",
        "/pool/%2e%2e/keys/k",
        "/pool/none",
    ] {
        let answer = ask(at, path, "");
        assert_eq!((status(&answer), body(&answer)), ("404", ""), "{path}");
    }
    assert_eq!(status(&raw(at, "POST /pool HTTP/1.1\r\nConnection: close\r\n\r\n")), "405");
    assert_eq!(status(&raw(at, "nonsense\r\n\r\n")), "400");
    assert_eq!(status(&raw(at, &format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)))), "431");
    assert_eq!(serving.counts().good, 0);
}

#[test]
fn a_connection_serves_many_requests_also_ahead_of_time() {
    let (_folder, _store, serving) = serving(limits());
    let one = format!("GET /{PACKAGE} HTTP/1.1\r\n\r\n");
    let last = format!("GET /{PACKAGE} HTTP/1.1\r\nConnection: close\r\n\r\n");
    let answer = raw(serving.address(), &format!("{one}{one}HEAD /none HTTP/1.1\r\n\r\n{last}"));
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(answer.matches("HTTP/1.1 404 Not Found").count(), 1);
    let counts = serving.counts();
    assert_eq!((counts.connections, counts.requests, counts.good), (1, 4, 3));
}

#[test]
fn a_channel_is_followed_and_a_mirror_of_the_mirror_is_the_same() {
    let (_folder, store, serving) = serving(limits());
    Recipe::of(20, |number| 1 + u32::from(number < 3)).make(&store, 2, Some(1));
    let order = Order { who: "ann".to_owned(), why: String::new(), at: jiff::Timestamp::UNIX_EPOCH };
    set(&store, &ChannelName::new("prod").expect("a name"), BuildNumber(2), &order, None).expect("set");
    let url = format!("http://{}", serving.address());
    let fetcher = Fetcher::new(Limits { proxies: Proxies::None, ..Limits::default() }).expect("a fetcher");
    let release = format!("{url}/channels/prod/debian/dists/stable/InRelease");
    let Answer::Found { bytes, validators } = fetcher.get(&release, 1000, None).expect("found") else {
        panic!()
    };
    assert_eq!(
        bytes,
        fs::read(store.build(BuildNumber(2)).join("debian/dists/stable/InRelease")).expect("read")
    );
    assert_eq!(fetcher.get(&release, 1000, Some(&validators)).expect("same"), Answer::NotModified);
    let package = fetcher.get(
        &format!("{url}/channels/prod/debian/{PACKAGE}").replace("pool/debian", "pool"),
        10_000,
        None,
    );
    assert!(matches!(package, Ok(Answer::Found { .. })), "{package:?}");
    let (_t, target) = crate::fixture::store();
    let limits = Limits { proxies: Proxies::None, ..Limits::default() };
    let targets = [Target {
        name: MirrorName::new("m").expect("a name"),
        reach: crate::mirror::Reach::Store(target.clone()),
        sources: vec![url],
        limits,
    }];
    let outcomes = sync_all(&targets, &Which::All, Mode::Do, &check, &Silent, &|_| {});
    assert_eq!(outcomes.iter().filter(|outcome| outcome.result.is_ok()).count(), 2, "{outcomes:?}");
    let findings = verify(&target, &[BuildNumber(1), BuildNumber(2)], &Scope::FULL).expect("verified");
    assert!(findings.is_good(), "{}", findings.why());
}

#[test]
fn clients_who_do_nothing_lose_their_place() {
    let short = Duration::from_millis(200);
    let limits = ServeLimits { connections: 2, idle: short, head: short, stall: short, ..limits() };
    let (_folder, store, serving) = serving(limits);
    let at = serving.address();
    let large = store.root().join("pool/debian/large");
    fs::File::create(&large).and_then(|file| file.set_len(1 << 30)).expect("a large file");
    let read_end = |mut stream: TcpStream| {
        let mut seen = Vec::new();
        let _ = stream.read_to_end(&mut seen);
        seen.len()
    };
    // One says nothing, one stops in the middle of its head.
    let silent = TcpStream::connect(at).expect("connected");
    let mut slow = TcpStream::connect(at).expect("connected");
    slow.write_all(b"GET /pool").expect("sent");
    // A third finds no place. It may be first to be accepted, so all three are asked.
    let third = TcpStream::connect(at).expect("connected");
    let mut lengths = [silent, slow, third].map(read_end);
    lengths.sort_unstable();
    assert!(lengths[0] == 0 && lengths[2] > 0, "{lengths:?}");
    // One asks for a large file and takes nothing of it.
    let mut greedy = TcpStream::connect(at).expect("connected");
    greedy.write_all(b"GET /pool/debian/large HTTP/1.1\r\n\r\n").expect("sent");
    let began = Instant::now();
    while serving.counts().requests < 2 && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    let counts = serving.stop();
    assert_eq!(counts.turned_away, 1);
    assert!(counts.bytes < 1 << 30, "{counts:?}");
    assert!(read_end(greedy) < 1 << 30);
}

#[test]
fn a_stop_lets_an_answer_end_and_takes_no_new_one() {
    let (_folder, store, serving) = serving(limits());
    let at = serving.address();
    let size = 64 << 20;
    fs::File::create(store.root().join("pool/debian/large"))
        .and_then(|file| file.set_len(size))
        .expect("made");
    let mut stream = TcpStream::connect(at).expect("connected");
    stream.write_all(b"GET /pool/debian/large HTTP/1.1\r\n\r\n").expect("sent");
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("it began");
    let idle = TcpStream::connect(at).expect("connected");
    let stopping = std::thread::spawn(move || serving.stop());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("it ended well");
    assert!(rest.len() as u64 > size);
    assert_eq!(stopping.join().expect("it stopped").bytes, size);
    drop(idle);
    assert!(TcpStream::connect(at).is_err());
}

#[test]
fn large_files_leave_at_the_speed_of_the_kernel() {
    let (_folder, store, serving) = serving(limits());
    let size: u64 = 256 << 20;
    let path = store.root().join("pool/debian/large");
    // Without holes: those would be read from nowhere.
    let mut file = fs::File::create(&path).expect("made");
    let block = vec![7; 1 << 20];
    for _ in 0..size >> 20 {
        file.write_all(&block).expect("written");
    }
    let read = || {
        let mut stream = TcpStream::connect(serving.address()).expect("connected");
        stream.write_all(b"GET /pool/debian/large HTTP/1.1\r\nConnection: close\r\n\r\n").expect("sent");
        let mut buffer = vec![0; 1 << 20];
        let mut seen = 0;
        loop {
            match stream.read(&mut buffer).expect("read") {
                0 => return seen,
                length => seen += length as u64,
            }
        }
    };
    let began = Instant::now();
    assert!(read() > size);
    let seconds = began.elapsed().as_secs_f64();
    println!("served {:.2} GB/s", size as f64 / seconds / 1e9);
    assert_eq!(serving.counts().bytes, size);
}

#[test]
fn a_mirror_can_be_pulled_while_it_is_served_by_few_connections() {
    let (_folder, _store, serving) = serving(ServeLimits { connections: 1, ..limits() });
    let (_t, target) = store();
    let fast = Limits { back_off: Duration::from_millis(1), proxies: Proxies::None, ..Limits::default() };
    let fetcher = Fetcher::new(Limits { connections: 3, retries: 50, ..fast }).expect("a fetcher");
    let sources = [format!("http://{}", serving.address())];
    let pull =
        Pull { store: &target, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
    sync(&pull, BuildNumber(1), Mode::Do).expect("came, if slowly");
}
