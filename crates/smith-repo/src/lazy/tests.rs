//! Package files that stay where they are until somebody asks: fetched once, checked, and counted apart until then.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::fetch::{Fetcher, Limits, Proxies, Silent};
use crate::fixture::{Recipe, Server, check, leave_at, ok, reset, say, store};
use crate::hash::Sha256;
use crate::lazy::{Here, LazyError, fetch, here};
use crate::mirror::{Mode, Pull, Scope, ServeLimits, Serving, Supply, repair, sync, verify};
use crate::name::BuildNumber;
use crate::retention::{Roots, Wish, archive, plan, purge, restore};
use crate::store::{Layout, Store};

const ONE: BuildNumber = BuildNumber(1);

const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

const PACKAGES: usize = 20;

fn fetcher() -> Fetcher {
    let back_off = Duration::from_millis(1);
    let limits = Limits { proxies: Proxies::None, retries: 1, back_off, ..Limits::default() };
    Fetcher::new(limits).expect("a fetcher")
}

/// A build of twenty packages, all at an upstream that answers like this.
fn left(upstream: &Server) -> (tempfile::TempDir, Store) {
    let (folder, store) = store();
    Recipe::of(PACKAGES, |_| 1).make(&store, 1, None);
    leave_at(&store, 1, &upstream.url(""));
    (folder, store)
}

/// An upstream that has what the build left, but for these packages.
fn upstream(without: &'static [usize]) -> Server {
    let pool = Recipe::of(PACKAGES, |_| 1).pool;
    let is_there = move |path: &String| without.iter().all(|number| !path.contains(&format!("/p{number}_")));
    let named = pool.into_iter().filter(|(path, _)| is_there(path));
    let files: Vec<(String, Vec<u8>)> =
        named.map(|(path, bytes)| (format!("/pool/{}", path.trim_start_matches("debian/")), bytes)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    Server::of(&files)
}

fn serving(store: &Store) -> Serving {
    let limits = ServeLimits { grace: Duration::from_secs(2), ..ServeLimits::default() };
    Serving::start_fetching(store, ANY.into(), limits, fetcher()).expect("it serves")
}

fn path(number: usize) -> String {
    format!("debian/main/p{number}/p{number}_1_all.deb")
}

fn bytes(number: usize) -> Vec<u8> {
    Recipe::of(PACKAGES, |_| 1).pool.remove(&path(number)).expect("a package")
}

/// The status of an answer and its body.
fn ask(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("connected");
    let text = format!("GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
    (status, answer.split_off(end + 4))
}

fn count(store: &Store) -> Here {
    here(store, ONE).expect("read").expect("a lazy build")
}

#[test]
fn a_file_is_fetched_when_it_is_asked_for_by_any_of_its_names() {
    let upstream = upstream(&[]);
    let (_folder, store) = left(&upstream);
    symlink("../builds/1", store.channels().join("prod")).expect("linked");
    let serving = serving(&store);
    let of = PACKAGES as u64;
    assert_eq!(count(&store), Here { here: 0, of });
    let below = |number: usize| path(number).replacen("debian/", "debian/pool/", 1);
    for (number, asked) in [
        (1, format!("pool/{}", path(1))),
        (2, format!("builds/1/{}", below(2))),
        (3, format!("channels/prod/{}", below(3))),
        (4, Layout::object_path(&Sha256::of(&bytes(4)))),
    ] {
        assert_eq!(ask(serving.address(), &asked), ("200".to_owned(), bytes(number)), "{asked}");
        assert_eq!(fs::read(store.root().join("pool").join(path(number))).expect("a name"), bytes(number));
        assert_eq!(ask(serving.address(), &asked).0, "200", "{asked}");
    }
    assert_eq!((count(&store), upstream.requests().len()), (Here { here: 4, of }, 4));
    // What no build has is not looked for anywhere.
    for unknown in
        ["pool/debian/main/x/x_1_all.deb", "builds/1/debian/pool/x", "pool/x", "objects/sha256/ab/cd"]
    {
        assert_eq!(ask(serving.address(), unknown).0, "404", "{unknown}");
    }
    assert_eq!(upstream.requests().len(), 4);
    // A build that comes later is known as well.
    Recipe::of(PACKAGES, |_| 2).make(&store, 2, Some(1));
    leave_at(&store, 2, &upstream.url(""));
    assert_eq!(ask(serving.address(), "pool/debian/main/p1/p1_2_all.deb").0, "404");
    assert_eq!(upstream.requests().len(), 5);
}

#[test]
fn a_file_that_many_ask_for_at_once_is_fetched_once() {
    const CLIENTS: usize = 30;
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let opened = gate.clone();
    let upstream = Server::start(move |request, stream| {
        let (open, changed) = &*opened;
        let _open = changed.wait_while(open.lock().expect("a gate"), |open| !*open).expect("a gate");
        ok(request, stream, &bytes(7));
    });
    let (_folder, store) = left(&upstream);
    let serving = serving(&store);
    let address = serving.address();
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(move || ask(address, &format!("pool/{}", path(7))))).collect();
        while serving.counts().connections < CLIENTS as u64 || upstream.requests().is_empty() {
            thread::yield_now();
        }
        *gate.0.lock().expect("a gate") = true;
        gate.1.notify_all();
        for client in clients {
            assert_eq!(client.join().expect("an answer"), ("200".to_owned(), bytes(7)));
        }
    });
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_client_is_told_what_the_upstream_says_and_gets_nothing_that_was_not_signed() {
    let mut wrong = bytes(2);
    wrong[100] ^= 1;
    let upstream = Server::start(move |request, stream| match &request.path {
        path if path.contains("/p1/") => say(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        path if path.contains("/p2/") => ok(request, stream, &wrong),
        path if path.contains("/p3/") => ok(request, stream, &wrong[1..]),
        path if path.contains("/p4/") => reset(stream),
        _ => say(stream, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    });
    let (_folder, store) = left(&upstream);
    let serving = serving(&store);
    for (number, status) in [(1, "404"), (2, "404"), (3, "404"), (4, "502"), (5, "502")] {
        assert_eq!(ask(serving.address(), &format!("pool/{}", path(number))).0, status, "{number}");
    }
    // A fleet that asks for the same is not passed on to the upstream.
    let asked = upstream.requests().len();
    assert_eq!(ask(serving.address(), &format!("pool/{}", path(1))).0, "404");
    assert_eq!(ask(serving.address(), &format!("pool/{}", path(5))).0, "502");
    assert_eq!((upstream.requests().len(), count(&store).here), (asked, 0));
    assert!(!store.root().join("pool").join(path(2)).exists());
}

#[test]
fn what_is_left_is_counted_apart_and_fetched_where_the_last_run_ended() {
    let half = upstream(&[3, 11]);
    let (_folder, store) = left(&half);
    let quick = || verify(&store, &[ONE], &Scope::QUICK).expect("verified");
    let found = quick();
    assert!(found.is_sound() && !found.is_good() && found.missing.is_empty(), "{}", found.why());
    assert_eq!((found.left.len(), found.lazy.clone(), found.touched.len()), (PACKAGES, vec![ONE], 0));
    assert!(found.why().contains("20 left upstream") && found.why().contains("smith build fetch 1"));
    let error = fetch(&store, ONE, &fetcher(), &[], &Silent).expect_err("two are gone");
    assert!(matches!(&error, LazyError::Objects { wanted: 20, failed, .. } if failed.len() == 2), "{error}");
    assert_eq!((count(&store).here, quick().left.len()), (18, 2));
    // Another store that has them is asked first.
    let (_other, whole) = crate::fixture::store();
    Recipe::of(PACKAGES, |_| 1).make(&whole, 1, None);
    let asked = half.requests().len();
    let stores = [whole.root().display().to_string()];
    let fetched = fetch(&store, ONE, &fetcher(), &stores, &Silent).expect("all came");
    assert_eq!((fetched.of, fetched.objects, half.requests().len()), (20, 2, asked));
    let found = verify(&store, &[ONE], &Scope::FULL).expect("verified");
    assert!(found.is_good(), "{}", found.why());
    assert_eq!(fetch(&store, ONE, &fetcher(), &[], &Silent).expect("nothing to do").objects, 0);
    // A file that was here and is lost is missing, and no longer at its upstream alone.
    fs::remove_file(store.object(&Sha256::of(&bytes(5)))).expect("removed");
    let found = quick();
    assert_eq!((found.missing.len(), found.left.len(), found.is_sound()), (1, 0, false));
    let bases: Vec<String> = Vec::new();
    let (fetcher, now) = (fetcher(), Timestamp::UNIX_EPOCH);
    let supply = Supply { fetcher: &fetcher, bases: &bases, progress: &Silent };
    let repaired = repair(&store, &[ONE], &Scope::FULL, supply, now).expect("repaired");
    assert!(repaired.after.is_good(), "{}", repaired.after.why());
}

#[test]
fn a_build_that_needs_its_files_is_not_excused_by_one_that_does_not() {
    let upstream = upstream(&[]);
    let (_folder, store) = left(&upstream);
    Recipe::of(PACKAGES, |_| 1).make(&store, 2, None);
    let both = [ONE, BuildNumber(2)];
    let found = verify(&store, &both, &Scope::FULL).expect("verified");
    assert!(found.is_good(), "{}", found.why());
    fs::remove_file(store.object(&Sha256::of(&bytes(5)))).expect("removed");
    fs::remove_file(store.root().join("pool").join(path(5))).expect("removed");
    let found = verify(&store, &both, &Scope::FULL).expect("verified");
    assert_eq!((found.missing.len(), found.left.len()), (2, 0), "{}", found.why());
    let found = verify(&store, &[ONE], &Scope::FULL).expect("verified");
    assert_eq!((found.missing.len(), found.left.len()), (0, 1), "{}", found.why());
}

#[test]
fn a_mirror_is_made_whole_from_wherever_the_files_are() {
    let half = upstream(&[3]);
    let (_folder, source) = left(&half);
    let (_other, mirror) = store();
    let (fetcher, sources) = (fetcher(), [source.root().display().to_string()]);
    let pull =
        Pull { store: &mirror, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
    let error = sync(&pull, ONE, Mode::Do).expect_err("one is nowhere").to_string();
    assert!(error.contains("1 of") && error.contains("/pool/main/p3/p3_1_all.deb"), "{error}");
    assert_eq!(mirror.builds_present().expect("read"), []);
    // The source brings what it is asked for.
    let whole = upstream(&[]);
    leave_at(&source, 1, &whole.url(""));
    let serving = serving(&source);
    let sources = [format!("http://{}", serving.address())];
    sync(&Pull { sources: &sources, ..pull }, ONE, Mode::Do).expect("it came");
    let found = verify(&mirror, &[ONE], &Scope::FULL).expect("verified");
    assert!(found.is_good(), "{}", found.why());
    let of = PACKAGES as u64;
    assert_eq!((count(&mirror), count(&source).here), (Here { here: of, of }, 1));
}

#[test]
fn old_builds_go_with_what_came_of_them() {
    let upstream = upstream(&[]);
    let (_folder, store) = left(&upstream);
    let serving = serving(&store);
    for number in [1, 2, 3] {
        assert_eq!(ask(serving.address(), &format!("pool/{}", path(number))).0, "200");
    }
    Recipe::of(PACKAGES, |number| if number == 1 { 1 } else { 2 }).make(&store, 2, Some(1));
    let (roots, now) = (Roots::default(), Timestamp::UNIX_EPOCH);
    let trees = 2;
    let purging = plan(&store, &Wish::These(vec![ONE]), &roots).expect("a plan");
    assert_eq!(purging.objects, 2 + trees);
    archive(&store, &[ONE], &roots, now).expect("archived");
    assert!(!store.has(&Sha256::of(&bytes(2))) && store.has(&Sha256::of(&bytes(1))));
    let restored = restore(&store, ONE, &fetcher(), &[], &Silent).expect("restored");
    assert_eq!((restored.from_trash, restored.missing.len(), count(&store).here), (2, 0, 3));
    assert!(verify(&store, &[ONE], &Scope::FULL).expect("verified").is_sound());
    let purging = plan(&store, &Wish::These(vec![ONE]), &roots).expect("a plan");
    assert_eq!(purge(&store, &purging, &roots, now).expect("purged").objects, 2 + trees);
    let found = verify(&store, &[BuildNumber(2)], &Scope::FULL).expect("verified");
    assert!(found.is_good(), "{}", found.why());
    assert_eq!(ask(serving.address(), &format!("pool/{}", path(2))).0, "404");
}
