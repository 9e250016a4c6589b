//! An upstream of real package files, our own store, and the machine's apt with nothing but a build of it.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use smith_repo::create::{Create, Created, IfUnchanged, Manner};
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::fetch::{Fetcher, Limits, Proxies, Silent};
use smith_repo::fsck::{Checked, check};
use smith_repo::index::{
    Blob, Compression, IndexStanza, Md5Sums, PackagesIndex, Presence, ReadyFile, SuiteIndex, write_suite,
};
use smith_repo::ingest::{Destination, find_debs, ingest};
use smith_repo::manifest::BuildInfo;
use smith_repo::mirror::{Depth, Scope, verify};
use smith_repo::name::{PartName, RelPath, SuiteName, UpstreamName};
use smith_repo::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase, SigningKeys};
use smith_repo::release::NewRelease;
use smith_repo::store::Store;
use smith_repo::upstream::{Extras, Filter, Publish, Recipe, Replay, Staleness, Upstream};

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
    let request =
        KeyRequest { kind: KeyKind::Ed25519, user_id: "A <a@b>".to_owned(), made_at, expires_at: None };
    keys.generate(&request, &Passphrase::None)?;
    Ok(keys)
}

impl World {
    /// With an upstream of three packages, and no key of our own.
    pub(crate) fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let now = now()?;
        let store = Store::create(&folder.path().join("store"))?;
        let theirs = new_key(&folder.path().join("theirs"), now - SignedDuration::from_hours(24 * 400))?;
        let ours = KeyFolder::new(&store.keys());
        let world = Self { folder, theirs, store, ours, now };
        fs::write(world.path("theirs.gpg"), world.theirs.export()?)?;
        world.package("alpha", "1.0-1", "Depends: beta\n")?;
        world.package("beta", "2.0", "")?;
        world.package("gamma", "1:3.0~rc1", "")?;
        world.publish(0)?;
        Ok(world)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn package(&self, name: &str, version: &str, more: &str) -> Outcome {
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
        let mut ready = Vec::new();
        for (path, bytes) in more {
            let blob = Blob { sha256: intake.put(bytes)?, size: bytes.len() as u64 };
            ready.push(ReadyFile { path: RelPath::new(path)?, blob, presence: Presence::Stored });
        }
        let amd64 = PartName::new("amd64")?;
        let date = self.now - SignedDuration::from_hours(100) + SignedDuration::from_hours(hours);
        let mut release = NewRelease::new(date);
        release.suite = Some("stable".to_owned());
        release.architectures = vec![amd64.clone()];
        release.components = vec![main.clone()];
        let index = SuiteIndex {
            suite: SuiteName::new("stable")?,
            release,
            packages: vec![PackagesIndex::of(&main, &amd64, stanzas)?],
            ready,
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

    pub(crate) fn create(&self, recipe: &Recipe, manner: Manner) -> Outcome<Created> {
        let fetcher = self.fetcher()?;
        let signer = match self.ours.list(self.now)?.is_empty() {
            true => SigningKeys::default(),
            false => self.ours.signing_keys(&Passphrase::None)?,
        };
        let create = Create {
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

    /// An apt that knows only this source, `file:/…` or `http://…`.
    pub(crate) fn apt(&self, uri: &str) -> Outcome<Apt> {
        let root = self.path("apt");
        let _ = fs::remove_dir_all(&root);
        for folder in [
            "etc/preferences.d",
            "etc/sources.list.d",
            "none",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("status"), "")?;
        let key = root.join("smith.gpg");
        fs::write(&key, self.ours.export()?)?;
        let options = format!("[signed-by={}] {uri} stable main\n", key.display());
        fs::write(root.join("etc/sources.list"), format!("deb {options}"))?;
        let shown = root.display();
        let conf = format!(
            "Dir \"{shown}\";\nDir::State \"{shown}/state\";\nDir::State::status \"{shown}/status\";\nDir::Cache \"{shown}/cache\";\n\
             Dir::Etc \"{shown}/etc\";\nDir::Etc::parts \"{shown}/none\";\nDir::Etc::trusted \"{shown}/none.gpg\";\n\
             Dir::Etc::trustedparts \"{shown}/none\";\nDir::Log \"{shown}\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             Acquire::By-Hash \"force\";\nAcquire::http::Proxy \"DIRECT\";\nAcquire::Retries \"0\";\n"
        );
        fs::write(root.join("apt.conf"), conf)?;
        fs::create_dir_all(self.path("down"))?;
        Ok(Apt { root, down: self.path("down"), options })
    }
}

pub(crate) fn lay(path: &Path, bytes: &[u8]) -> Outcome {
    fs::create_dir_all(path.parent().ok_or("no parent")?)?;
    Ok(fs::write(path, bytes)?)
}

/// The machine's own apt, in a root of its own.
pub(crate) struct Apt {
    root: PathBuf,
    /// Where downloads go.
    pub(crate) down: PathBuf,
    options: String,
}

impl Apt {
    /// Source packages too.
    pub(crate) fn with_sources(&self) -> Outcome {
        let both = format!("deb {0}deb-src {0}", self.options);
        Ok(fs::write(self.root.join("etc/sources.list"), both)?)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome<(bool, String)> {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(&self.down)
            .args(arguments)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// An update that has neither an error nor a warning.
    pub(crate) fn updates_quietly(&self) -> Outcome {
        let (is_good, text) = self.run(&["update"])?;
        let is_quiet = text.lines().all(|line| !line.starts_with("W:") && !line.starts_with("E:"));
        assert!(is_good && is_quiet && !text.contains("Ign:"), "{text}");
        Ok(())
    }
}
