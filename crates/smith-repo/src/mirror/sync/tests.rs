//! Builds come whole, from anywhere, and however often they are interrupted.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::fetch::{Fetcher, Limits, Proxies, Silent, Tally};
use crate::fixture::{Recipe, Server, check, ok, reset, say, store};
use crate::hash::Sha256;
use crate::manifest::{Area, FileEntry, Manifest};
use crate::mirror::sync::room::Coming;
use crate::mirror::sync::tree::upstreams;
use crate::mirror::{
    Anew, Keys, Mirror, Mode, Opening, Outcome, Place, Pull, Reach, Scope, State, SyncError, Synced, Target,
    Which, add_mirror, append_log, sync, sync_all, verify, write_index,
};
use crate::name::{BuildNumber, MirrorName, RelPath};
use crate::store::Store;

const ONE: BuildNumber = BuildNumber(1);
const TWO: BuildNumber = BuildNumber(2);

fn limits() -> Limits {
    Limits {
        connections: 4,
        retries: 0,
        stall: Duration::from_secs(5),
        back_off: Duration::from_millis(1),
        proxies: Proxies::None,
        ..Limits::default()
    }
}

fn pull_with(store: &Store, sources: &[String], build: BuildNumber, mode: Mode) -> Result<Synced, SyncError> {
    let fetcher = Fetcher::new(limits()).expect("a fetcher");
    sync(&Pull { store, fetcher: &fetcher, sources, check: &check, progress: &Silent }, build, mode)
}

fn pull(store: &Store, source: &str, build: BuildNumber) -> Result<Synced, SyncError> {
    pull_with(store, &[source.to_owned()], build, Mode::Do)
}

/// A store with two builds, the second with a few new packages.
fn source() -> (tempfile::TempDir, Store) {
    let (folder, store) = store();
    Recipe::of(60, |_| 1).make(&store, 1, None);
    Recipe::of(60, |number| 1 + u32::from(number < 6)).make(&store, 2, Some(1));
    write_index(&store, &store.lock_now().expect("free")).expect("written");
    (folder, store)
}

/// Serves a store's files; each answer costs what it has bytes, and when all is spent the server only breaks off.
fn serve(store: &Store, budget: i64) -> Server {
    let root = store.root().to_owned();
    let left = AtomicI64::new(budget);
    Server::start(move |request, stream| {
        let Ok(bytes) = fs::read(root.join(&request.path[1..])) else {
            return say(stream, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        };
        let length = bytes.len() as i64 - request.from().unwrap_or(0) as i64;
        let left = left.fetch_sub(length, Ordering::Relaxed);
        if left >= length {
            return ok(request, stream, &bytes);
        }
        if left > 0 && request.from().is_none() {
            say(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            let _ = stream.write_all(&bytes[..left as usize]);
            let _ = stream.flush();
        }
        reset(stream);
    })
}

fn whole(store: &Store, builds: &[BuildNumber]) {
    let findings = verify(store, builds, &Scope::FULL).expect("verified");
    assert!(findings.is_good(), "{}", findings.why());
}

/// Everything below a build's folder, with its content or target.
fn tree(folder: &Path) -> BTreeSet<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below").display().to_string();
            if path.is_symlink() {
                seen.insert((name, fs::read_link(&path).expect("a link").display().to_string()));
            } else if path.is_dir() {
                folders.push(path);
            } else {
                seen.insert((name, Sha256::of_file(&path).expect("read").0.hex()));
            }
        }
    }
    seen
}

#[test]
fn a_build_comes_over_http_and_from_a_folder_and_is_the_same() {
    let (_s, source) = source();
    let server = serve(&source, i64::MAX);
    for address in [server.url(""), format!("{}/", server.url("")), source.root().display().to_string()] {
        let (_t, target) = store();
        let first = pull(&target, &address, ONE).expect("came");
        assert_eq!((first.state, first.missing), (State::Came, first.objects));
        assert_eq!(first.signers, ["KEY"]);
        let second = pull(&target, &address, TWO).expect("came");
        // Six packages, the index and the InRelease.
        assert_eq!(second.missing, 8);
        assert_eq!(pull(&target, &address, TWO).expect("there").state, State::WasWhole);
        whole(&target, &[ONE, TWO]);
        for build in [ONE, TWO] {
            assert_eq!(tree(&target.build(build)), tree(&source.build(build)));
        }
        assert_eq!(fs::read_dir(target.incoming()).expect("read").count(), 0);
        assert_eq!(fs::read_dir(target.leases()).expect("read").count(), 0);
    }
}

#[test]
fn only_the_difference_is_asked_for() {
    let (_s, source) = source();
    let (_t, target) = store();
    let server = serve(&source, i64::MAX);
    pull(&target, &server.url(""), ONE).expect("came");
    let before = server.requests().len();
    pull(&target, &server.url(""), TWO).expect("came");
    let asked: Vec<String> = server.requests()[before..].iter().map(|request| request.path.clone()).collect();
    assert!(asked.contains(&"/builds/2/from-1.zst".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"/builds/2/manifest.zst".to_owned()), "{asked:?}");
    assert!(asked.contains(&"/builds/2/from-1-packages.zst".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"/builds/2/packages.json.zst".to_owned()), "{asked:?}");
    assert_eq!(tree(&target.build(TWO)), tree(&source.build(TWO)));
    assert_eq!(asked.iter().filter(|path| path.starts_with("/objects/")).count(), 8);
    // The second build alone is brought by its whole list.
    let (_u, other) = store();
    pull(&other, &server.url(""), TWO).expect("came");
    assert_eq!(tree(&other.build(TWO)), tree(&source.build(TWO)));
}

#[test]
fn a_difference_that_does_not_fit_does_no_harm() {
    let (_s, source) = source();
    let address = source.root().display().to_string();
    let list = source.build(TWO).join("from-1-packages.zst");
    let fits = fs::read(&list).expect("a difference");
    let of_another = {
        let (_o, other) = store();
        Recipe::of(60, |_| 3).make(&other, 1, None);
        Recipe::of(60, |number| 3 + u32::from(number < 6)).make(&other, 2, Some(1));
        fs::read(other.build(TWO).join("from-1-packages.zst")).expect("a difference")
    };
    let expected = tree(&source.build(TWO));
    for bad in [Some(b"nonsense".as_slice()), Some(&of_another), Some(&fits[..fits.len() - 1]), None] {
        let (_t, target) = store();
        pull(&target, &address, ONE).expect("came");
        fs::write(source.build(TWO).join("from-1.zst"), "nonsense").expect("written");
        match bad {
            Some(bytes) => fs::write(&list, bytes).expect("written"),
            None => fs::remove_file(&list).expect("removed"),
        }
        pull(&target, &address, TWO).expect("came");
        whole(&target, &[ONE, TWO]);
        // What does not fit is not handed on.
        let own = tree(&target.build(TWO));
        let lacking: Vec<&str> = expected.difference(&own).map(|(name, _)| name.as_str()).collect();
        assert_eq!(lacking, ["from-1-packages.zst", "from-1.zst"]);
        assert!(own.is_subset(&expected));
    }
}

#[test]
fn a_list_that_is_damaged_here_is_no_base() {
    let (_s, source) = source();
    let (_t, target) = store();
    let address = source.root().display().to_string();
    pull(&target, &address, ONE).expect("came");
    fs::write(target.build(ONE).join("packages.json.zst"), "cut").expect("written");
    pull(&target, &address, TWO).expect("came");
    let read = |store: &Store| fs::read(store.build(TWO).join("packages.json.zst")).expect("read");
    assert_eq!(read(&target), read(&source));
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let (_s, source) = source();
    let (_t, target) = store();
    let address = source.root().display().to_string();
    pull(&target, &address, ONE).expect("came");
    let before = tree(target.root());
    let would = pull_with(&target, std::slice::from_ref(&address), TWO, Mode::DryRun).expect("counted");
    assert_eq!((would.state, would.missing), (State::WouldCome, 8));
    assert_eq!(tree(target.root()), before);
    let did = pull(&target, &address, TWO).expect("came");
    assert_eq!((did.missing, did.missing_bytes), (would.missing, would.missing_bytes));
}

#[test]
fn nothing_is_believed_without_a_signature() {
    let (_s, source) = source();
    let (_t, target) = store();
    let path = source.build(ONE).join("build.json");
    let text = fs::read_to_string(&path).expect("read").replace("a fixture", "somebody");
    fs::write(&path, text).expect("written");
    let error = pull(&target, &source.root().display().to_string(), ONE).expect_err("another signature");
    assert!(matches!(error, SyncError::Signature { .. }), "{error}");
    fs::remove_file(source.build(ONE).join("build.json.sig")).expect("removed");
    let error = pull(&target, &source.root().display().to_string(), ONE).expect_err("no signature");
    assert!(matches!(error, SyncError::Absent { .. }), "{error}");
    let error = pull(&target, &source.root().display().to_string(), BuildNumber(9)).expect_err("no build");
    assert!(matches!(error, SyncError::Absent { .. }), "{error}");
    assert!(target.builds_present().expect("read").is_empty());
    assert_eq!(fs::read_dir(target.objects()).expect("read").count(), 0);
}

#[test]
fn a_number_stands_for_one_build() {
    let ((_a, one), (_b, two), (_t, target)) = (store(), store(), store());
    Recipe::of(3, |_| 1).make(&one, 1, None);
    Recipe::of(3, |_| 2).make(&two, 1, None);
    pull(&target, &one.root().display().to_string(), ONE).expect("came");
    let error = pull(&target, &two.root().display().to_string(), ONE).expect_err("another build");
    assert!(matches!(error, SyncError::Differs { .. }), "{error}");
}

#[test]
fn a_damaged_neighbour_does_not_spread() {
    let (_s, source) = source();
    let (_g, good) = {
        let (folder, store) = store();
        pull(&store, &source.root().display().to_string(), ONE).expect("came");
        // Links to the source would be damaged with it.
        let hash = Recipe::of(60, |_| 1).pool.values().map(|bytes| Sha256::of(bytes)).next().expect("one");
        let bytes = fs::read(store.object(&hash)).expect("read");
        fs::remove_file(store.object(&hash)).expect("removed");
        fs::write(store.object(&hash), bytes).expect("written");
        (folder, store)
    };
    let hash = Recipe::of(60, |_| 1).pool.values().map(|bytes| Sha256::of(bytes)).next().expect("one");
    // In place, so that its name in the pool is no better.
    fs::set_permissions(source.object(&hash), fs::Permissions::from_mode(0o644)).expect("opened up");
    fs::write(source.object(&hash), "damaged").expect("written");
    let (_t, target) = store();
    let error = pull(&target, &source.root().display().to_string(), ONE).expect_err("damaged");
    let SyncError::Objects { failed, .. } = &error else { panic!("{error}") };
    assert_eq!(failed.iter().map(|one| one.hash).collect::<Vec<_>>(), [hash]);
    assert!(target.builds_present().expect("read").is_empty());
    let both = [source.root().display().to_string(), good.root().display().to_string()];
    let synced = pull_with(&target, &both, ONE, Mode::Do).expect("the other one has it");
    assert_eq!(synced.missing, 1);
    whole(&target, &[ONE]);
}

#[test]
fn a_source_that_dies_at_any_point_only_delays() {
    let (_s, source) = source();
    let (_t, reference) = store();
    pull(&reference, &source.root().display().to_string(), ONE).expect("came");
    let (_t, target) = store();
    let mut tries = 0;
    // Each server gives a little more than the lists cost, and then breaks off in the middle of something.
    let synced = loop {
        tries += 1;
        assert!(tries < 200, "it does not get further");
        let server = serve(&source, 9_000 + 613 * (tries % 7));
        match pull(&target, &server.url(""), ONE) {
            Ok(synced) => break synced,
            Err(_) => assert!(target.builds_present().expect("read").is_empty()),
        }
    };
    assert!(tries > 3, "the test wants to be interrupted, and was only {tries} times");
    assert!(synced.missing < synced.objects);
    whole(&target, &[ONE]);
    assert_eq!(tree(&target.build(ONE)), tree(&reference.build(ONE)));
    assert_eq!(fs::read_dir(target.partial()).expect("read").count(), 0);
}

#[test]
fn what_a_killed_run_was_making_is_cleared_and_what_a_living_one_makes_is_not() {
    let (_s, source) = source();
    let (_t, target) = store();
    // No process has a number above the kernel's limit.
    let dead = target.builds().join(".tmp-1-4194999-0");
    let living = target.builds().join(format!(".tmp-1-{}-999999", std::process::id()));
    for folder in [&dead, &living] {
        fs::create_dir_all(folder.join("debian")).expect("made");
    }
    fs::write(target.incoming().join(".tmp-left"), "x").expect("written");
    pull(&target, &source.root().display().to_string(), ONE).expect("came");
    assert!(!dead.exists() && living.exists());
}

#[test]
fn many_mirrors_have_their_own_outcomes() {
    let (_s, source) = source();
    let server = serve(&source, i64::MAX);
    let stores: Vec<_> = (0..4).map(|_| store()).collect();
    let target = |(at, (_, store)): (usize, &(tempfile::TempDir, Store))| Target {
        name: MirrorName::new(&format!("m{at}")).expect("a name"),
        reach: Reach::Store(store.clone()),
        // The last one looks where nothing is.
        sources: vec![if at == 3 { "file:///does/not/exist".to_owned() } else { server.url("") }],
        limits: limits(),
    };
    let targets: Vec<Target> = stores.iter().enumerate().map(target).collect();
    let tally = Tally::default();
    let outcomes = sync_all(&targets, &Which::All, Mode::Do, &check, &tally, &|_| {});
    let seen: Vec<_> = outcomes
        .iter()
        .map(|one| {
            (
                one.mirror.clone().expect("a mirror").to_string(),
                one.build.map(|build| build.0),
                one.result.is_ok(),
            )
        })
        .collect();
    let mut expected: Vec<_> = ["m0", "m1", "m2"]
        .iter()
        .flat_map(|name| [1, 2].map(|build| ((*name).to_owned(), Some(build), true)))
        .collect();
    expected.push(("m3".to_owned(), None, false));
    assert_eq!(seen, expected);
    stores[..3].iter().for_each(|(_, store)| whole(store, &[ONE, TWO]));
    assert_eq!(sync_all(&targets[..1], &Which::All, Mode::Do, &check, &tally, &|_| {}), []);
    let listed = sync_all(&targets[..1], &Which::Listed(vec![TWO]), Mode::Do, &check, &tally, &|_| {});
    assert!(listed[0].to_string().contains("state=was-whole"), "{}", listed[0]);
}

#[test]
fn hostile_lists_are_refused_before_anything_is_written() {
    for path in ["debian", "_/x", "debian/pool/x", "debian/pool"] {
        let path = RelPath::new(path).expect("a path");
        let file = FileEntry { area: Area::Tree, path: path.clone(), hash: Sha256::of(b""), size: 0 };
        let manifest = Manifest::new(vec![file]).expect("a manifest");
        let error = upstreams(ONE, &manifest).expect_err(path.as_str());
        assert!(matches!(error, SyncError::Path { .. }), "{error}");
    }
}

#[test]
fn a_copy_without_objects_is_a_source_too() {
    let (_s, source) = source();
    let server = serve(&source, i64::MAX);
    fs::remove_dir_all(source.objects()).expect("removed");
    let (_t, target) = store();
    pull(&target, &server.url(""), ONE).expect("came by names");
    whole(&target, &[ONE]);
}

#[test]
fn two_who_bring_the_same_at_the_same_time_do_not_disturb_each_other() {
    let (_s, source) = source();
    let server = serve(&source, i64::MAX);
    for round in 0..8 {
        let (_t, target) = store();
        let bring = |build| pull(&target, &server.url(""), build).expect("came");
        std::thread::scope(|scope| {
            for build in [ONE, TWO, ONE, TWO] {
                scope.spawn(move || bring(build));
            }
        });
        assert_eq!(target.builds_present().expect("read"), [ONE, TWO], "{round}");
        whole(&target, &[ONE, TWO]);
        let names = fs::read_dir(target.builds()).expect("read").flatten().map(|entry| entry.file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with(".tmp-")));
    }
}

#[test]
fn a_mirror_of_the_registry_pulls_from_its_site() {
    let (folder, site) = source();
    let mirror = Mirror {
        name: MirrorName::new("fra-01").expect("a name"),
        region: MirrorName::new("eu").expect("a name"),
        sources: Vec::new(),
        place: Place::Directory { path: folder.path().join("fra-01") },
        labels: std::collections::BTreeMap::new(),
        bandwidth: Some(1 << 30),
    };
    add_mirror(&site, mirror.clone(), Mode::Do).expect("added");
    let of = |mode| {
        let opening = Opening { anew: Anew::No, mode, now: jiff::Timestamp::UNIX_EPOCH };
        Target::of(&site, &mirror, &limits(), &Keys::FromEnvironment, opening).expect("a target")
    };
    // Objects that two builds share are counted once, and nothing is made.
    let would = sync_all(&[of(Mode::DryRun)], &Which::All, Mode::DryRun, &check, &Silent, &|_| {});
    let count = |outcome: &Outcome| outcome.result.as_ref().map(|good| good.objects).expect("good");
    assert_eq!(would.iter().map(count).collect::<Vec<_>>(), [62, 8]);
    assert!(!folder.path().join("fra-01").exists());
    let target = of(Mode::Do);
    assert_eq!(target.limits.bandwidth, Some(1 << 30));
    let outcomes = sync_all(&[target], &Which::All, Mode::Do, &check, &Silent, &|_| {});
    append_log(&site, jiff::Timestamp::UNIX_EPOCH, &outcomes).expect("logged");
    let log = fs::read_to_string(site.root().join("mirror-log")).expect("read");
    let lines: Vec<&str> = log.lines().collect();
    assert!(
        lines[0]
            .starts_with("1970-01-01T00:00:00Z mirror=fra-01 build=1 action=sync result=good state=came "),
        "{log}"
    );
    assert!(lines[1].contains(" build=2 action=sync result=good state=came objects=8 "), "{log}");
}

#[test]
fn what_does_not_fit_is_refused_before_its_first_byte() {
    const HUGE: u64 = 1 << 60;
    let (_s, source) = store();
    let (_t, target) = store();
    let here = [source.root().to_owned()];
    let mut coming = Coming::default();
    // What lies nowhere near has to come.
    let missing = [(Sha256::of(b"huge"), HUGE)];
    let error = coming.fits(&target, ONE, (&missing, &here)).expect_err("no disk has so much").to_string();
    let start = format!("build 1: expected room for {HUGE} bytes that would come, found ");
    assert!(error.starts_with(&start) && error.contains(" free at "), "{error}");
    // A build that would come takes the room of the next.
    let small = [(Sha256::of(b"small"), 1)];
    assert!(coming.fits(&target, TWO, (&small, &here)).is_err());
    assert!(Coming::default().fits(&target, TWO, (&small, &here)).is_ok());
    // What can be linked takes none; the file has only a length.
    let sparse = source.object(&missing[0].0);
    fs::create_dir_all(sparse.parent().expect("a folder")).expect("made");
    let file = fs::File::create(&sparse).expect("made");
    let length = 1 << 42;
    if file.set_len(length).is_err() {
        println!("not looked at: files of {length} bytes cannot be made here");
        return;
    }
    let linked = [(missing[0].0, length)];
    let far: [std::path::PathBuf; 0] = [];
    assert!(Coming::default().fits(&target, ONE, (&linked, &here)).is_ok());
    assert!(Coming::default().fits(&target, ONE, (&linked, &far)).is_err());
}

#[test]
fn a_sync_that_is_called_off_asks_for_nothing_more() {
    struct Never;
    impl crate::fetch::Progress for Never {
        fn begin(&self, _: u64, _: u64) {}
        fn received(&self, _: u64) {}
        fn present(&self, _: u64) {}
        fn lost(&self, _: u64) {}
        fn finished(&self) {}
        fn retried(&self) {}
        fn failed(&self) {}
        fn is_called_off(&self) -> bool {
            true
        }
    }
    let (_s, source) = source();
    let server = serve(&source, i64::MAX);
    let (_t, target) = store();
    let fetcher = Fetcher::new(limits()).expect("a fetcher");
    let sources = [server.url("")];
    let pull = Pull { store: &target, fetcher: &fetcher, sources: &sources, check: &check, progress: &Never };
    let error = sync(&pull, ONE, Mode::Do).expect_err("called off").to_string();
    assert!(error.contains("called off"), "{error}");
    assert!(!target.build(ONE).exists());
    assert!(
        !server.requests().iter().any(|request| request.path.contains("/objects/")),
        "nothing was asked for"
    );
}
