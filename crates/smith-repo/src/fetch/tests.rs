//! Against servers that do everything wrong that servers do.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::fetch::{
    Answer, FetchError, Fetcher, Limits, ObjectError, Proxies, Silent, Tally, Validators, Want,
};
use crate::fixture::{Server, hold, ok, reset, say};
use crate::hash::Sha256;
use crate::store::Store;

fn quick() -> Limits {
    Limits {
        connections: 4,
        stall: Duration::from_secs(2),
        connect: Duration::from_secs(5),
        retries: 3,
        back_off: Duration::from_millis(1),
        back_off_max: Duration::from_millis(20),
        proxies: Proxies::None,
        ..Limits::default()
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(quick()).expect("a fetcher")
}

fn found(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::Found { bytes, .. } => bytes,
        Answer::NotModified | Answer::Missing => panic!("expected bytes, found {answer:?}"),
    }
}

fn data(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn want(bytes: &[u8], sources: &[String]) -> Want {
    Want { hash: Sha256::of(bytes), size: bytes.len() as u64, sources: sources.to_vec() }
}

fn take(wants: &[Want]) -> (tempfile::TempDir, Store, Result<(), Vec<ObjectError>>, Tally) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("a store");
    let tally = Tally::default();
    let outcome = fetcher().objects(wants, &store.intake().expect("an intake"), &tally);
    (folder, store, outcome, tally)
}

fn whole(store: &Store, bytes: &[u8]) -> bool {
    std::fs::read(store.object(&Sha256::of(bytes))).is_ok_and(|found| found == bytes)
}

#[test]
fn a_small_thing_comes_once_and_again_only_if_it_changed() {
    let server = Server::start(|request, stream| {
        let known = request.headers.get("if-none-match").map(String::as_str);
        match known {
            Some("\"one\"") => say(stream, "HTTP/1.1 304 Not Modified\r\n\r\n"),
            Some(_) | None => say(
                stream,
                "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nLast-Modified: x\r\nContent-Length: 5\r\n\r\nhello",
            ),
        }
    });
    let fetcher = fetcher();
    let answer = fetcher.get(&server.url("/a"), 5, None).expect("an answer");
    let validators = Validators { etag: Some("\"one\"".to_owned()), last_modified: Some("x".to_owned()) };
    assert_eq!(answer, Answer::Found { bytes: b"hello".to_vec(), validators: validators.clone() });
    assert_eq!(fetcher.get(&server.url("/a"), 5, Some(&validators)).expect("an answer"), Answer::NotModified);
    let agent = server.requests()[0].headers["user-agent"].clone();
    assert!(agent.starts_with("smith/"), "{agent}");
}

#[test]
fn files_of_this_machine_are_fetched_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a b");
    std::fs::write(&path, "hello").expect("written");
    let url = format!("file://{}/a%20b", folder.path().display());
    let fetcher = fetcher();
    let Answer::Found { bytes, validators } = fetcher.get(&url, 5, None).expect("found") else { panic!() };
    assert_eq!(bytes, b"hello");
    assert_eq!(fetcher.get(&url, 5, Some(&validators)).expect("same"), Answer::NotModified);
    assert!(matches!(fetcher.get(&url, 4, None), Err(FetchError::TooLarge { .. })));
    assert_eq!(fetcher.get(&format!("{url}x"), 4, None).expect("none"), Answer::Missing);
    let folder_url = format!("file://{}", folder.path().display());
    assert!(matches!(fetcher.get(&folder_url, 4, None), Err(FetchError::NotAFile { .. })));
    assert!(matches!(fetcher.get("ftp://host/x", 4, None), Err(FetchError::Url { .. })));
}

#[test]
fn no_body_grows_over_its_limit() {
    let lying = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n");
        hold(stream);
    });
    let error = fetcher().get(&lying.url("/"), 1000, None).expect_err("too long");
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    let endless = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[7; 4096]).is_ok() {}
    });
    let error = fetcher().get(&endless.url("/"), 100_000, None).expect_err("endless");
    assert!(matches!(error, FetchError::Endless { .. }), "{error}");
    // The length is what the server says, not what it may send.
    let longer = Server::start(|_, stream| say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello"));
    assert_eq!(found(fetcher().get(&longer.url("/"), 10, None).expect("two bytes")), b"he");
}

#[test]
fn a_stall_is_noticed_and_the_next_try_may_do_better() {
    let server = Server::start(|request, stream| match request.number {
        0 => {
            say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
            hold(stream);
        }
        1 => hold(stream),
        _ => say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    });
    let fetcher = Fetcher::new(Limits {
        stall: Duration::from_millis(200),
        connect: Duration::from_millis(200),
        ..quick()
    })
    .expect("a fetcher");
    assert_eq!(found(fetcher.get(&server.url("/"), 10, None).expect("at last")), b"hello");
    assert!(server.requests().len() >= 3);
}

#[test]
fn servers_in_trouble_are_asked_again_and_those_that_refuse_are_not() {
    let server = Server::start(|request, stream| match request.number {
        0 => say(stream, "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
        1 => reset(stream),
        2 => say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"),
        _ => say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    });
    assert_eq!(found(fetcher().get(&server.url("/"), 10, None).expect("at last")), b"hello");
    let dead = Server::start(|_, stream| say(stream, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"));
    let error = fetcher().get(&dead.url("/"), 10, None).expect_err("broken");
    assert!(matches!(error, FetchError::Status { status: 500, .. }), "{error}");
    assert_eq!(dead.requests().len(), 4);
    let closed = Server::start(|_, stream| say(stream, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
    let error = fetcher().get(&closed.url("/"), 10, None).expect_err("refused");
    assert!(matches!(error, FetchError::Status { status: 403, .. }), "{error}");
    assert_eq!(closed.requests().len(), 1);
}

#[test]
fn redirects_are_few_and_lead_nowhere_else() {
    let server = Server::start(|request, stream| match request.path.as_str() {
        "/a" => say(stream, "HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
        "/b" => say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"),
        "/file" => say(stream, "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
        _ => say(stream, "HTTP/1.1 302 x\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"),
    });
    let fetcher = Fetcher::new(Limits { retries: 0, ..quick() }).expect("a fetcher");
    assert_eq!(found(fetcher.get(&server.url("/a"), 10, None).expect("followed")), b"b");
    assert!(fetcher.get(&server.url("/file"), 10, None).is_err());
    let error = fetcher.get(&server.url("/loop"), 10, None).expect_err("a loop").to_string();
    assert!(error.contains("at most 5"), "{error}");
}

#[test]
fn nothing_is_unpacked_on_the_way() {
    let body = b"\x1f\x8b not really gzip";
    let server = Server::start(|_, stream| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        say(stream, &head);
        let _ = stream.write_all(body);
    });
    assert_eq!(found(fetcher().get(&server.url("/"), 100, None).expect("as it is")), body);
    assert_eq!(server.requests()[0].headers["accept-encoding"], "identity");
}

#[test]
fn passwords_are_not_told() {
    let server = Server::start(|_, stream| say(stream, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
    let url = server.url("/").replace("http://", "http://user:secret@");
    let error = fetcher().get(&url, 10, None).expect_err("refused");
    assert!(!error.to_string().contains("secret") && error.to_string().contains("user"), "{error}");
}

#[test]
fn https_is_spoken_and_insisted_on() {
    let plain = Server::of(&[("/", b"x")]);
    let url = plain.url("/").replace("http://", "https://");
    let fetcher = Fetcher::new(Limits { retries: 0, connect: Duration::from_millis(500), ..quick() })
        .expect("a fetcher");
    assert!(matches!(fetcher.get(&url, 10, None), Err(FetchError::Connection { .. })));
    assert!(plain.requests().is_empty());
}

#[test]
fn objects_come_in_and_are_counted() {
    let (large, small) = (data(3_000_000), data(10));
    let server = Server::of(&[("/large", &large), ("/small", &small)]);
    let wants = [
        want(&small, &[server.url("/small")]),
        want(&large, &[server.url("/large")]),
        want(b"", &[server.url("/none")]),
    ];
    let (_folder, store, outcome, tally) = take(&wants);
    outcome.expect("all came");
    assert!(whole(&store, &large) && whole(&store, &small) && whole(&store, b""));
    let now = tally.now();
    assert_eq!((now.files, now.files_done, now.bytes, now.bytes_done), (3, 3, 3_000_010, 3_000_010));
    assert_eq!((now.retries, now.failed), (0, 0));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_next_source_helps_whatever_is_wrong_with_the_first() {
    let bytes = data(200_000);
    let good = Server::of(&[("/x", &bytes)]);
    let mut other = bytes.clone();
    other[77_777] ^= 1;
    let wrong = Server::of(&[("/x", &other)]);
    let none = Server::of(&[]);
    let forbidden = Server::start(|_, stream| say(stream, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
    let shorter = Server::of(&[("/x", &bytes[..100])]);
    let longer = Server::start(move |_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[7; 4096]).is_ok() {}
    });
    let stalled = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nhe");
        hold(stream);
    });
    let closed = {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        format!("http://{}/x", port.local_addr().expect("an address"))
    };
    let bad = [&wrong, &none, &forbidden, &shorter, &longer, &stalled].map(|server| server.url("/x"));
    let more = [closed, "file:///does/not/exist".to_owned(), "nonsense".to_owned()];
    for first in bad.iter().chain(&more) {
        let (_folder, store, outcome, tally) = take(&[want(&bytes, &[first.clone(), good.url("/x")])]);
        outcome.unwrap_or_else(|errors| panic!("{first}: {}", errors[0]));
        assert!(whole(&store, &bytes), "{first}");
        assert_eq!(tally.now().bytes_done, 200_000, "{first}");
    }
}

#[test]
fn what_fails_is_named_and_the_others_come() {
    let bytes: Vec<Vec<u8>> = (1..40).map(|number| data(number * 100)).collect();
    let paths: Vec<String> = (1..40).map(|number| format!("/{number}")).collect();
    let files: Vec<(&str, &[u8])> = paths
        .iter()
        .map(String::as_str)
        .zip(bytes.iter().map(Vec::as_slice))
        .filter(|(path, _)| *path != "/7")
        .collect();
    let server = Server::of(&files);
    let wants: Vec<Want> =
        bytes.iter().zip(&paths).map(|(bytes, path)| want(bytes, &[server.url(path)])).collect();
    let (_folder, store, outcome, tally) = take(&wants);
    let errors = outcome.expect_err("one is missing");
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].hash, errors[0].size), (Sha256::of(&bytes[6]), 700));
    let text = errors[0].to_string();
    assert!(text.contains("404") && text.contains("/7"), "{text}");
    assert_eq!(bytes.iter().filter(|bytes| whole(&store, bytes)).count(), 38);
    assert_eq!(tally.now().failed, 1);
}

#[test]
fn a_broken_line_costs_only_what_was_not_yet_there() {
    let bytes = data(1_000_000);
    let served = bytes.clone();
    let sent = std::sync::Arc::new(Mutex::new(0));
    let count = sent.clone();
    let server = Server::start(move |request, stream| {
        let from = request.from().unwrap_or(0);
        let to = (from + 150_000).min(served.len());
        let status = if from > 0 {
            format!("206 x\r\nContent-Range: bytes {from}-{}/{}", served.len() - 1, served.len())
        } else {
            "200 OK".to_owned()
        };
        say(
            stream,
            &format!("HTTP/1.1 {status}\r\nETag: \"v1\"\r\nContent-Length: {}\r\n\r\n", served.len() - from),
        );
        let _ = stream.write_all(&served[from..to]);
        *count.lock().expect("a count") += to - from;
    });
    let (_folder, store, outcome, tally) = take(&[want(&bytes, &[server.url("/x")])]);
    outcome.expect("in seven pieces");
    assert!(whole(&store, &bytes));
    assert_eq!(*sent.lock().expect("a count"), 1_000_000);
    assert_eq!(tally.now().bytes_done, 1_000_000);
    assert!(server.requests().iter().skip(1).all(|request| request.headers["if-range"] == "\"v1\""));
}

#[test]
fn servers_that_cannot_go_on_begin_anew() {
    let bytes = data(300_000);
    let answers: [fn(&[u8], &mut std::net::TcpStream); 3] = [
        // Ignores the range.
        |bytes, stream| {
            say(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()));
            let _ = stream.write_all(bytes);
        },
        |_, stream| say(stream, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n"),
        // Goes on somewhere else.
        |bytes, stream| {
            let rest = bytes.len() - 5;
            let range = format!("bytes 5-{}/{}", bytes.len() - 1, bytes.len());
            say(
                stream,
                &format!("HTTP/1.1 206 x\r\nContent-Range: {range}\r\nContent-Length: {rest}\r\n\r\n"),
            );
            let _ = stream.write_all(&bytes[5..]);
        },
    ];
    for (case, answer) in answers.into_iter().enumerate() {
        let served = bytes.clone();
        let server = Server::start(move |request, stream| match request.from() {
            Some(_) => answer(&served, stream),
            None => ok(request, stream, &served),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        std::fs::write(store.partial().join(Sha256::of(&bytes).hex()), &bytes[..1000]).expect("written");
        let wants = [want(&bytes, &[server.url("/x")])];
        let tally = Tally::default();
        fetcher().objects(&wants, &store.intake().expect("an intake"), &tally).expect("it came");
        assert!(whole(&store, &bytes), "{case}");
        assert_eq!(tally.now().bytes_done, 300_000, "{case}");
    }
}

#[test]
fn a_part_that_was_wrong_is_not_held_against_the_server() {
    let bytes = data(300_000);
    let server = Server::of(&[("/x", &bytes)]);
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("a store");
    for part in [&data(1000)[1..], &[7; 300_000], &[7; 400_000]] {
        let _ = std::fs::remove_file(store.object(&Sha256::of(&bytes)));
        std::fs::write(store.partial().join(Sha256::of(&bytes).hex()), part).expect("written");
        let wants = [want(&bytes, &[server.url("/x")])];
        fetcher().objects(&wants, &store.intake().expect("an intake"), &Silent).expect("it came");
        assert!(whole(&store, &bytes));
    }
}

#[test]
fn a_dead_origin_is_given_up_before_all_objects_have_asked_it() {
    let server = Server::start(|_, stream| reset(stream));
    let wants: Vec<Want> = (1..500).map(|number| want(&data(number), &[server.url("/x")])).collect();
    let (_folder, _store, outcome, _) = take(&wants);
    let errors = outcome.expect_err("nothing came");
    assert_eq!(errors.len(), 499);
    // A connection that was reset before it was read from leaves no request, so this bounds and does not count.
    assert!(server.requests().len() < 100, "{}", server.requests().len());
    assert!(errors.iter().any(|error| error.to_string().contains("given up")));
}

#[test]
fn all_connections_together_keep_to_the_bandwidth() {
    let bytes: Vec<Vec<u8>> = (0..4).map(|number| data(100_000 + number)).collect();
    let paths = ["/0", "/1", "/2", "/3"];
    let files: Vec<(&str, &[u8])> = paths.into_iter().zip(bytes.iter().map(Vec::as_slice)).collect();
    let server = Server::of(&files);
    let wants: Vec<Want> =
        bytes.iter().zip(paths).map(|(bytes, path)| want(bytes, &[server.url(path)])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("a store");
    let fetcher = Fetcher::new(Limits { bandwidth: Some(800_000), ..quick() }).expect("a fetcher");
    let began = Instant::now();
    fetcher.objects(&wants, &store.intake().expect("an intake"), &Silent).expect("all came");
    // 400 KB at 800 KB/s. A slow machine takes longer, no machine may take less.
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}

#[test]
fn a_store_that_takes_nothing_stops_everything_at_once() {
    let bytes: Vec<Vec<u8>> = (1..100).map(data).collect();
    let server = Server::start({
        let bytes = bytes.clone();
        move |request, stream| ok(request, stream, &bytes[request.path[1..].parse::<usize>().unwrap_or(0)])
    });
    let wants: Vec<Want> =
        bytes.iter().enumerate().map(|(at, bytes)| want(bytes, &[server.url(&format!("/{at}"))])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("a store");
    let intake = store.intake().expect("an intake");
    // Whoever runs the tests may write to a protected folder; nobody can write into one that is a file.
    std::fs::remove_dir(store.partial()).expect("removed");
    std::fs::write(store.partial(), "").expect("written");
    let errors = fetcher().objects(&wants, &intake, &Silent).expect_err("nothing can be written");
    assert_eq!(errors.len(), 99);
    assert!(errors[0].tried.iter().any(|why| matches!(why, FetchError::Store(_))), "{}", errors[0]);
    assert!(server.requests().is_empty());
}
