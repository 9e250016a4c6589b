//! Against a server that speaks S3, made by others; without it these tests say why they are skipped.

use std::fs;

use jiff::Timestamp;

use crate::channel::Order;
use crate::fetch::{Fetcher, Limits, Proxies, Silent, Tally};
use crate::fixture::{Recipe, Service, check, service, store};
use crate::hash::Sha256;
use crate::manifest::{FileEntry, Manifest};
use crate::mirror::s3::channel::Phase;
use crate::mirror::s3::{Keys, Naming, Push, S3, S3Error, Wanted};
use crate::mirror::{Bucket, Depth, Mode, Pull, Scope, State, sync, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::retention::Roots;
use crate::store::Store;

const ONE: BuildNumber = BuildNumber(1);
const TWO: BuildNumber = BuildNumber(2);

fn open(service: &Service) -> S3 {
    let (bucket, region) = ("smith".to_owned(), "us-east-1".to_owned());
    let endpoint = Some(service.endpoint.clone());
    let bucket = Bucket { bucket, region, endpoint, prefix: "site/one".to_owned() };
    S3::open(&bucket, &Keys::Given { access: "a".to_owned(), secret: "b".to_owned() }).expect("opened")
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

fn key(manifest: &Manifest, file: &FileEntry) -> String {
    Naming::of(ONE, manifest).key(file)
}

fn order(at: i64) -> Order {
    let at = Timestamp::from_second(at).expect("a time");
    Order { who: "ann".to_owned(), why: "a trial".to_owned(), at }
}

#[test]
fn a_build_goes_in_once_and_comes_back_whole() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, [manifest, _])) = (open(&service), source());
    let would = s3.push(&store, ONE, &check, Mode::DryRun, &Silent).expect("counted");
    assert_eq!((would.state, would.missing), (State::WouldCome, manifest.files().len() as u64));
    assert!(s3.list("").expect("listed").is_empty());
    let tally = Tally::default();
    let did = s3.push(&store, ONE, &check, Mode::Do, &tally).expect("pushed");
    assert_eq!((did.state, did.missing), (State::Came, would.missing));
    assert_eq!(tally.now().files_done, would.missing);
    assert_eq!(s3.push(&store, ONE, &check, Mode::Do, &Silent).expect("there").state, State::WasWhole);
    assert!(s3.verify(&store, ONE, Depth::Full).expect("verified").is_good());
    let named = service.raw("GET /smith/site/one/debian/pool/main/x/x_1%253a2~rc1+b_all.deb", b"");
    assert!(named.ends_with("a package"), "{named}");
    // The pool is shared: of the second build only the tree goes, which has two indexes by hash.
    let second = s3.push(&store, TWO, &check, Mode::Do, &Silent).expect("pushed");
    assert_eq!(second.missing, 5);
    let index = s3.get("builds/index.json").expect("read").expect("there").0;
    assert_eq!(index, b"[1,2]");
    // It has no objects, but names of its own, which is enough for a mirror to pull from it.
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
    let (s3, (_folder, store, [manifest, _])) = (open(&service), source());
    s3.push(&store, ONE, &check, Mode::Do, &Silent).expect("pushed");
    let [gone, cut, other] = [0, 1, 2].map(|at| &manifest.files()[at]);
    let answer = service.raw(&format!("DELETE /smith/site/one/{}", key(&manifest, gone)), b"");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    for (key, bytes) in [
        (key(&manifest, cut), b"short".to_vec()),
        (key(&manifest, other), vec![0; other.size as usize]),
        ("builds/1/stranger".to_owned(), vec![1]),
    ] {
        let answer = service.raw(&format!("PUT /smith/site/one/{key}"), &bytes);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let found = s3.verify(&store, ONE, Depth::Full).expect("verified");
    assert_eq!(found.missing.iter().map(|one| one.path.clone()).collect::<Vec<_>>(), [key(&manifest, gone)]);
    let mut damaged: Vec<String> = found.damaged.iter().flat_map(|one| one.paths.clone()).collect();
    damaged.sort_unstable();
    let mut expected = [key(&manifest, cut), key(&manifest, other)];
    expected.sort_unstable();
    assert_eq!(damaged, expected);
    assert_eq!(found.foreign, ["builds/1/stranger"]);
    let order = order(0);
    let prod = ChannelName::new("prod").expect("a name");
    let error = s3.set_channel(&store, &prod, ONE, &order, None).expect_err("not whole");
    assert!(matches!(error, S3Error::NotWhole { .. }), "{error}");
    let before = s3.list("").expect("listed");
    let how = |mode| Push { source: &store, check: &check, mode, progress: &Silent };
    let would = s3.mend(&how(Mode::DryRun), ONE, Depth::Full).expect("counted");
    assert_eq!((would.put, would.deleted), (3, 1));
    assert_eq!(s3.list("").expect("listed"), before);
    let did = s3.mend(&how(Mode::Do), ONE, Depth::Full).expect("mended");
    assert_eq!((did.put, did.deleted, did.put_bytes), (3, 1, would.put_bytes));
    assert!(did.after.is_good(), "{}", did.after.why());
    s3.set_channel(&store, &prod, ONE, &order, None).expect("whole again");
}

#[test]
fn keys_are_written_once() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store, [manifest, _])) = (open(&service), source());
    let file = &manifest.files()[0];
    s3.put_once(&key(&manifest, file), b"something else".to_vec()).expect("put");
    // The listing shows another size only to a verification; a push that finds the key leaves it alone.
    let error = s3
        .put_file(&key(&manifest, file), &store.object(&file.hash), file.size, &file.hash)
        .expect_err("other content");
    assert!(matches!(error, S3Error::Conflict { .. }), "{error}");
    let gone = &manifest.files()[2];
    let away = store.root().join("away");
    fs::rename(store.object(&gone.hash), &away).expect("moved");
    let error = s3.push(&store, ONE, &check, Mode::DryRun, &Silent).expect_err("not here");
    assert!(matches!(error, S3Error::NotHere { absent: 1, .. }), "{error}");
    fs::rename(&away, store.object(&gone.hash)).expect("back");
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
    let (s3, (_folder, store, manifests)) = (open(&service), source());
    let prod = ChannelName::new("prod").expect("a name");
    assert_eq!(s3.channel(&prod).expect("read"), None);
    for build in [ONE, TWO] {
        s3.push(&store, build, &check, Mode::Do, &Silent).expect("pushed");
        s3.set_channel(&store, &prod, build, &order(i64::from(build.0)), None).expect("set");
    }
    let pointer = s3.channel(&prod).expect("read").expect("there");
    assert_eq!((pointer.from, pointer.to, pointer.phase), (Some(ONE), TWO, Phase::Done));
    let release = s3.get("debian/dists/stable/prod/InRelease").expect("read").expect("there").0;
    assert_eq!(release, fs::read(store.build(TWO).join("debian/dists/stable/InRelease")).expect("read"));
    for file in
        manifests.iter().flat_map(Manifest::files).filter(|file| file.path.as_str().contains("/by-hash/"))
    {
        let key = Naming::of(ONE, &manifests[0]).of_channel(&prod, file.path.as_str()).expect("a suite");
        let bytes = s3.get(&key).expect("read").expect("there").0;
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

#[test]
fn builds_leave_a_bucket_with_what_only_they_referred_to() {
    let Some(service) = service() else { return };
    let (s3, (_folder, store)) = (open(&service), store());
    let prod = ChannelName::new("prod").expect("a name");
    for build in 1..=4 {
        Recipe::of(10, |number| if number < 2 { build } else { 1 }).make(&store, build, None);
        s3.push(&store, BuildNumber(build), &check, Mode::Do, &Silent).expect("pushed");
    }
    for build in [TWO, BuildNumber(3)] {
        s3.set_channel(&store, &prod, build, &order(i64::from(build.0)), None).expect("set");
    }
    // A push that was killed has left a package; somebody else keeps a page there.
    for key in ["debian/pool/main/p9/killed_1_all.deb", "index.html"] {
        s3.put_once(key, b"x".to_vec()).expect("put");
    }
    let before = s3.list("").expect("listed");
    let (all, roots) = (Wanted::AllBut(Vec::new()), Roots::default());
    let would = s3.purge(&all, &roots, Mode::DryRun).expect("counted");
    assert_eq!(s3.list("").expect("listed"), before);
    let did = s3.purge(&all, &roots, Mode::Do).expect("purged");
    assert_eq!(did, would);
    assert_eq!((did.builds.as_slice(), did.kept.len()), (&[ONE][..], 3));
    let after = s3.list("").expect("listed");
    let gone: Vec<&String> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    // Two packages, an index under two names and its Releases, four lists, and what was killed.
    assert_eq!((gone.len(), did.keys), (11, 11), "{gone:?}");
    assert!(after.contains_key("index.html") && !gone.iter().any(|key| key.contains("/prod/")));
    for build in [2, 3, 4] {
        assert!(s3.verify(&store, BuildNumber(build), Depth::Full).expect("verified").is_good());
    }
    assert_eq!(s3.get("builds/index.json").expect("read").expect("there").0, b"[2,3,4]");
    assert_eq!(s3.purge(&all, &roots, Mode::Do).expect("nothing").keys, 0);
    // A purge of the fourth that was killed after its first step is finished by the next one, whatever that is about.
    let whole = s3.list("").expect("listed");
    let answer = service.raw("DELETE /smith/site/one/builds/4/build.json", b"");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let rest = s3.purge(&Wanted::These(Vec::new()), &roots, Mode::Do).expect("purged");
    assert_eq!((rest.builds.len(), rest.keys), (0, 9), "{rest:?}");
    assert!(s3.list("").expect("listed").keys().all(|key| !key.contains("/4/")));
    s3.push(&store, BuildNumber(4), &check, Mode::Do, &Silent).expect("pushed");
    assert_eq!(s3.list("").expect("listed"), whole);
    // The channel goes on, so what it had of the second build by hash goes with that.
    s3.set_channel(&store, &prod, BuildNumber(4), &order(4), None).expect("set");
    let second = s3.purge(&Wanted::These(vec![TWO]), &roots, Mode::Do).expect("purged");
    let stale = after.keys().filter(|key| key.contains("/prod/") && key.contains("/by-hash/"));
    let left = s3.list("debian/dists/stable/prod/").expect("listed");
    assert_eq!(
        (second.builds.as_slice(), stale.filter(|key| !left.contains_key(*key)).count()),
        (&[TWO][..], 1)
    );
}
