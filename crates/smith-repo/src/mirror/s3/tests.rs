//! Against a server that speaks S3, made by others; without it these tests say why they are skipped.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;

use crate::channel::Order;
use crate::fetch::{Fetcher, Limits, Proxies, Silent, Tally};
use crate::fixture::{Recipe, check, store};
use crate::hash::Sha256;
use crate::manifest::{FileEntry, Manifest};
use crate::mirror::s3::channel::Phase;
use crate::mirror::s3::{Keys, S3, S3Error};
use crate::mirror::{Bucket, Depth, Mode, Pull, Scope, State, sync, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::store::Store;

const ONE: BuildNumber = BuildNumber(1);
const TWO: BuildNumber = BuildNumber(2);

/// A server with a bucket. Ends with the test.
struct Service {
    process: Child,
    endpoint: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder that everything is built in.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test");
    test.ancestors().nth(3).expect("a target folder").to_owned()
}

/// Finds or installs the server; a reason if neither works.
fn installed() -> Result<PathBuf, String> {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONCE.lock().expect("one at a time");
    let venv = target().join("moto/venv");
    let server = venv.join("bin/moto_server");
    if server.exists() {
        return Ok(server);
    }
    let run = |program: PathBuf, arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{}: {text}", program.display())) }
    };
    run("python3".into(), &["-m", "venv", &venv.to_string_lossy()])?;
    run(venv.join("bin/pip"), &["install", "--quiet", "--timeout", "10", "--retries", "1", "moto[server]"])?;
    Ok(server)
}

fn service() -> Option<Service> {
    let server = match installed() {
        Ok(server) => server,
        Err(why) => {
            println!("skipped: no S3 server on this machine: {why}");
            return None;
        }
    };
    let mut process = Command::new(server)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(process.stderr.take().expect("its words")).lines();
    let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.split_whitespace()
            .find(|word| word.starts_with("http://"))
            .map(|word| word.trim_end_matches('/').to_owned())
    });
    // What it says of each request has to go somewhere.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let endpoint = endpoint.expect("an address");
    let service = Service { process, endpoint };
    assert!(service.raw("PUT /smith", b"").starts_with("HTTP/1.1 200"));
    // Everybody may read it, as clients of a mirror must, and here also write.
    let policy = br#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
        "Action": "s3:*", "Resource": "arn:aws:s3:::smith/*"}]}"#;
    assert!(service.raw("PUT /smith?policy", policy).starts_with("HTTP/1.1 20"));
    Some(service)
}

impl Service {
    /// A request that is not signed, which this server takes.
    fn raw(&self, what: &str, body: &[u8]) -> String {
        let address = self.endpoint.strip_prefix("http://").expect("http");
        let mut stream = TcpStream::connect(address).expect("connected");
        let head = format!(
            "{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("read");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn open(&self) -> S3 {
        let (bucket, region) = ("smith".to_owned(), "us-east-1".to_owned());
        let endpoint = Some(self.endpoint.clone());
        let bucket = Bucket { bucket, region, endpoint, prefix: "site/one".to_owned() };
        S3::open(&bucket, &Keys::Given { access: "a".to_owned(), secret: "b".to_owned() }).expect("opened")
    }
}

fn source() -> (tempfile::TempDir, Store, [Manifest; 2]) {
    let (folder, store) = store();
    let mut one = Recipe::of(30, |_| 1);
    // A name that must arrive as it is, and a file that goes in parts.
    one.pool.insert("debian/main/x/x_1%3a2~rc1+b_all.deb".to_owned(), b"a package".to_vec());
    one.pool.insert("debian/main/l/large_1_all.deb".to_owned(), vec![7; 17 << 20]);
    let mut two = one.clone();
    two.suite("debian", "stable", b"another index");
    let first = one.make(&store, 1, None);
    let second = two.make(&store, 2, Some(1));
    (folder, store, [first, second])
}

fn key(file: &FileEntry) -> String {
    super::push::key(ONE, file)
}

fn order(at: i64) -> Order {
    let at = Timestamp::from_second(at).expect("a time");
    Order { who: "ann".to_owned(), why: "a trial".to_owned(), at }
}

#[test]
fn a_build_goes_in_once_and_comes_back_whole() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, [manifest, _])) = (service.open(), source());
    let would = s3.push(&store, ONE, &check, Mode::DryRun, &Silent).expect("counted");
    assert_eq!((would.state, would.missing), (State::WouldCome, manifest.files().len() as u64));
    assert!(s3.list("").expect("listed").is_empty());
    let tally = Tally::default();
    let did = s3.push(&store, ONE, &check, Mode::Do, &tally).expect("pushed");
    assert_eq!((did.state, did.missing), (State::Came, would.missing));
    assert_eq!(tally.now().files_done, would.missing);
    assert_eq!(s3.push(&store, ONE, &check, Mode::Do, &Silent).expect("there").state, State::WasWhole);
    assert!(s3.verify(&store, ONE, Depth::Full).expect("verified").is_good());
    let named = service.raw("GET /smith/site/one/pool/debian/main/x/x_1%253a2~rc1+b_all.deb", b"");
    assert!(named.ends_with("a package"), "{named}");
    // The pool is shared: of the second build only the tree goes, which has two indexes by hash.
    let second = s3.push(&store, TWO, &check, Mode::Do, &Silent).expect("pushed");
    assert_eq!(second.missing, 5);
    // It has no objects, but names, which is enough for a mirror to pull from it.
    let (_t, target) = crate::fixture::store();
    let limits = Limits { proxies: Proxies::None, ..Limits::default() };
    let fetcher = Fetcher::new(limits).expect("a fetcher");
    let sources = [format!("{}/smith/site/one", service.endpoint)];
    let pull =
        Pull { store: &target, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
    for build in [ONE, TWO] {
        sync(&pull, build, Mode::Do).expect("came back");
    }
    assert!(verify(&target, &[ONE, TWO], &Scope::FULL).expect("verified").is_good());
}

#[test]
fn what_is_wrong_in_a_bucket_is_named() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, [manifest, _])) = (service.open(), source());
    s3.push(&store, ONE, &check, Mode::Do, &Silent).expect("pushed");
    let [gone, cut, other] = [0, 1, 2].map(|at| &manifest.files()[at]);
    let answer = service.raw(&format!("DELETE /smith/site/one/{}", key(gone)), b"");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    for (key, bytes) in [
        (key(cut), b"short".to_vec()),
        (key(other), vec![0; other.size as usize]),
        ("builds/1/stranger".to_owned(), vec![1]),
    ] {
        let answer = service.raw(&format!("PUT /smith/site/one/{key}"), &bytes);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let found = s3.verify(&store, ONE, Depth::Full).expect("verified");
    assert_eq!(found.missing.iter().map(|one| one.path.clone()).collect::<Vec<_>>(), [key(gone)]);
    let mut damaged: Vec<String> = found.damaged.iter().flat_map(|one| one.paths.clone()).collect();
    damaged.sort_unstable();
    let mut expected = [key(cut), key(other)];
    expected.sort_unstable();
    assert_eq!(damaged, expected);
    assert_eq!(found.foreign, ["builds/1/stranger"]);
    let order = order(0);
    let prod = ChannelName::new("prod").expect("a name");
    let error = s3.set_channel(&store, &prod, ONE, &order, None).expect_err("not whole");
    assert!(matches!(error, S3Error::NotWhole { .. }), "{error}");
}

#[test]
fn keys_are_written_once() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, [manifest, _])) = (service.open(), source());
    let file = &manifest.files()[0];
    s3.put_once(&key(file), b"something else".to_vec()).expect("put");
    // The listing shows another size only to a verification; a push that finds the key leaves it alone.
    let error =
        s3.put_file(&key(file), &store.object(&file.hash), file.size, &file.hash).expect_err("other content");
    assert!(matches!(error, S3Error::Conflict { .. }), "{error}");
    let broken = &manifest.files()[1];
    fs::remove_file(store.object(&broken.hash)).expect("removed");
    fs::write(store.object(&broken.hash), vec![0; broken.size as usize]).expect("written");
    let error = s3.push(&store, ONE, &check, Mode::Do, &Silent).expect_err("damaged here");
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(s3.get("builds/1/build.json").expect("asked").is_none());
}

#[test]
fn a_channel_moves_by_one_at_a_time_and_keeps_what_clients_may_ask_for() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, manifests)) = (service.open(), source());
    let prod = ChannelName::new("prod").expect("a name");
    assert_eq!(s3.channel(&prod).expect("read"), None);
    for build in [ONE, TWO] {
        s3.push(&store, build, &check, Mode::Do, &Silent).expect("pushed");
        s3.set_channel(&store, &prod, build, &order(i64::from(build.0)), None).expect("set");
    }
    let pointer = s3.channel(&prod).expect("read").expect("there");
    assert_eq!((pointer.from, pointer.to, pointer.phase), (Some(ONE), TWO, Phase::Done));
    let release = s3.get("channels/prod/debian/dists/stable/InRelease").expect("read").expect("there").0;
    assert_eq!(release, fs::read(store.build(TWO).join("debian/dists/stable/InRelease")).expect("read"));
    for file in
        manifests.iter().flat_map(Manifest::files).filter(|file| file.path.as_str().contains("/by-hash/"))
    {
        let bytes = s3.get(&format!("channels/prod/{}", file.path)).expect("read").expect("there").0;
        assert_eq!(Sha256::of(&bytes), file.hash);
    }
    // Somebody is at it: the next has to wait, until he must have died.
    let moving = super::Pointer { phase: Phase::Moving, ..pointer };
    let (_, tag) = s3.get("channels/prod.json").expect("read").expect("there");
    let text = serde_json::to_vec(&moving).expect("json");
    assert!(
        s3.swap("channels/prod.json", text.clone(), Some("\"stale\"".to_owned())).expect("asked").is_none()
    );
    assert!(s3.swap("channels/prod.json", text, tag).expect("asked").is_some());
    let error = s3.set_channel(&store, &prod, ONE, &order(60), None).expect_err("busy");
    assert!(matches!(error, S3Error::Busy { .. }), "{error}");
    s3.set_channel(&store, &prod, ONE, &order(3600), None).expect("taken over");
    assert_eq!(s3.channel(&prod).expect("read").map(|pointer| pointer.to), Some(ONE));
}
