//! The machine's own apt reads what we publish: every compression, through `file:` and `copy:`, with our key alone, and
//! refuses what was tampered with.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::index::{
    Compression, IndexStanza, Md5Sums, PackagesIndex, SuiteIndex, SuiteTree, write_suite,
};
use smith_repo::ingest::{Destination, find_debs, ingest};
use smith_repo::name::{PartName, SuiteName};
use smith_repo::pgp::{Fingerprint, KeyFolder, KeyKind, KeyRequest, Passphrase, Signer};
use smith_repo::release::NewRelease;
use smith_repo::store::Store;

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skipped(tool: &str) {
    println!("skipped: {tool} is not on this machine");
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn is_installed(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
}

fn now() -> Outcome<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Timestamp::from_second(i64::try_from(since.as_secs())?).map_err(|error| error.to_string().into())
}

/// A repository of three small packages, and an apt that knows nothing else.
struct Site {
    folder: tempfile::TempDir,
    store: Store,
    keys: KeyFolder,
}

/// What a suite is published as.
struct Published<'a> {
    suite: &'a str,
    compressions: &'a [Compression],
    valid_until: Option<Timestamp>,
    md5: Md5Sums,
}

impl Published<'_> {
    fn with(compressions: &[Compression]) -> Published<'_> {
        Published { suite: "stable", compressions, valid_until: None, md5: Md5Sums::LeftOut }
    }
}

impl Site {
    /// Nothing, with a word, on a machine that is no Debian.
    fn new(kind: KeyKind) -> Outcome<Option<Self>> {
        for tool in ["apt-get", "dpkg-deb", "gpgv"] {
            if !is_installed(tool) {
                skipped(tool);
                return Ok(None);
            }
        }
        let folder = tempfile::tempdir()?;
        let store = Store::create(&folder.path().join("store"))?;
        let keys = KeyFolder::new(&store.keys());
        let site = Self { folder, store, keys };
        site.new_key(kind)?;
        site.package("alpha", "1.0-1", "Depends: beta (>= 2~)\nPhased-Update-Percentage: 10\n")?;
        site.package("beta", "2.0", "")?;
        site.package("gamma", "1:3.0~rc1", "")?;
        site.configure()?;
        Ok(Some(site))
    }

    fn new_key(&self, kind: KeyKind) -> Outcome<Fingerprint> {
        let user_id = "Site <admin@site>".to_owned();
        let request = KeyRequest { kind, user_id, made_at: now()?, expires_at: None };
        Ok(self.keys.generate(&request, &Passphrase::None)?)
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

    fn configure(&self) -> Outcome {
        for folder in ["apt/etc/preferences.d", "apt/etc/sources.list.d", "apt/etc/trusted.gpg.d", "apt/none"]
        {
            fs::create_dir_all(self.path(folder))?;
        }
        fs::create_dir_all(self.path("apt/state/lists/partial"))?;
        fs::create_dir_all(self.path("apt/cache/archives/partial"))?;
        fs::write(self.path("apt/status"), "")?;
        fs::write(self.path("apt/smith.gpg"), self.keys.export()?)?;
        let root = self.path("apt");
        let root = root.display();
        fs::write(
            self.path("apt/apt.conf"),
            format!(
                "Dir \"{root}\";\nDir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\n\
                 Dir::Cache \"{root}/cache\";\nDir::Etc \"{root}/etc\";\nDir::Etc::parts \"{root}/none\";\n\
                 Dir::Etc::trusted \"{root}/none.gpg\";\nDir::Etc::trustedparts \"{root}/etc/trusted.gpg.d\";\n\
                 Dir::Log \"{root}\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
                 APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::By-Hash \"force\";\n"
            ),
        )?;
        Ok(())
    }

    /// Publishes the packages anew and lays the tree out as a build has it.
    fn publish(&self, how: &Published<'_>) -> Outcome<SuiteTree> {
        let intake = self.store.intake()?;
        let main = PartName::new("main")?;
        let ingested = ingest(&find_debs(&self.path("debs"))?, &main, Destination::Store(&intake));
        assert!(ingested.refused.is_empty(), "{:?}", ingested.refused);
        let mut stanzas = Vec::new();
        for deb in &ingested.debs {
            for stanza in Stanzas::new(&deb.stanza) {
                stanzas.push(IndexStanza::of(&PackageRecord::read(&stanza?)?));
            }
        }
        let suite = SuiteName::new(how.suite)?;
        let amd64 = PartName::new("amd64")?;
        let packages = match suite.is_flat() {
            true => PackagesIndex::flat(stanzas),
            false => PackagesIndex::of(&main, &amd64, stanzas)?,
        };
        let at = now()?;
        let mut release = NewRelease::new(at);
        release.origin = Some("Test".to_owned());
        // apt compares it with what its line names, which for a flat repository is a folder, without the slash.
        release.suite = Some(how.suite.trim_end_matches('/').to_owned());
        release.valid_until = how.valid_until;
        release.architectures = vec![amd64];
        release.components = vec![main];
        let index = SuiteIndex {
            suite,
            release,
            packages: vec![packages],
            ready: Vec::new(),
            compressions: how.compressions.iter().copied().collect(),
            md5: how.md5,
        };
        let signer = self.keys.signing_keys(&Passphrase::None)?;
        let signer: &dyn Signer = &signer;
        let tree = write_suite(&self.store, &intake, index, Some((signer, at)))?;
        intake.settle()?;
        let _ = fs::remove_dir_all(self.path("tree"));
        for file in &tree.files {
            self.lay(
                &self.path("tree").join(file.path.as_str()),
                &fs::read(self.store.object(&file.sha256))?,
            )?;
        }
        for deb in &ingested.debs {
            self.lay(
                &self.path("tree").join(deb.filename.as_str()),
                &fs::read(self.store.object(&deb.sha256))?,
            )?;
        }
        Ok(tree)
    }

    fn lay(&self, path: &Path, bytes: &[u8]) -> Outcome {
        fs::create_dir_all(path.parent().unwrap_or(self.folder.path()))?;
        Ok(fs::write(path, bytes)?)
    }

    /// Points apt at the tree, and forgets what it had.
    fn source(&self, scheme: &str, suite: &str) -> Outcome {
        let (key, tree) = (self.path("apt/smith.gpg"), self.path("tree"));
        let line = format!("deb [signed-by={}] {scheme}:{} {suite}\n", key.display(), tree.display());
        fs::write(self.path("apt/etc/sources.list"), line)?;
        let _ = fs::remove_dir_all(self.path("apt/state/lists"));
        let _ = fs::remove_file(self.path("apt/cache/pkgcache.bin"));
        let _ = fs::remove_file(self.path("apt/cache/srcpkgcache.bin"));
        Ok(fs::create_dir_all(self.path("apt/state/lists/partial"))?)
    }

    /// Runs apt-get; the text is both of its outputs.
    fn apt(&self, arguments: &[&str]) -> Outcome<(bool, String)> {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.path("apt/apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(self.folder.path())
            .args(arguments)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// An update that has neither an error nor a warning.
    fn updates_quietly(&self, scheme: &str, suite: &str) -> Outcome {
        self.source(scheme, suite)?;
        let (is_good, text) = self.apt(&["update"])?;
        let is_quiet = text.lines().all(|line| !line.starts_with("W:") && !line.starts_with("E:"));
        assert!(is_good && is_quiet && !text.contains("Ign:"), "{scheme} {suite}: {text}");
        Ok(())
    }
}

#[test]
fn apt_updates_from_each_compression_and_installs() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let all = Compression::ALL;
    for compressions in [&all[..1], &all[1..2], &all[2..], &all[..]] {
        site.publish(&Published::with(compressions))?;
        for scheme in ["file", "copy"] {
            site.updates_quietly(scheme, "stable main")?;
            let (is_good, text) = site.apt(&["-s", "install", "alpha", "gamma"])?;
            assert!(is_good, "{compressions:?} {scheme}: {text}");
            for line in ["Inst beta (2.0 ", "Inst alpha (1.0-1 ", "Inst gamma (1:3.0~rc1 "] {
                assert!(text.contains(line), "{compressions:?} {scheme}: {text}");
            }
            let (is_good, text) = site.apt(&["download", "gamma"])?;
            assert!(is_good, "{text}");
            let downloaded = fs::read(site.path("gamma_1%3a3.0~rc1_all.deb"));
            let downloaded = if scheme == "file" {
                downloaded.or_else(|_| fs::read(site.path("debs/gamma.deb")))
            } else {
                downloaded
            };
            assert_eq!(downloaded?, fs::read(site.path("debs/gamma.deb"))?);
        }
    }
    Ok(())
}

#[test]
fn old_keys_old_hashes_and_flat_repositories_are_taken_as_well() -> Outcome {
    let Some(site) = Site::new(KeyKind::Rsa4096)? else { return Ok(()) };
    site.publish(&Published { md5: Md5Sums::Listed, ..Published::with(&Compression::ALL) })?;
    site.updates_quietly("copy", "stable main")?;
    for (suite, named) in [("./", "./"), ("x86/", "x86/")] {
        site.publish(&Published { suite, ..Published::with(&Compression::ALL) })?;
        site.updates_quietly("copy", named)?;
        let (is_good, text) = site.apt(&["-s", "install", "alpha"])?;
        assert!(is_good && text.contains("Inst alpha"), "{suite}: {text}");
    }
    // With the detached signature alone, as clients of old ask for it.
    site.publish(&Published::with(&Compression::ALL))?;
    fs::remove_file(site.path("tree/dists/stable/InRelease"))?;
    site.source("copy", "stable main")?;
    let (is_good, text) = site.apt(&["update"])?;
    assert!(is_good && !text.contains("E:") && !text.contains("W:"), "{text}");
    Ok(())
}

/// A key may be changed while clients know the old one, both, or the new one.
#[test]
fn clients_notice_nothing_of_a_rotation() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let keyring = site.path("apt/smith.gpg");
    let old = fs::read(&keyring)?;
    let retiring = site.keys.list(now()?)?.remove(0).fingerprint;
    let new = site.new_key(KeyKind::Rsa4096)?;
    site.publish(&Published::with(&[Compression::Zst]))?;
    site.updates_quietly("copy", "stable main")?;
    fs::write(&keyring, site.keys.export()?)?;
    site.updates_quietly("copy", "stable main")?;
    site.keys.retire(&retiring)?;
    site.publish(&Published::with(&[Compression::Zst]))?;
    site.updates_quietly("copy", "stable main")?;
    // As text it is as good, for apt tells the forms apart by their names.
    let armored = site.path("apt/smith.asc");
    fs::write(&armored, site.keys.export_armored()?)?;
    fs::write(&keyring, &old)?;
    site.source("copy", "stable main")?;
    let (is_good, text) = site.apt(&["update"])?;
    assert!(
        !is_good && text.contains(&new.as_str()[24..]),
        "the old keyring alone no longer suffices: {text}"
    );
    let line = fs::read_to_string(site.path("apt/etc/sources.list"))?.replace("smith.gpg", "smith.asc");
    fs::write(site.path("apt/etc/sources.list"), line)?;
    let (is_good, text) = site.apt(&["update"])?;
    assert!(is_good && !text.contains("W:"), "{text}");
    Ok(())
}

#[test]
fn apt_refuses_what_was_tampered_with() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let tree = site.publish(&Published::with(&[Compression::Gz]))?;
    site.updates_quietly("copy", "stable main")?;
    let refuses = |what: &str| -> Outcome {
        site.source("copy", "stable main")?;
        let (_, text) = site.apt(&["update"])?;
        assert!(text.lines().any(|line| line.starts_with("E:") || line.starts_with("W:")), "{what}: {text}");
        let (is_good, text) = site.apt(&["-s", "install", "gamma"])?;
        assert!(!is_good, "{what}: {text}");
        Ok(())
    };
    for file in &tree.files {
        let name = file.path.as_str();
        // apt takes the signed text and asks for indexes by their hashes; the others are for other clients.
        if !name.ends_with("/InRelease") && !name.contains("/by-hash/") {
            continue;
        }
        let path = site.path("tree").join(name);
        let good = fs::read(&path)?;
        let mut bad = good.clone();
        bad[good.len() / 3] ^= 1;
        fs::write(&path, bad)?;
        refuses(name)?;
        fs::write(&path, good)?;
    }
    site.updates_quietly("copy", "stable main")?;
    // Somebody else's key.
    let Some(other) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let ours = fs::read(site.path("apt/smith.gpg"))?;
    fs::copy(other.path("apt/smith.gpg"), site.path("apt/smith.gpg"))?;
    refuses("another key")?;
    fs::write(site.path("apt/smith.gpg"), ours)?;
    // A Release that has ended.
    let ended = now()? - jiff::SignedDuration::from_hours(1);
    site.publish(&Published { valid_until: Some(ended), ..Published::with(&[Compression::Gz]) })?;
    refuses("ended")?;
    // A package file that is another.
    site.publish(&Published::with(&[Compression::Gz]))?;
    site.updates_quietly("copy", "stable main")?;
    let path = site.path("tree/pool/main/b/beta/beta_2.0_all.deb");
    let mut bad = fs::read(&path)?;
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&path, bad)?;
    let (is_good, text) = site.apt(&["download", "beta"])?;
    assert!(!is_good && text.contains("Hash Sum mismatch"), "{text}");
    Ok(())
}
