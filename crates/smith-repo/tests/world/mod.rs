//! An upstream of real package files, our own store, and the machine's apt with nothing but a build of it.

#![allow(dead_code, reason = "each test uses a part of it")]

mod apt;
mod suite;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use smith_repo::create::{Create, Created, IfUnchanged, Manner};
use smith_repo::fetch::{Fetcher, Limits, Proxies, Silent};
use smith_repo::fsck::{Checked, check};
use smith_repo::index::{Compression, Md5Sums};
use smith_repo::ingest::{Destination, ingest};
use smith_repo::manifest::{BuildInfo, PackageList};
use smith_repo::mirror::{Depth, Held, Scope, verify};
use smith_repo::name::{BuildNumber, PartName, SuiteName, UpstreamName};
use smith_repo::pgp::{Fingerprint, KeyFolder, KeyKind, KeyRequest, Passphrase, SigningKeys};
use smith_repo::store::Store;
use smith_repo::upstream::{Extras, Filter, LocalFolder, Publish, Recipe, Replay, Staleness, Upstream};

pub(crate) use apt::Apt;
pub(crate) use suite::{Published, Words};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Whether all these tools are there; says so if not.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn has(tools: &[&str]) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = tools.iter().copied().filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        println!("skipped: {} not on this machine", missing.join(", "));
    }
    missing.is_empty()
}

pub(crate) fn now() -> Outcome<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Timestamp::from_second(i64::try_from(since.as_secs())?).map_err(|error| error.to_string().into())
}

/// Runs a program and answers what it said; an error if it failed.
pub(crate) fn run(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{command:?}: {text}").into()) }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) theirs: KeyFolder,
    pub(crate) store: Store,
    pub(crate) ours: KeyFolder,
    pub(crate) now: Timestamp,
}

pub(crate) fn new_key(folder: &Path, made_at: Timestamp) -> Outcome<KeyFolder> {
    fs::create_dir_all(folder)?;
    let keys = KeyFolder::new(folder);
    generate(&keys, KeyKind::Ed25519, made_at)?;
    Ok(keys)
}

fn generate(keys: &KeyFolder, kind: KeyKind, made_at: Timestamp) -> Outcome<Fingerprint> {
    let request = KeyRequest { kind, user_id: "A <a@b>".to_owned(), made_at, expires_at: None };
    Ok(keys.generate(&request, &Passphrase::None)?)
}

/// All that an upstream has in one suite.
pub(crate) fn upstream(uri: String, keyring: PathBuf) -> Outcome<Upstream> {
    Ok(Upstream {
        name: UpstreamName::new("debian")?,
        uris: vec![uri],
        suites: vec![SuiteName::new("stable")?],
        components: vec![PartName::new("main")?],
        architectures: vec![PartName::new("amd64")?],
        keyrings: vec![keyring],
        signers: Vec::new(),
        threshold: 1,
        distribution: None,
        filter: Filter::default(),
        snapshot: None,
        staleness: Staleness::Refuse,
        extras: Extras::default(),
    })
}

pub(crate) fn recipe_of(upstreams: Vec<Upstream>) -> Recipe {
    Recipe { upstreams, rules: Vec::new(), local: Vec::new(), publish: Publish::default() }
}

/// A folder of packages of our own.
pub(crate) fn local_folder(name: &str, folder: PathBuf, suite: &str) -> Outcome<LocalFolder> {
    Ok(LocalFolder {
        name: UpstreamName::new(name)?,
        folder,
        suite: SuiteName::new(suite)?,
        component: PartName::new("main")?,
    })
}

impl World {
    /// A store without a key, and an upstream that is not laid out yet.
    pub(crate) fn bare() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let now = now()?;
        let store = Store::create(&folder.path().join("store"))?;
        let theirs = new_key(&folder.path().join("theirs"), now - SignedDuration::from_hours(24 * 400))?;
        let ours = KeyFolder::new(&store.keys());
        let world = Self { folder, theirs, store, ours, now };
        fs::write(world.path("theirs.gpg"), world.theirs.export()?)?;
        Ok(world)
    }

    /// With an upstream of three packages, and no key of our own.
    pub(crate) fn new() -> Outcome<Self> {
        let world = Self::bare()?;
        world.package("alpha", "1.0-1", "Depends: beta (>= 2~)\nPhased-Update-Percentage: 10\n")?;
        world.package("beta", "2.0", "")?;
        world.package("gamma", "1:3.0~rc1", "")?;
        world.publish(0)?;
        Ok(world)
    }

    /// The same with a key of our own, which clients have in `ours.gpg`.
    pub(crate) fn with_key() -> Outcome<Self> {
        let world = Self::new()?;
        world.new_key(KeyKind::Ed25519)?;
        Ok(world)
    }

    pub(crate) fn new_key(&self, kind: KeyKind) -> Outcome<Fingerprint> {
        let made = generate(&self.ours, kind, self.now)?;
        fs::write(self.path("ours.gpg"), self.ours.export()?)?;
        Ok(made)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn package(&self, name: &str, version: &str, more: &str) -> Outcome {
        self.package_in("debs", name, version, &format!("Architecture: all\n{more}"))
    }

    /// Makes a package file in a folder with these lines in its control file.
    pub(crate) fn package_in(&self, folder: &str, name: &str, version: &str, more: &str) -> Outcome {
        let root = self.path("package");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("DEBIAN"))?;
        fs::create_dir_all(self.path(folder))?;
        fs::write(root.join("content"), format!("{name} {version}"))?;
        let control = format!(
            "Package: {name}\nVersion: {version}\nMaintainer: A <a@b>\n{more}Description: {name}\n long\n"
        );
        fs::write(root.join("DEBIAN/control"), control)?;
        let out = self.path(folder).join(format!("{name}.deb"));
        // The same package is the same bytes, whenever it is made.
        let mut build = Command::new("dpkg-deb");
        build.env("SOURCE_DATE_EPOCH", "1700000000").args(["--root-owner-group", "-b"]);
        run(build.args([&root, &out])).map(drop)
    }

    /// Lays the upstream out as it is so many hours after its beginning.
    pub(crate) fn publish(&self, hours: i64) -> Outcome {
        self.publish_with(hours, &[])
    }

    /// The same with other indexes, by their paths below the suite.
    pub(crate) fn publish_with(&self, hours: i64, more: &[(&str, Vec<u8>)]) -> Outcome {
        let date = self.now - SignedDuration::from_hours(100) + SignedDuration::from_hours(hours);
        let published = Published {
            suite: "stable",
            words: Words::Theirs,
            compressions: &[Compression::Gz, Compression::Xz],
            date,
            valid_until: Some(date + SignedDuration::from_hours(24 * 7)),
            md5: Md5Sums::LeftOut,
            more,
        };
        let workshop = Store::create(&self.path("workshop"))?;
        published.lay(&workshop, &self.theirs, &self.path("debs"), &self.path("up")).map(drop)
    }

    /// Puts a package file where the upstream has it, without naming it anywhere.
    pub(crate) fn lay_pool(&self, name: &str) -> Outcome {
        let workshop = Store::create(&self.path("workshop"))?;
        let intake = workshop.intake()?;
        let deb = self.path("debs").join(format!("{name}.deb"));
        let ingested =
            ingest(std::slice::from_ref(&deb), &PartName::new("main")?, Destination::Store(&intake));
        let filename = ingested.debs.first().ok_or("no package")?.filename.to_string();
        lay(&self.path("up").join(filename), &fs::read(deb)?)
    }

    pub(crate) fn recipe(&self) -> Outcome<Recipe> {
        let uri = format!("file://{}", self.path("up").display());
        Ok(recipe_of(vec![upstream(uri, self.path("theirs.gpg"))?]))
    }

    pub(crate) fn create(&self, recipe: &Recipe, manner: Manner) -> Outcome<Created> {
        self.create_but(recipe, manner, |_| {})
    }

    /// The same, but for what is changed of it.
    pub(crate) fn create_but(
        &self,
        recipe: &Recipe,
        manner: Manner,
        change: impl FnOnce(&mut Create<'_>),
    ) -> Outcome<Created> {
        let fetcher = self.fetcher()?;
        let signer = match self.ours.list(self.now)?.is_empty() {
            true => SigningKeys::default(),
            false => self.ours.signing_keys(&Passphrase::None)?,
        };
        let mut create = Create {
            store: &self.store,
            fetcher: &fetcher,
            recipe,
            signer: &signer,
            signed_from: self.now,
            number: None,
            if_unchanged: IfUnchanged::Stop,
            replay: Replay::Refuse,
            progress: &Silent,
            now: self.now,
            made_by: "test",
        };
        change(&mut create);
        Ok(create.run_as(manner)?)
    }

    pub(crate) fn made(&self, recipe: &Recipe, manner: Manner) -> Outcome<BuildInfo> {
        match self.create(recipe, manner)? {
            Created::Made { info, .. } => Ok(*info),
            Created::Unchanged(info) => Err(format!("nothing is new since build {}", info.number).into()),
        }
    }

    pub(crate) fn fetcher(&self) -> Outcome<Fetcher> {
        Ok(Fetcher::new(Limits { proxies: Proxies::None, retries: 0, ..Limits::default() })?)
    }

    /// Everything that a store should have is there, and nothing else.
    pub(crate) fn is_good(&self, store: &Store) -> Outcome {
        let findings = verify(store, &store.builds_present()?, &Scope::FULL)?;
        assert!(findings.is_good(), "{}", findings.why());
        Ok(())
    }

    /// Nothing of the store is damaged, whatever of it waits or was left elsewhere.
    pub(crate) fn is_sound(&self) -> Outcome {
        let (store, now) = (&self.store, self.now);
        let checked =
            Checked { store, depth: Depth::Full, keyring: None, grace: SignedDuration::from_hours(24), now };
        let report = check(&checked)?;
        assert!(report.is_clean(), "{report:?}");
        Ok(())
    }

    /// The packages of a build.
    pub(crate) fn packages(&self, number: BuildNumber) -> Outcome<PackageList> {
        let packed = fs::read(self.store.build(number).join("packages.json.zst"))?;
        Ok(PackageList::decompress(&packed, &Held::info(&self.store, number)?.packages)?)
    }

    /// An apt that knows only this source, `file:/…` or `http://…`.
    pub(crate) fn apt(&self, uri: &str) -> Outcome<Apt> {
        let apt = Apt::new(&self.path("apt"), &self.ours.export()?)?;
        apt.sources(&[("deb", &format!("{uri} stable main"))])?;
        Ok(apt)
    }
}

pub(crate) fn lay(path: &Path, bytes: &[u8]) -> Outcome {
    fs::create_dir_all(path.parent().ok_or("no parent")?)?;
    Ok(fs::write(path, bytes)?)
}
