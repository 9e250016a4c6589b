//! A build as it lies in a store.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::manifest::{Area, BuildInfo, Manifest, ManifestError};
use crate::name::{BadName, BuildNumber, RelPath};
use crate::store::Store;

/// Of the words about a build; real ones have a few kilobytes.
pub(crate) const INFO_MAX: u64 = 4 << 20;

/// Of a list, packed: a million files take about 60 MB.
pub(crate) const LIST_MAX: u64 = 512 << 20;

pub(crate) const INFO: &str = "build.json";
pub(crate) const SIGNATURE: &str = "build.json.sig";
pub(crate) const MANIFEST: &str = "manifest.zst";
pub(crate) const PACKAGES: &str = "packages.json.zst";

/// What a build's manifest differs by from its parent's.
pub(crate) fn manifest_from(parent: BuildNumber) -> String {
    format!("from-{parent}.zst")
}

/// What the list of a build's packages differs by from its parent's.
pub(crate) fn packages_from(parent: BuildNumber) -> String {
    format!("from-{parent}-packages.zst")
}

/// Whether a file of a build's folder is such a difference.
pub(crate) fn is_difference(name: &str) -> bool {
    let rest = name.strip_prefix("from-").and_then(|rest| rest.strip_suffix(".zst"));
    let number = rest.map(|rest| rest.strip_suffix("-packages").unwrap_or(rest));
    number.is_some_and(|number| number.parse::<BuildNumber>().is_ok())
}

/// The signed forms of Releases that were signed elsewhere.
pub(crate) const SIGNED: &str = "signed.zst";

/// The words about a build, and its files.
#[derive(Debug, Clone)]
pub struct Held {
    pub info: BuildInfo,
    pub manifest: Manifest,
}

#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    #[error("build {number} is not in this store")]
    Absent { number: BuildNumber },
    #[error("build {number} waits for its signatures: `smith build sign {number}`")]
    Unsigned { number: BuildNumber },
    #[error("{}: expected the words about build {number}, found {found}", .path.display())]
    Info { path: PathBuf, number: BuildNumber, found: String },
    #[error("{}", .path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("{}: expected at most {max} bytes, found more", .path.display())]
    TooLarge { path: PathBuf, max: u64 },
    #[error("reading {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Held {
    pub fn read(store: &Store, number: BuildNumber) -> Result<Self, HeldError> {
        // Whether it is there at all is another question than whether it can be read.
        Self::info(store, number)?;
        Self::read_in(&store.build(number), number)
    }

    /// A build in another folder than the live ones': archived, or in the trash.
    pub(crate) fn read_in(folder: &Path, number: BuildNumber) -> Result<Self, HeldError> {
        let mut held = Self::read_bare(folder, number)?;
        if held.info.signed_apart.is_empty() {
            return Ok(held);
        }
        let path = folder.join(SIGNED);
        let signed = Manifest::unpack(&read_some(&path, INFO_MAX)?);
        let whole = signed.and_then(|signed| with_signed(&held.info, &held.manifest, &signed));
        held.manifest = whole.map_err(|source| HeldError::Manifest { path, source })?;
        Ok(held)
    }

    /// The same without what is signed apart, which a build that waits for its signatures does not have.
    pub(crate) fn read_bare(folder: &Path, number: BuildNumber) -> Result<Self, HeldError> {
        let path = folder.join(INFO);
        let info = parse_info(&path, number, &read_some(&path, INFO_MAX)?)?;
        let path = folder.join(MANIFEST);
        let bytes = read_some(&path, LIST_MAX)?;
        let manifest = Manifest::decompress(&bytes, &info.manifest);
        let manifest = manifest.map_err(|source| HeldError::Manifest { path, source })?;
        Ok(Self { info, manifest })
    }

    /// The words about a build in another folder than the live ones'.
    pub(crate) fn info_in(folder: &Path, number: BuildNumber) -> Result<BuildInfo, HeldError> {
        let path = folder.join(INFO);
        parse_info(&path, number, &read_some(&path, INFO_MAX)?)
    }

    /// The words about an archived build.
    pub fn info_of_archived(store: &Store, number: BuildNumber) -> Result<BuildInfo, HeldError> {
        let path = store.archived(number).join(INFO);
        parse_info(&path, number, &read_some(&path, INFO_MAX)?)
    }

    /// Only the words.
    pub fn info(store: &Store, number: BuildNumber) -> Result<BuildInfo, HeldError> {
        let path = store.build(number).join(INFO);
        match read_some(&path, INFO_MAX) {
            Err(HeldError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound && !store.build(number).exists() =>
            {
                Err(match store.unsigned_build(number).exists() {
                    true => HeldError::Unsigned { number },
                    false => HeldError::Absent { number },
                })
            }
            bytes => parse_info(&path, number, &bytes?),
        }
    }

    /// A build, also while it waits for its signatures.
    pub fn read_any(store: &Store, number: BuildNumber) -> Result<Self, HeldError> {
        match Self::read(store, number) {
            Err(HeldError::Unsigned { .. }) => Self::read_bare(&store.unsigned_build(number), number),
            held => held,
        }
    }

    /// The words about a build, also while it waits for its signatures.
    pub fn info_of_any(store: &Store, number: BuildNumber) -> Result<BuildInfo, HeldError> {
        match Self::info(store, number) {
            Err(HeldError::Unsigned { .. }) => Self::info_in(&store.unsigned_build(number), number),
            info => info,
        }
    }
}

/// The signed forms of a Release, by the names that clients ask for.
pub(crate) const FORMS: [&str; 2] = ["InRelease", "Release.gpg"];

/// Where a signed form of a Release lies: beside it.
pub(crate) fn beside(release: &RelPath, form: &str) -> Result<RelPath, BadName> {
    match release.parent() {
        Some(folder) => RelPath::new(&format!("{folder}/{form}")),
        None => RelPath::new(form),
    }
}

/// A manifest with the signed forms: of exactly the Releases that the build names.
pub(crate) fn with_signed(
    info: &BuildInfo,
    manifest: &Manifest,
    signed: &Manifest,
) -> Result<Manifest, ManifestError> {
    let misfit = |what: String| ManifestError::Misfit { what };
    let mut expected = BTreeSet::new();
    for release in info.signed_apart.keys() {
        for form in FORMS {
            expected.insert(beside(release, form).map_err(|error| misfit(error.to_string()))?);
        }
    }
    let found: BTreeSet<RelPath> = signed.files().iter().map(|file| file.path.clone()).collect();
    let is_in_tree = signed.files().iter().all(|file| file.area == Area::Tree);
    if let Some(path) = expected.symmetric_difference(&found).next() {
        return Err(misfit(format!(
            "expected the signed forms of each Release, found {path} without its other"
        )));
    }
    if !is_in_tree {
        return Err(misfit("expected files of the build alone".to_owned()));
    }
    Manifest::new(manifest.files().iter().chain(signed.files()).cloned().collect())
}

/// The list of a build's packages, as it was packed.
pub(crate) fn packages_text(store: &Store, number: BuildNumber) -> Result<Vec<u8>, HeldError> {
    let folder = store.build(number);
    let folder = if folder.exists() { folder } else { store.unsigned_build(number) };
    read_some(&folder.join(PACKAGES), LIST_MAX)
}

pub(crate) fn parse_info(path: &Path, number: BuildNumber, bytes: &[u8]) -> Result<BuildInfo, HeldError> {
    let bad = |found: String| HeldError::Info { path: path.to_owned(), number, found };
    let info: BuildInfo = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    if info.format != BuildInfo::FORMAT {
        return Err(bad(format!("format {}, which this program does not know", info.format)));
    }
    if info.number != number {
        return Err(bad(format!("those of build {}", info.number)));
    }
    Ok(info)
}

pub(crate) fn read_some(path: &Path, max: u64) -> Result<Vec<u8>, HeldError> {
    let read = |source| HeldError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(read)?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > max {
        return Err(HeldError::TooLarge { path: path.to_owned(), max });
    }
    Ok(bytes)
}
