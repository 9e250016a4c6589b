//! A build from an upstream of real package files: made, made again, made of a changed world, refused where the upstream is
//! not what it should be, and read by the machine's own apt.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use smith_repo::create::{Create, CreateError, Created, IfUnchanged};
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::fetch::{Fetcher, Limits, Proxies, Silent};
use smith_repo::index::{Compression, IndexStanza, Md5Sums, PackagesIndex, SuiteIndex, write_suite};
use smith_repo::ingest::{Destination, find_debs, ingest};
use smith_repo::manifest::BuildInfo;
use smith_repo::mirror::{Held, Scope, verify};
use smith_repo::name::{BuildNumber, PartName, SuiteName, UpstreamName};
use smith_repo::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase};
use smith_repo::release::NewRelease;
use smith_repo::select::Pattern;
use smith_repo::store::Store;
use smith_repo::upstream::{
    Extras, Fault, Filter, Publish, Recipe, Replay, Rule, RuleKind, Staleness, Upstream,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn is_debian() -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let has = |tool: &str| std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = ["dpkg-deb", "apt-get", "gpgv"].into_iter().filter(|tool| !has(tool)).collect();
    if !missing.is_empty() {
        println!("skipped: {} not on this machine", missing.join(", "));
    }
    missing.is_empty()
}

/// An upstream somewhere else, and our own site.
struct World {
    folder: tempfile::TempDir,
    theirs: KeyFolder,
    store: Store,
    ours: KeyFolder,
    now: Timestamp,
}

fn keys(folder: &Path, made_at: Timestamp) -> Outcome<KeyFolder> {
    fs::create_dir_all(folder)?;
    let keys = KeyFolder::new(folder);
    let request =
        KeyRequest { kind: KeyKind::Ed25519, user_id: "A <a@b>".to_owned(), made_at, expires_at: None };
    keys.generate(&request, &Passphrase::None)?;
    Ok(keys)
}

impl World {
    fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().map_err(|_| "no time")?;
        let past = now - SignedDuration::from_hours(24 * 400);
        let store = Store::create(&folder.path().join("store"))?;
        let (theirs, ours) = (keys(&folder.path().join("theirs"), past)?, keys(&store.keys(), past)?);
        let world = Self { folder, theirs, store, ours, now };
        fs::write(world.path("theirs.gpg"), world.theirs.export()?)?;
        fs::write(world.path("ours.gpg"), world.ours.export()?)?;
        world.package("alpha", "1.0-1", "Depends: beta\nPhased-Update-Percentage: 10\n")?;
        world.package("beta", "2.0", "")?;
        world.package("gamma", "1:3.0~rc1", "")?;
        world.publish(0)?;
        Ok(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn package(&self, name: &str, version: &str, more: &str) -> Outcome {
        let root = self.path("package");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("DEBIAN"))?;
        fs::create_dir_all(self.path("debs"))?;
        fs::write(root.join("content"), format!("{name} {version}"))?;
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\n{more}Description: {name}\n long\n"
        );
        fs::write(root.join("DEBIAN/control"), control)?;
        let out = self.path("debs").join(format!("{name}.deb"));
        let built = Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .args(["--root-owner-group", "-b"])
            .args([&root, &out])
            .output()?;
        if built.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&built.stderr).into()) }
    }

    /// Lays the upstream out as it is so many hours after its beginning.
    fn publish(&self, hours: i64) -> Outcome {
        let workshop = Store::create(&self.path("workshop"))?;
        let intake = workshop.intake()?;
        let main = PartName::new("main")?;
        let ingested = ingest(&find_debs(&self.path("debs"))?, &main, Destination::Store(&intake));
        let mut stanzas = Vec::new();
        for deb in &ingested.debs {
            for stanza in Stanzas::new(&deb.stanza) {
                stanzas.push(IndexStanza::verbatim(PackageRecord::read(&stanza?)?.stanza));
            }
        }
        let amd64 = PartName::new("amd64")?;
        let date = self.now - SignedDuration::from_hours(100) + SignedDuration::from_hours(hours);
        let mut release = NewRelease::new(date);
        release.suite = Some("stable".to_owned());
        release.valid_until = Some(date + SignedDuration::from_hours(24 * 7));
        release.architectures = vec![amd64.clone()];
        release.components = vec![main.clone()];
        let index = SuiteIndex {
            suite: SuiteName::new("stable")?,
            release,
            packages: vec![PackagesIndex::of(&main, &amd64, stanzas)?],
            ready: Vec::new(),
            compressions: BTreeSet::from([Compression::Gz, Compression::Xz]),
            md5: Md5Sums::LeftOut,
        };
        let signer = self.theirs.signing_keys(&Passphrase::None)?;
        let tree = write_suite(&workshop, &intake, index, Some((&signer, date)))?;
        intake.settle()?;
        let _ = fs::remove_dir_all(self.path("up/dists"));
        for file in &tree.files {
            lay(&self.path("up").join(file.path.as_str()), &fs::read(workshop.object(&file.sha256))?)?;
        }
        for deb in &ingested.debs {
            lay(&self.path("up").join(deb.filename.as_str()), &fs::read(workshop.object(&deb.sha256))?)?;
        }
        Ok(())
    }

    fn recipe(&self) -> Outcome<Recipe> {
        let upstream = Upstream {
            name: UpstreamName::new("debian")?,
            uris: vec![format!("file://{}", self.path("up").display())],
            suites: vec![SuiteName::new("stable")?],
            components: vec![PartName::new("main")?],
            architectures: vec![PartName::new("amd64")?],
            keyrings: vec![self.path("theirs.gpg")],
            signers: Vec::new(),
            threshold: 1,
            distribution: None,
            filter: Filter::default(),
            snapshot: None,
            staleness: Staleness::Refuse,
            extras: Extras::default(),
        };
        Ok(Recipe {
            upstreams: vec![upstream],
            rules: Vec::new(),
            local: Vec::new(),
            publish: Publish::default(),
        })
    }

    fn create(&self, recipe: &Recipe) -> Outcome<Created> {
        self.create_with(recipe, IfUnchanged::Stop, Replay::Refuse)
    }

    fn create_with(&self, recipe: &Recipe, if_unchanged: IfUnchanged, replay: Replay) -> Outcome<Created> {
        let limits = Limits { proxies: Proxies::None, retries: 0, ..Limits::default() };
        let fetcher = Fetcher::new(limits)?;
        let signer = self.ours.signing_keys(&Passphrase::None)?;
        let create = Create {
            store: &self.store,
            fetcher: &fetcher,
            recipe,
            signer: &signer,
            signed_from: self.now - SignedDuration::from_hours(24 * 399),
            number: None,
            if_unchanged,
            replay,
            progress: &Silent,
            now: self.now,
            made_by: "test",
        };
        Ok(create.run()?)
    }

    fn made(&self, recipe: &Recipe) -> Outcome<BuildInfo> {
        match self.create(recipe)? {
            Created::Made { info, .. } => Ok(*info),
            Created::Unchanged(info) => Err(format!("nothing is new since build {}", info.number).into()),
        }
    }

    /// Why it is refused; there is no build more than before, and what there is is good.
    fn refusal(&self, recipe: &Recipe) -> Outcome<Fault> {
        let before = self.store.builds_present()?;
        let error = self.create(recipe).err().ok_or("a build was made")?;
        assert_eq!(self.store.builds_present()?, before);
        self.is_good()?;
        let error = *error.downcast::<CreateError>()?;
        let text = error.to_string();
        let CreateError::Upstream(refused) = error else {
            return Err(format!("another error: {text}").into());
        };
        Ok(*refused.fault)
    }

    fn is_good(&self) -> Outcome {
        let builds = self.store.builds_present()?;
        let findings = verify(&self.store, &builds, &Scope::FULL)?;
        assert!(findings.is_good(), "{}", findings.why());
        Ok(())
    }

    fn versions(&self, number: BuildNumber) -> Outcome<Vec<String>> {
        let packed = fs::read(self.store.build(number).join("packages.json.zst"))?;
        let info = Held::info(&self.store, number)?;
        let list = smith_repo::manifest::PackageList::decompress(&packed, &info.packages)?;
        Ok(list.packages().iter().map(|one| format!("{} {}", one.name, one.version)).collect())
    }
}

fn lay(path: &Path, bytes: &[u8]) -> Outcome {
    fs::create_dir_all(path.parent().ok_or("no parent")?)?;
    Ok(fs::write(path, bytes)?)
}

/// Every file below a folder with its content's length and place on the disk, links as what they say.
fn tree(folder: &Path, below: &Path, found: &mut BTreeSet<(String, u64, u64)>) -> Outcome {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(below)?.display().to_string();
        let there = fs::symlink_metadata(&path)?;
        if there.is_symlink() {
            found.insert((format!("{name} -> {}", fs::read_link(&path)?.display()), 0, 0));
        } else if there.is_dir() {
            tree(&path, below, found)?;
        } else if !name.starts_with("build.json") && !name.starts_with("from-") {
            let is_list = name.ends_with(".zst") && !name.contains('/');
            found.insert((name, there.len(), if is_list { 0 } else { there.ino() }));
        }
    }
    Ok(())
}

#[test]
fn a_build_is_whole_and_the_same_world_gives_the_same_build() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let recipe = world.recipe()?;
    let first = world.made(&recipe)?;
    assert_eq!((first.number, first.package_count, first.parent), (BuildNumber(1), 3, None));
    world.is_good()?;
    assert_eq!(world.versions(first.number)?, ["alpha 1.0-1", "beta 2.0", "gamma 1:3.0~rc1"]);
    assert!(matches!(world.create(&recipe)?, Created::Unchanged(info) if info.number == first.number));
    let Created::Made { info: second, .. } =
        world.create_with(&recipe, IfUnchanged::Build, Replay::Refuse)?
    else {
        return Err("no second build".into());
    };
    assert_eq!((second.number, second.parent), (BuildNumber(2), Some(BuildNumber(1))));
    assert_eq!((second.manifest, second.packages), (first.manifest, first.packages));
    let (mut one, mut two) = (BTreeSet::new(), BTreeSet::new());
    for (number, found) in [(first.number, &mut one), (second.number, &mut two)] {
        let folder = world.store.build(number);
        tree(&folder, &folder, found)?;
    }
    // Hard links of the same objects: not only alike but the same.
    assert_eq!(one, two);
    Ok(())
}

#[test]
fn a_changed_world_makes_another_build_and_rules_keep_what_was() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let mut recipe = world.recipe()?;
    let first = world.made(&recipe)?;
    world.package("beta", "2.1", "")?;
    world.package("delta", "1", "")?;
    world.publish(10)?;
    let second = world.made(&recipe)?;
    assert_eq!(world.versions(second.number)?, ["alpha 1.0-1", "beta 2.1", "delta 1", "gamma 1:3.0~rc1"]);
    assert_eq!(world.versions(first.number)?, ["alpha 1.0-1", "beta 2.0", "gamma 1:3.0~rc1"]);
    world.package("beta", "2.2", "")?;
    world.publish(20)?;
    let rule = |kind, package| Rule { kind, package: Pattern::new(package), reason: "a bug".to_owned() };
    recipe.rules = vec![rule(RuleKind::Hold, "beta"), rule(RuleKind::Exclude, "gamma")];
    let third = world.made(&recipe)?;
    assert_eq!(world.versions(third.number)?, ["alpha 1.0-1", "beta 2.1", "delta 1"]);
    let changes: Vec<String> = third
        .changes
        .iter()
        .map(|change| format!("{} {}: {}", change.kind, change.package, change.reason))
        .collect();
    assert_eq!(changes, ["hold beta: a bug", "exclude gamma: a bug"]);
    world.is_good()
}

#[test]
fn an_upstream_that_is_not_what_it_should_be_is_refused_and_leaves_no_trace() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let recipe = world.recipe()?;
    world.made(&recipe)?;
    world.package("beta", "2.1", "")?;
    world.publish(10)?;
    let in_release = world.path("up/dists/stable/InRelease");
    let good = fs::read(&in_release)?;

    let text = String::from_utf8(good.clone())?;
    fs::write(&in_release, text.replace("Components: main", "Components: evil"))?;
    assert!(matches!(world.refusal(&recipe)?, Fault::Signature(_)));
    fs::write(&in_release, &good[..good.len() / 2])?;
    assert!(matches!(world.refusal(&recipe)?, Fault::Signature(_)));
    fs::remove_file(&in_release)?;
    fs::remove_file(world.path("up/dists/stable/Release.gpg"))?;
    assert!(matches!(world.refusal(&recipe)?, Fault::Signature(_)));
    fs::remove_file(world.path("up/dists/stable/Release"))?;
    assert!(matches!(world.refusal(&recipe)?, Fault::NoRelease));

    let mut other = world.recipe()?;
    other.upstreams[0].keyrings = vec![world.path("ours.gpg")];
    world.publish(10)?;
    assert!(matches!(world.refusal(&other)?, Fault::Signature(_)));
    let mut wrong = world.recipe()?;
    wrong.upstreams[0].suites = vec![SuiteName::new("testing")?];
    fs::rename(world.path("up/dists/stable"), world.path("up/dists/testing"))?;
    assert!(matches!(world.refusal(&wrong)?, Fault::WrongSuite { .. }));

    // An index that is not the one that was signed, in both of its places.
    world.publish(10)?;
    for entry in walk(&world.path("up/dists/stable/main"))? {
        let mut bytes = fs::read(&entry)?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        fs::write(&entry, bytes)?;
    }
    assert!(matches!(world.refusal(&recipe)?, Fault::IndexHash { .. }));

    // The world as it was before what was seen, and one that has expired.
    world.publish(20)?;
    world.made(&recipe)?;
    world.publish(5)?;
    assert!(matches!(world.refusal(&recipe)?, Fault::Older { .. }));
    let replayed = world.create_with(&recipe, IfUnchanged::Stop, Replay::Allow)?;
    assert!(matches!(replayed, Created::Made { .. }));
    world.publish(-24 * 8)?;
    assert!(matches!(world.refusal(&recipe)?, Fault::Expired { .. }));
    Ok(())
}

fn walk(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(walk(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[test]
fn a_name_that_the_build_before_has_lost_is_made_again() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let recipe = world.recipe()?;
    world.made(&recipe)?;
    let names = walk(&world.store.root().join("pool"))?;
    let beta = names.iter().find(|path| path.display().to_string().contains("beta")).ok_or("no beta")?;
    fs::remove_file(beta)?;
    world.package("alpha", "1.0-2", "Depends: beta\n")?;
    world.publish(1)?;
    assert_eq!(world.made(&recipe)?.number, BuildNumber(2));
    world.is_good()
}

#[test]
fn a_package_file_that_is_missing_or_damaged_stops_the_build_and_the_next_run_goes_on() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let recipe = world.recipe()?;
    let debs: Vec<PathBuf> = walk(&world.path("up/pool"))?;
    let victim = debs.iter().find(|path| path.display().to_string().contains("beta")).ok_or("no beta")?;
    let good = fs::read(victim)?;
    for bad in [None, Some(&good[..good.len() - 1]), Some(b"not a package".as_slice())] {
        match bad {
            None => fs::remove_file(victim)?,
            Some(bytes) => fs::write(victim, bytes)?,
        }
        let error = world.create(&recipe).err().ok_or("a build was made")?;
        let error = error.downcast::<CreateError>()?;
        assert!(
            matches!(*error, CreateError::Objects { wanted: 3, ref failed } if failed.len() == 1),
            "{error}"
        );
        assert_eq!(world.store.builds_present()?, []);
    }
    fs::write(victim, &good)?;
    let info = world.made(&recipe)?;
    assert_eq!(info.package_count, 3);
    world.is_good()
}

#[test]
fn apt_takes_a_build_and_a_folder_of_our_own_packages() -> Outcome {
    if !is_debian() {
        return Ok(());
    }
    let world = World::new()?;
    let mut recipe = world.recipe()?;
    fs::create_dir_all(world.path("own"))?;
    world.package("agent", "9.0", "Depends: alpha\n")?;
    fs::rename(world.path("debs/agent.deb"), world.path("own/agent.deb"))?;
    recipe.local = vec![smith_repo::upstream::LocalFolder {
        name: UpstreamName::new("site")?,
        folder: world.path("own"),
        suite: SuiteName::new("stable")?,
        component: PartName::new("main")?,
    }];
    let info = world.made(&recipe)?;
    assert_eq!(info.package_count, 4);
    let apt = Apt::new(&world, info.number)?;
    let (is_good, text) = apt.run(&["update"])?;
    let is_quiet = text.lines().all(|line| !line.starts_with("W:") && !line.starts_with("E:"));
    assert!(is_good && is_quiet, "{text}");
    let (is_good, text) = apt.run(&["-s", "install", "agent"])?;
    for package in ["Inst agent (9.0 ", "Inst alpha (1.0-1 ", "Inst beta (2.0 "] {
        assert!(is_good && text.contains(package), "{text}");
    }
    let (is_good, text) = apt.run(&["download", "agent", "beta"])?;
    assert!(is_good && world.path("beta_2.0_all.deb").exists(), "{text}");
    Ok(())
}

/// The machine's apt with nothing but a build.
struct Apt<'a> {
    world: &'a World,
}

impl<'a> Apt<'a> {
    fn new(world: &'a World, number: BuildNumber) -> Outcome<Self> {
        for folder in [
            "etc/preferences.d",
            "etc/sources.list.d",
            "etc/trusted.gpg.d",
            "none",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(world.path("apt").join(folder))?;
        }
        fs::write(world.path("apt/status"), "")?;
        let (key, build) = (world.path("ours.gpg"), world.store.build(number));
        let line = |upstream: &str| {
            format!("deb [signed-by={}] file:{}/{upstream} stable main\n", key.display(), build.display())
        };
        fs::write(world.path("apt/etc/sources.list"), line("debian") + &line("site"))?;
        let root = world.path("apt");
        let root = root.display();
        let conf = format!(
            "Dir \"{root}\";\nDir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\nDir::Cache \"{root}/cache\";\n\
             Dir::Etc \"{root}/etc\";\nDir::Etc::parts \"{root}/none\";\nDir::Etc::trusted \"{root}/none.gpg\";\n\
             Dir::Etc::trustedparts \"{root}/etc/trusted.gpg.d\";\nDir::Log \"{root}\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             Acquire::By-Hash \"force\";\n"
        );
        fs::write(world.path("apt/apt.conf"), conf)?;
        Ok(Self { world })
    }

    fn run(&self, arguments: &[&str]) -> Outcome<(bool, String)> {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.world.path("apt/apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(self.world.folder.path())
            .args(arguments)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }
}
