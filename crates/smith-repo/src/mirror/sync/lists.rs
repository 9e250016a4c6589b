//! What a build is, as a source says it and a signature confirms it.

use std::path::{Path, PathBuf};

use crate::fetch::{Answer, Fetcher};
use crate::hash::Sha256;
use crate::manifest::{BuildInfo, Delta, Manifest, ManifestError, PackageList, derive};
use crate::mirror::Held;
use crate::mirror::held::{
    INFO, INFO_MAX, LIST_MAX, MANIFEST, PACKAGES, SIGNATURE, SIGNED, manifest_from, packages_from,
    packages_text, parse_info, with_signed,
};
use crate::mirror::s3::{FORMAT, MARKER};
use crate::mirror::sync::{Check, SyncError};
use crate::name::BuildNumber;
use crate::store::{Locked, Store, StoreError, write_atomically};

/// A signature has a few hundred bytes; with many keys a few thousand.
const SIGNATURE_MAX: u64 = 64 << 10;

/// One line.
const MARKER_MAX: u64 = 1 << 10;

/// A million numbers.
const INDEX_MAX: u64 = 10 << 20;

/// The builds that a source has, for those who cannot list its folder.
const INDEX: &str = "index.json";

/// The lists of a build, and the bytes that they came as.
pub(super) struct Lists {
    pub(super) info: BuildInfo,
    pub(super) signers: Vec<String>,
    /// With the signed forms of Releases, wherever they are listed.
    pub(super) manifest: Manifest,
    /// Files of the build's folder, by name.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// A build on this store whose names in the pool need not be made again.
    pub(super) base: Option<Held>,
}

/// One place that a build may come from.
pub(super) struct Place<'a> {
    pub(super) fetcher: &'a Fetcher,
    /// Its address, without a slash at the end.
    pub(super) url: String,
    pub(super) build: BuildNumber,
}

/// How a place names its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Store,
    Bucket,
}

impl Place<'_> {
    pub(super) fn lists(&self, store: &Store, check: Check<'_>) -> Result<Lists, SyncError> {
        let json = self.need(INFO, INFO_MAX)?;
        let signature = self.need(SIGNATURE, SIGNATURE_MAX)?;
        let signers =
            check(&json, &signature).map_err(|why| SyncError::Signature { build: self.build, why })?;
        let info = parse_info(Path::new(&self.address(INFO)), self.build, &json)?;
        let base = base_of(store, &info);
        let mut files = vec![(INFO.to_owned(), json), (SIGNATURE.to_owned(), signature)];
        let manifest = self.manifest(&info, base.as_ref(), &mut files)?;
        let manifest = self.signed(&info, manifest, &mut files)?;
        self.packages(store, &info, base.as_ref(), &mut files)?;
        Ok(Lists { info, signers, manifest, files, base })
    }

    /// What was signed after the words were written is listed apart.
    fn signed(
        &self,
        info: &BuildInfo,
        manifest: Manifest,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<Manifest, SyncError> {
        if info.signed_apart.is_empty() {
            return Ok(manifest);
        }
        let packed = self.need(SIGNED, INFO_MAX)?;
        let signed = Manifest::unpack(&packed).and_then(|signed| with_signed(info, &manifest, &signed));
        let whole = signed.map_err(|source| self.bad(SIGNED, source))?;
        files.push((SIGNED.to_owned(), packed));
        Ok(whole)
    }

    /// How its files are named. A place that does not answer is asked like a store, and says so then.
    pub(super) fn shape(&self) -> Shape {
        match self.fetcher.get(&format!("{}/{MARKER}", self.url), MARKER_MAX, None) {
            Ok(Answer::Found { bytes, .. }) if bytes == FORMAT.as_bytes() => Shape::Bucket,
            Ok(Answer::Found { .. } | Answer::Missing | Answer::NotModified) | Err(_) => Shape::Store,
        }
    }

    /// What `build.json` is there.
    pub(super) fn info_hash(&self) -> Result<Sha256, SyncError> {
        Ok(Sha256::of(&self.need(INFO, INFO_MAX)?))
    }

    fn manifest(
        &self,
        info: &BuildInfo,
        base: Option<&Held>,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<Manifest, SyncError> {
        let apply = |delta: &[u8], parent: &Held| {
            Delta::decompress(delta).ok()?.apply(&parent.manifest, &info.manifest).ok()
        };
        if let Some(manifest) = self.by_difference(info, base, manifest_from, apply, files)? {
            let packed = manifest.compress().map_err(|error| self.unpackable(&error))?;
            files.push((MANIFEST.to_owned(), packed));
            return Ok(manifest);
        }
        let packed = self.need(MANIFEST, LIST_MAX)?;
        let manifest = Manifest::decompress(&packed, &info.manifest);
        let manifest = manifest.map_err(|source| self.bad(MANIFEST, source))?;
        files.push((MANIFEST.to_owned(), packed));
        Ok(manifest)
    }

    fn packages(
        &self,
        store: &Store,
        info: &BuildInfo,
        base: Option<&Held>,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<(), SyncError> {
        let apply = |delta: &[u8], parent: &Held| {
            let before = packages_text(store, parent.info.number).ok()?;
            derive((&before, &parent.info.packages), delta, &info.packages).ok()
        };
        let packed = match self.by_difference(info, base, packages_from, apply, files)? {
            Some(packed) => packed,
            None => {
                let packed = self.need(PACKAGES, LIST_MAX)?;
                PackageList::decompress(&packed, &info.packages)
                    .map_err(|source| self.bad(PACKAGES, source))?;
                packed
            }
        };
        files.push((PACKAGES.to_owned(), packed));
        Ok(())
    }

    /// What the difference to the parent makes of the parent's list, if both are there and fit.
    fn by_difference<T>(
        &self,
        info: &BuildInfo,
        base: Option<&Held>,
        name: impl Fn(BuildNumber) -> String,
        apply: impl Fn(&[u8], &Held) -> Option<T>,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<Option<T>, SyncError> {
        let Some(parent) = info.parent else { return Ok(None) };
        let Some(delta) = self.ask(&name(parent), LIST_MAX)? else { return Ok(None) };
        let parent_here = base.filter(|base| base.info.number == parent);
        let applied = parent_here.map(|parent| apply(&delta, parent));
        // Kept although this store may not need it: another one that pulls from here may. One that does not fit is of no use
        // to anybody, and no harm: the whole list says the same.
        if !matches!(applied, Some(None)) {
            files.push((name(parent), delta));
        }
        Ok(applied.flatten())
    }

    fn unpackable(&self, error: &std::io::Error) -> SyncError {
        self.bad(
            MANIFEST,
            ManifestError::Form { expected: "a list that can be packed", found: error.to_string() },
        )
    }

    fn bad(&self, file: &str, source: ManifestError) -> SyncError {
        SyncError::List { build: self.build, place: self.url.clone(), file: file.to_owned(), source }
    }

    fn need(&self, file: &str, max: u64) -> Result<Vec<u8>, SyncError> {
        self.ask(file, max)?.ok_or_else(|| SyncError::Absent {
            build: self.build,
            place: self.url.clone(),
            file: file.to_owned(),
        })
    }

    fn ask(&self, file: &str, max: u64) -> Result<Option<Vec<u8>>, SyncError> {
        match self.fetcher.get(&self.address(file), max, None)? {
            Answer::Found { bytes, .. } => Ok(Some(bytes)),
            Answer::Missing | Answer::NotModified => Ok(None),
        }
    }

    fn address(&self, file: &str) -> String {
        format!("{}/builds/{}/{file}", self.url, self.build)
    }
}

/// The parent if it is here, or else the newest build: most of its packages are in this one too.
fn base_of(store: &Store, info: &BuildInfo) -> Option<Held> {
    let present = store.builds_present().ok()?;
    let parent = info.parent.filter(|parent| present.contains(parent));
    Held::read(store, parent.or(present.last().copied())?).ok()
}

/// An address for a source that may be given as a path.
pub(crate) fn base_url(source: &str) -> String {
    let source = source.trim_end_matches('/');
    if source.starts_with('/') {
        // Only what would end the path of an address or stand for something else in it.
        let path = source.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        return format!("file://{path}");
    }
    source.to_owned()
}

/// The folder behind an address of this machine.
pub(super) fn folder_of(url: &str) -> Option<PathBuf> {
    let url = reqwest::Url::parse(url).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// The builds that a source has.
pub fn builds_at(fetcher: &Fetcher, url: &str) -> Result<Vec<BuildNumber>, SyncError> {
    if let Some(folder) = folder_of(url) {
        return Ok(Store::open(&folder)?.builds_present()?);
    }
    let place = format!("{url}/builds/{INDEX}");
    match fetcher.get(&place, INDEX_MAX, None)? {
        Answer::Found { bytes, .. } => serde_json::from_slice(&bytes)
            .map_err(|error| SyncError::Index { place, found: error.to_string() }),
        Answer::Missing | Answer::NotModified => Err(SyncError::Index { place, found: "nothing".to_owned() }),
    }
}

/// Writes down which builds a store has, for mirrors that pull from it through a web server. Under the lock, since another
/// who has seen fewer builds might write after whoever has seen more.
pub fn write_index(store: &Store, _: &Locked) -> Result<(), StoreError> {
    let path = store.builds().join(INDEX);
    let text = serde_json::to_vec(&store.builds_present()?);
    let text = text.map_err(|error| StoreError::io("writing", &path)(error.into()))?;
    if std::fs::read(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    match write_atomically(&path, &text) {
        // A purge on a full disk makes room here as elsewhere: the list that it writes is not longer.
        Err(error) if error.is_full() && std::fs::remove_file(&path).is_ok() => {
            write_atomically(&path, &text)
        }
        written => written,
    }
}
