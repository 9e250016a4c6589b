//! An upstream with as many packages as Debian has, each of which is a package file of a kilobyte.
//!
//! Its index is the real one but for sizes and hashes. Later states have new versions of every fiftieth package.

#[path = "../../../smith-repo/src/fixture/deb.rs"]
mod archive;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::hash::Sha256;
use smith_repo::index::{
    Compression, IndexStanza, Md5Sums, PackagesIndex, SuiteIndex, SuiteTree, write_suite,
};
use smith_repo::mirror::{ServeLimits, Serving};
use smith_repo::name::{PartName, SuiteName};
use smith_repo::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase};
use smith_repo::release::NewRelease;
use smith_repo::store::Store;

use archive::{ar, tar};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Every so many-th package is new in the next state: two of a hundred.
const CHANGED: usize = 50;

pub(crate) struct Upstream {
    folder: PathBuf,
    /// Hands it out as web servers do; some tools read nothing else.
    serving: Serving,
    pub(crate) packages: usize,
    pub(crate) states: u32,
}

impl Upstream {
    /// Makes the states, in each of which everything but what changed is the same files.
    pub(crate) fn make(folder: &Path, packages: &str, states: u32, now: Timestamp) -> Outcome<Self> {
        let _ = fs::remove_dir_all(folder);
        let workshop = Store::create(folder)?;
        let keys = KeyFolder::new(&workshop.keys());
        let made_at = now - SignedDuration::from_hours(24 * 30);
        let user_id = "Upstream <up@stream>".to_owned();
        keys.generate(
            &KeyRequest { kind: KeyKind::Ed25519, user_id, made_at, expires_at: None },
            &Passphrase::None,
        )?;
        fs::write(folder.join("keyring.gpg"), keys.export()?)?;
        let mut count = 0;
        for state in 1..=states {
            let tree = workshop.builds().join(state.to_string());
            let before = (state > 1).then(|| workshop.builds().join((state - 1).to_string()));
            let text = lay(&tree, before.as_deref(), packages, state)?;
            count = publish(
                &workshop,
                &keys,
                &tree,
                &text,
                now - SignedDuration::from_hours(i64::from(100 - state)),
            )?;
        }
        let serving = Serving::start(&workshop, ([127, 0, 0, 1], 0).into(), ServeLimits::default())?;
        Ok(Self { folder: folder.to_owned(), serving, packages: count, states })
    }

    pub(crate) fn keyring(&self) -> PathBuf {
        self.folder.join("keyring.gpg")
    }

    pub(crate) fn tree(&self, state: u32) -> PathBuf {
        self.folder.join("builds").join(state.to_string())
    }

    /// Leads the address that tools know to a state.
    pub(crate) fn show(&self, state: u32) -> Outcome {
        let channels = self.folder.join("channels");
        let (link, temporary) = (channels.join("now"), channels.join("next"));
        std::os::unix::fs::symlink(format!("../builds/{state}"), &temporary)?;
        Ok(fs::rename(temporary, link)?)
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}/channels/now", self.serving.address())
    }

    /// A recipe that takes all of it.
    pub(crate) fn recipe(&self, path: &Path, compressions: &str) -> Outcome {
        let text = format!(
            "upstreams:\n  - upstream: debian\n    uris: {}\n    suites: [bookworm]\n    components: [main]\n    \
             architectures: [amd64]\n    keyring: {}\npublish:\n  compressions: [{compressions}]\n",
            self.address(),
            self.keyring().display()
        );
        Ok(fs::write(path, text)?)
    }
}

/// Writes the files of a state, and answers its index.
fn lay(tree: &Path, before: Option<&Path>, packages: &str, state: u32) -> Outcome<Vec<u8>> {
    let mut text = Vec::with_capacity(packages.len());
    for (number, stanza) in packages.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).enumerate() {
        // The state in which this package last changed.
        let since = if number % CHANGED == 0 { state } else { 1 };
        let field = |name: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
        };
        let (name, version) = (field("Package"), format!("{}+s{since}", field("Version")));
        let filename = field("Filename").replace(".deb", &format!("+s{since}.deb"));
        let path = tree.join(&filename);
        fs::create_dir_all(path.parent().unwrap_or(tree))?;
        let bytes = stub(name, &version, field("Architecture"))?;
        match before.map(|before| before.join(&filename)).filter(|old| old.exists()) {
            Some(old) => fs::hard_link(old, &path)?,
            None => fs::write(&path, &bytes)?,
        }
        for line in stanza.lines() {
            match line.split_once(": ").map(|(name, _)| name) {
                Some("Version") => writeln!(text, "Version: {version}")?,
                Some("Filename") => writeln!(text, "Filename: {filename}")?,
                Some("Size") => writeln!(text, "Size: {}", bytes.len())?,
                Some("SHA256") => writeln!(text, "SHA256: {}", Sha256::of(&bytes))?,
                Some("MD5sum") => {}
                Some(_) | None => writeln!(text, "{line}")?,
            }
        }
        writeln!(text)?;
    }
    Ok(text)
}

/// A package file with nothing in it.
fn stub(name: &str, version: &str, architecture: &str) -> Outcome<Vec<u8>> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A <a@b>\nDescription: a stub\n"
    );
    let packed = |files: &[(&str, &[u8])]| -> Outcome<Vec<u8>> {
        let mut out = GzEncoder::new(Vec::new(), Level::fast());
        out.write_all(&tar(files))?;
        Ok(out.finish()?)
    };
    Ok(ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &packed(&[("./control", control.as_bytes())])?),
        ("data.tar.gz", &packed(&[])?),
    ]))
}

/// What this program is called with to do nothing but publish, so that another process can measure it.
pub(crate) const PUBLISH: &str = "publish-alone";

/// Reads the index of a state, and writes, packs, hashes and signs it, as a build does and a publishing tool does.
pub(crate) fn publish_alone(store: &Path, upstream: &Path) -> Outcome {
    let index = fs::File::open(upstream.join("dists/bookworm/main/binary-amd64/Packages.gz"))?;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(index).read_to_end(&mut text)?;
    let store = Store::open(store)?;
    write(
        &store,
        &KeyFolder::new(&store.keys()),
        &text,
        Timestamp::UNIX_EPOCH,
        &[Compression::Gz, Compression::Zst],
    )?;
    Ok(())
}

/// Writes the signed indexes of a state. Answers how many packages there are.
fn publish(store: &Store, keys: &KeyFolder, tree: &Path, text: &[u8], date: Timestamp) -> Outcome<usize> {
    let (suite, count) = write(store, keys, text, date, &[Compression::Gz])?;
    for file in &suite.files {
        let path = tree.join(file.path.as_str());
        fs::create_dir_all(path.parent().unwrap_or(tree))?;
        fs::copy(store.object(&file.sha256), path)?;
    }
    Ok(count)
}

fn write(
    store: &Store,
    keys: &KeyFolder,
    text: &[u8],
    date: Timestamp,
    compressions: &[Compression],
) -> Outcome<(SuiteTree, usize)> {
    let intake = store.intake()?;
    let (main, amd64) = (PartName::new("main")?, PartName::new("amd64")?);
    let mut stanzas = Vec::new();
    for stanza in Stanzas::new(text) {
        stanzas.push(IndexStanza::verbatim(PackageRecord::read(&stanza?)?.stanza));
    }
    let count = stanzas.len();
    let mut release = NewRelease::new(date);
    release.origin = Some("Debian".to_owned());
    release.suite = Some("bookworm".to_owned());
    release.codename = Some("bookworm".to_owned());
    release.architectures = vec![amd64.clone()];
    release.components = vec![main.clone()];
    let index = SuiteIndex {
        suite: SuiteName::new("bookworm")?,
        release,
        packages: vec![PackagesIndex::of(&main, &amd64, stanzas)?],
        ready: Vec::new(),
        compressions: compressions.iter().copied().collect(),
        md5: Md5Sums::LeftOut,
    };
    let signer = keys.signing_keys(&Passphrase::None)?;
    let suite = write_suite(store, &intake, index, Some((&signer, date.max(signed_from(keys)?))))?;
    intake.settle()?;
    Ok((suite, count))
}

/// Nothing can be signed before the key was made.
fn signed_from(keys: &KeyFolder) -> Outcome<Timestamp> {
    let made = keys.list(Timestamp::MAX)?.into_iter().map(|key| key.made_at).max();
    made.ok_or_else(|| "expected a key".into())
}
