//! The mirrors of a site: `mirrors.json` in its store.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::mirror::Mode;
use crate::mirror::held::{HeldError, read_some};
use crate::mirror::record::folder_of;
use crate::name::MirrorName;
use crate::store::{Store, StoreError, write_atomically};

/// A thousand mirrors with labels.
const FILE_MAX: u64 = 4 << 20;

/// For a table, and far above what a fleet has.
const MIRRORS_MAX: usize = 1_000;

const FORMAT: u32 = 1;

/// A store in another place that holds builds of this site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    pub name: MirrorName,
    pub region: MirrorName,
    /// Where it pulls from: addresses or paths of stores, the best first. Empty means the site's own store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    pub place: Place,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u64>,
}

/// Where a mirror lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Place {
    /// A store in a folder of this host.
    Directory { path: PathBuf },
    /// A bucket; the keys to it are in the environment and never here.
    S3(Bucket),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    pub bucket: String,
    pub region: String,
    /// The address of the service, where it is not the one that the region implies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Before every key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path } => write!(f, "{}", path.display()),
            Self::S3(bucket) if bucket.prefix.is_empty() => write!(f, "s3://{}", bucket.bucket),
            Self::S3(bucket) => write!(f, "s3://{}/{}", bucket.bucket, bucket.prefix),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("there is a mirror {name} already")]
    Exists { name: MirrorName },
    #[error("there is no mirror {name}; expected one of {known}")]
    Unknown { name: MirrorName, known: String },
    #[error("mirror {name}: expected {expected}, found {found:?}")]
    Bad { name: MirrorName, expected: &'static str, found: String },
    #[error("mirror {name} cannot be renamed: {} is there already", .path.display())]
    InTheWay { name: MirrorName, path: PathBuf },
    #[error("expected at most {MIRRORS_MAX} mirrors")]
    TooMany,
    #[error("{}: expected a list of mirrors, found {found}", .path.display())]
    Form { path: PathBuf, found: String },
    #[error(transparent)]
    Read(#[from] HeldError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: u32,
    mirrors: Vec<Mirror>,
}

/// The mirrors of a store, sorted by name.
pub fn mirrors(store: &Store) -> Result<Vec<Mirror>, RegistryError> {
    let path = file(store);
    let bytes = match read_some(&path, FILE_MAX) {
        Ok(bytes) => bytes,
        Err(HeldError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let bad = |found: String| RegistryError::Form { path: path.clone(), found };
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if record.format != FORMAT {
        return Err(bad(format!("format {}", record.format)));
    }
    Ok(record.mirrors)
}

pub fn mirror(store: &Store, name: &MirrorName) -> Result<Mirror, RegistryError> {
    let all = mirrors(store)?;
    let known = all.iter().map(|one| one.name.to_string()).collect::<Vec<_>>().join(", ");
    let found = all.into_iter().find(|one| one.name == *name);
    found.ok_or_else(|| RegistryError::Unknown { name: name.clone(), known })
}

/// Refuses what cannot work. A dry run refuses the same.
pub fn add_mirror(store: &Store, mirror: Mirror, mode: Mode) -> Result<(), RegistryError> {
    check(store, &mirror)?;
    change(store, mode, |all| {
        if all.iter().any(|one| one.name == mirror.name) {
            return Err(RegistryError::Exists { name: mirror.name });
        }
        let taken = all.iter().find(|one| overlap(&one.place, &mirror.place));
        if let Some(taken) = taken {
            let expected = "a place apart from that of every other mirror";
            return Err(RegistryError::Bad {
                name: mirror.name,
                expected,
                found: format!("that of {}", taken.name),
            });
        }
        if all.len() >= MIRRORS_MAX {
            return Err(RegistryError::TooMany);
        }
        all.push(mirror);
        Ok(())
    })
}

/// Whether one would lie within the other.
/// Without links in it, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|one| Some((one, fs::canonicalize(one).ok()?)));
    match there {
        Some((one, real)) => real.join(path.strip_prefix(one).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    }
}

fn overlap(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Directory { path: one }, Place::Directory { path: other }) => {
            let (one, other) = (real(one), real(other));
            one.starts_with(&other) || other.starts_with(&one)
        }
        (Place::S3(one), Place::S3(other)) => one == other,
        (Place::Directory { .. }, Place::S3(_)) | (Place::S3(_), Place::Directory { .. }) => false,
    }
}

/// Forgets a mirror. What it holds stays where it is.
pub fn remove_mirror(store: &Store, name: &MirrorName, mode: Mode) -> Result<Mirror, RegistryError> {
    let found = mirror(store, name)?;
    change(store, mode, |all| {
        all.retain(|one| one.name != *name);
        Ok(())
    })?;
    if mode == Mode::Do {
        let records = folder_of(store, name);
        match fs::remove_dir_all(&records) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("removing", &records)(error).into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(found)
}

/// A mirror under its new name, and where its folder was if that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    pub mirror: Mirror,
    pub moved_from: Option<PathBuf>,
}

/// Gives a mirror another name; its folder, where it is called like the mirror, follows.
///
/// The folder moves first. A run that is killed in between is finished by calling this again.
pub fn rename_mirror(
    store: &Store,
    from: &MirrorName,
    to: &MirrorName,
    mode: Mode,
) -> Result<Renamed, RegistryError> {
    check_name(to)?;
    let mut renamed = mirror(store, from)?;
    if mirrors(store)?.iter().any(|one| one.name == *to) {
        return Err(RegistryError::Exists { name: to.clone() });
    }
    renamed.name = to.clone();
    let mut moved_from = None;
    if let Place::Directory { path } = &mut renamed.place
        && path.file_name().is_some_and(|name| name == from.as_str())
    {
        let new = path.with_file_name(to.as_str());
        let place = Place::Directory { path: new.clone() };
        let others = mirrors(store)?;
        let taken = others.iter().find(|one| one.name != *from && overlap(&one.place, &place));
        if let Some(taken) = taken {
            let (expected, found) = ("a place that no other mirror has", format!("that of {}", taken.name));
            return Err(RegistryError::Bad { name: to.clone(), expected, found });
        }
        check(store, &Mirror { name: to.clone(), place, ..mirror(store, from)? })?;
        if move_folder(from, path, &new, mode)? {
            moved_from = Some(path.clone());
        }
        *path = new;
    }
    move_folder(from, &folder_of(store, from), &folder_of(store, to), mode)?;
    change(store, mode, |all| {
        all.retain(|one| one.name != *from);
        all.push(renamed.clone());
        Ok(())
    })?;
    Ok(Renamed { mirror: renamed, moved_from })
}

/// Whether there is something to move.
fn move_folder(name: &MirrorName, old: &Path, new: &Path, mode: Mode) -> Result<bool, RegistryError> {
    match (old.exists(), new.exists()) {
        // Nothing was synced yet, or an earlier run has moved it.
        (false, _) => Ok(false),
        (true, true) => Err(RegistryError::InTheWay { name: name.clone(), path: new.to_owned() }),
        (true, false) if mode == Mode::DryRun => Ok(true),
        (true, false) => {
            fs::rename(old, new).map_err(StoreError::io("renaming to", new))?;
            Ok(true)
        }
    }
}

fn change(
    store: &Store,
    mode: Mode,
    change: impl FnOnce(&mut Vec<Mirror>) -> Result<(), RegistryError>,
) -> Result<(), RegistryError> {
    if mode == Mode::DryRun {
        return change(&mut mirrors(store)?);
    }
    let _locked = store.lock_now()?;
    let mut mirrors = mirrors(store)?;
    change(&mut mirrors)?;
    mirrors.sort_by(|a, b| a.name.cmp(&b.name));
    let path = file(store);
    let text = serde_json::to_vec_pretty(&Record { format: FORMAT, mirrors });
    let text = text.map_err(|error| RegistryError::Form { path: path.clone(), found: error.to_string() })?;
    Ok(write_atomically(&path, &text)?)
}

fn file(store: &Store) -> PathBuf {
    store.root().join("mirrors.json")
}

/// On a command line a number is a build.
fn check_name(name: &MirrorName) -> Result<(), RegistryError> {
    if name.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        let (expected, found) = ("a name that is no number", name.to_string());
        return Err(RegistryError::Bad { name: name.clone(), expected, found });
    }
    Ok(())
}

fn check(store: &Store, mirror: &Mirror) -> Result<(), RegistryError> {
    check_name(&mirror.name)?;
    let bad = |expected: &'static str, found: &str| {
        Err(RegistryError::Bad { name: mirror.name.clone(), expected, found: found.to_owned() })
    };
    for source in &mirror.sources {
        let is_address =
            ["http://", "https://", "file:///", "/"].iter().any(|start| source.starts_with(start));
        if !is_address || source.chars().any(char::is_control) {
            return bad("sources that begin with http://, https://, file:/// or /", source);
        }
    }
    if mirror.bandwidth == Some(0) {
        return bad("a bandwidth above 0", "0");
    }
    for (key, value) in &mirror.labels {
        if MirrorName::new(key).is_err() || value.is_empty() || value.chars().any(char::is_control) {
            return bad("labels with plain names and a value", &format!("{key}={value}"));
        }
    }
    match &mirror.place {
        Place::Directory { path } => {
            let is_plain = path.is_absolute() && path.components().all(|part| part.as_os_str() != "..");
            let root = fs::canonicalize(store.root()).unwrap_or(store.root().to_owned());
            if !is_plain {
                return bad("an absolute path without `..`", &path.to_string_lossy());
            }
            let path = real(path);
            if path.starts_with(&root) || root.starts_with(&path) {
                return bad("a folder apart from the site's own store", &path.to_string_lossy());
            }
            if Store::planned(&path).is_err() {
                return bad("a store, or a folder that is empty or not there", &path.to_string_lossy());
            }
            Ok(())
        }
        Place::S3(bucket) => {
            let plain = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
            };
            if !plain(&bucket.bucket) || !plain(&bucket.region) {
                return bad("a bucket and a region of letters, digits, dots and dashes", &bucket.bucket);
            }
            let prefix = bucket.prefix.as_str();
            if !prefix.is_empty() && crate::name::RelPath::new(prefix).is_err() {
                return bad("a prefix that is a plain path", prefix);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::store;

    fn name(text: &str) -> MirrorName {
        MirrorName::new(text).expect("a name")
    }

    fn at(text: &str, path: &Path) -> Mirror {
        Mirror {
            name: name(text),
            region: name("eu"),
            sources: vec!["https://build.example/smith".to_owned()],
            place: Place::Directory { path: path.to_owned() },
            labels: BTreeMap::from([("rack".to_owned(), "7".to_owned())]),
            bandwidth: Some(1_000_000),
        }
    }

    #[test]
    fn mirrors_are_added_renamed_with_their_folders_and_forgotten() {
        let (folder, site) = store();
        let (a, b) = (folder.path().join("fra-01"), folder.path().join("elsewhere"));
        Store::create(&a).expect("a store");
        add_mirror(&site, at("fra-01", &a), Mode::Do).expect("added");
        add_mirror(&site, at("ams-01", &b), Mode::Do).expect("added");
        assert!(matches!(add_mirror(&site, at("ams-01", &b), Mode::Do), Err(RegistryError::Exists { .. })));
        for taken in [&b, &b.join("below")] {
            assert!(matches!(add_mirror(&site, at("x", taken), Mode::Do), Err(RegistryError::Bad { .. })));
        }
        let renamed = rename_mirror(&site, &name("fra-01"), &name("fra-02"), Mode::Do).expect("renamed");
        let moved = folder.path().join("fra-02");
        assert_eq!(renamed.mirror.place, Place::Directory { path: moved.clone() });
        assert_eq!(renamed.moved_from, Some(a.clone()));
        assert!(Store::open(&moved).is_ok() && !a.exists());
        // A folder of another name is not the mirror's to rename.
        rename_mirror(&site, &name("ams-01"), &name("ams-02"), Mode::Do).expect("renamed");
        assert_eq!(mirror(&site, &name("ams-02")).expect("there").place, Place::Directory { path: b });
        let names: Vec<_> =
            mirrors(&site).expect("read").into_iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["ams-02", "fra-02"]);
        remove_mirror(&site, &name("fra-02"), Mode::Do).expect("forgotten");
        assert!(Store::open(&moved).is_ok());
        let error = mirror(&site, &name("fra-02")).expect_err("forgotten").to_string();
        assert!(error.contains("expected one of ams-02"), "{error}");
    }

    #[test]
    fn a_rename_that_was_killed_half_way_is_finished() {
        let (folder, site) = store();
        let (old, new) = (folder.path().join("a"), folder.path().join("b"));
        Store::create(&old).expect("a store");
        add_mirror(&site, at("a", &old), Mode::Do).expect("added");
        fs::rename(&old, &new).expect("as the first half does");
        rename_mirror(&site, &name("a"), &name("b"), Mode::Do).expect("finished");
        assert_eq!(mirror(&site, &name("b")).expect("there").place, Place::Directory { path: new });
        Store::create(&old).expect("a store");
        add_mirror(&site, at("a", &old), Mode::Do).expect("added");
        remove_mirror(&site, &name("b"), Mode::Do).expect("forgotten");
        let error = rename_mirror(&site, &name("a"), &name("b"), Mode::Do).expect_err("in the way");
        assert!(matches!(error, RegistryError::InTheWay { .. }), "{error}");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let (folder, site) = store();
        let good = at("a", &folder.path().join("a"));
        let bucket = |bucket: &str, prefix: &str| {
            let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
            Place::S3(Bucket { bucket, region: "eu-1".to_owned(), endpoint: None, prefix })
        };
        let bad = [
            Mirror { sources: vec!["ftp://x".to_owned()], ..good.clone() },
            Mirror { name: name("725"), ..good.clone() },
            Mirror { bandwidth: Some(0), ..good.clone() },
            Mirror { labels: BTreeMap::from([("a b".to_owned(), "c".to_owned())]), ..good.clone() },
            Mirror { place: Place::Directory { path: "relative".into() }, ..good.clone() },
            Mirror { place: Place::Directory { path: site.root().join("inside") }, ..good.clone() },
            Mirror { place: Place::Directory { path: site.root().to_owned() }, ..good.clone() },
            Mirror { place: Place::Directory { path: "/".into() }, ..good.clone() },
            Mirror { place: Place::Directory { path: "/proc/self".into() }, ..good.clone() },
            Mirror { place: bucket("a/b", ""), ..good.clone() },
            Mirror { place: bucket("b", "../x"), ..good.clone() },
        ];
        for mirror in bad {
            let error = add_mirror(&site, mirror.clone(), Mode::Do).expect_err("bad");
            assert!(matches!(error, RegistryError::Bad { .. }), "{mirror:?}: {error}");
        }
        add_mirror(&site, Mirror { place: bucket("b", "smith/prod"), ..good }, Mode::Do).expect("good");
        assert_eq!(mirrors(&site).expect("read").len(), 1);
    }
}
