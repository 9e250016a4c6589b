//! Files that no build knows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::manifest::Area;
use crate::mirror::held::{Held, HeldError, INFO, MANIFEST, PACKAGES, SIGNATURE, SIGNED, is_difference};
use crate::mirror::verify::{pool_links, relative};
use crate::name::{BuildNumber, ChannelName};
use crate::retention::dead_files;
use crate::store::{Locked, Store, StoreError};

/// What builds on this store know.
pub(super) struct Known {
    pool: HashSet<String>,
    trees: HashMap<BuildNumber, HashSet<String>>,
    links: HashMap<BuildNumber, BTreeSet<String>>,
    /// Objects that somebody brings in at this time: a sync gives names in the pool before its build appears.
    leased: HashSet<u64>,
    /// Builds whose lists cannot be read, by their paths. One may know anything, so nothing in the pool is called foreign.
    pub(super) unreadable: Vec<String>,
}

impl Known {
    /// What is leased is looked up now: an object may have come since the others were listed.
    pub(super) fn of(store: &Store, locked: &Locked) -> Result<Self, StoreError> {
        let inode = |hash| fs::metadata(store.object(hash)).ok().map(|metadata| metadata.ino());
        let leased = store.leased(locked)?.iter().filter_map(inode).collect();
        let mut known = Self {
            pool: HashSet::new(),
            trees: HashMap::new(),
            links: HashMap::new(),
            leased,
            unreadable: Vec::new(),
        };
        for number in store.builds_present()? {
            known.read(store, number, &store.build(number), Held::read(store, number));
        }
        for number in store.builds_unsigned()? {
            let folder = store.unsigned_build(number);
            known.read(store, number, &folder, Held::read_bare(&folder, number));
        }
        // What a purge has yet to sweep is on its way, whether it runs or was killed.
        let dead = dead_files(store)?;
        let names = dead.iter().filter(|file| file.area == Area::Pool);
        known.pool.extend(names.map(|file| file.path.to_string()));
        Ok(known)
    }

    fn read(&mut self, store: &Store, number: BuildNumber, folder: &Path, held: Result<Held, HeldError>) {
        match held {
            Ok(held) => self.take(number, &held),
            // Somebody has taken it away since the folder was listed.
            Err(_) if !folder.exists() => {}
            Err(_) => self.unreadable.push(relative(store, folder)),
        }
    }

    fn take(&mut self, number: BuildNumber, held: &Held) {
        let mut tree = HashSet::new();
        for file in held.manifest.files() {
            match file.area {
                Area::Pool => self.pool.insert(file.path.to_string()),
                Area::Tree => tree.insert(file.path.to_string()),
            };
        }
        self.trees.insert(number, tree);
        self.links.insert(number, pool_links(held).into_keys().collect());
    }

    fn knows_in_pool(&self, path: &str, metadata: &fs::Metadata) -> bool {
        !self.unreadable.is_empty() || self.pool.contains(path) || self.leased.contains(&metadata.ino())
    }

    fn knows_in_build(&self, number: BuildNumber, path: &str) -> bool {
        let is_own = matches!(path, INFO | SIGNATURE | SIGNED | MANIFEST | PACKAGES) || is_difference(path);
        let is_link = self.links.get(&number).is_some_and(|links| links.contains(path));
        is_own || is_link || self.trees.get(&number).is_none_or(|tree| tree.contains(path))
    }
}

impl Known {
    /// Whether what was found to be foreign is so by what is known now.
    pub(super) fn is_foreign(&self, store: &Store, path: &str) -> bool {
        let Ok(metadata) = fs::symlink_metadata(store.root().join(path)) else { return false };
        if let Some(path) = path.strip_prefix("pool/") {
            return !self.knows_in_pool(path, &metadata);
        }
        let in_build = path.strip_prefix("builds/").and_then(|path| path.split_once('/'));
        match in_build.and_then(|(number, path)| Some((number.parse().ok()?, path))) {
            Some((number, path)) => !self.knows_in_build(number, path),
            None => true,
        }
    }
}

/// In the pool and in these builds.
pub(super) fn seek_foreign(
    store: &Store,
    builds: &[BuildNumber],
    known: &Known,
) -> Result<Vec<String>, StoreError> {
    let mut foreign = Vec::new();
    let pool = store.root().join("pool");
    walk(&pool, "", &mut |path, metadata| {
        if !known.knows_in_pool(path, metadata) {
            foreign.push(format!("pool/{path}"));
        }
    })?;
    foreign.extend(strays(store)?);
    for number in builds {
        let folder = store.build(*number);
        let prefix = relative(store, &folder);
        walk(&folder, "", &mut |path, _| {
            if !known.knows_in_build(*number, path) {
                foreign.push(format!("{prefix}/{path}"));
            }
        })?;
    }
    Ok(foreign)
}

/// What lies where only builds, channels and their views are, and is handed out, and is none of them.
fn strays(store: &Store) -> Result<Vec<String>, StoreError> {
    let is_channel = |name: &str| ChannelName::new(name).is_ok();
    let is_build =
        |name: &str| name.parse().is_ok_and(|number| store.is_build(number)) || name == "index.json";
    let is_in_channels = |name: &str| name.strip_suffix(".json").is_some_and(is_channel) || is_channel(name);
    let is_view = |name: &str| {
        name.rsplit_once('-')
            .is_some_and(|(channel, number)| is_channel(channel) && number.parse::<u64>().is_ok())
    };
    let mut strays = Vec::new();
    let mut seek = |folder: &Path, is_ours: &dyn Fn(&str, &fs::FileType) -> bool| -> Result<(), StoreError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("reading", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io("reading", folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_known = entry.file_type().is_ok_and(|kind| is_ours(&name, &kind));
            // Somebody has taken it away since the folder was listed.
            let is_gone = || fs::symlink_metadata(entry.path()).is_err();
            if !is_known && !is_gone() && !name.starts_with(".tmp-") {
                strays.push(relative(store, &entry.path()));
            }
        }
        Ok(())
    };
    seek(&store.builds(), &|name, _| is_build(name))?;
    seek(&store.channels(), &|name, kind| {
        is_in_channels(name) && (kind.is_symlink() || name.ends_with(".json"))
    })?;
    seek(&store.views(), &|name, kind| is_view(name) && kind.is_dir())?;
    Ok(strays)
}

/// Everything below a folder that is no folder, by its path below it. Links are not followed.
pub(crate) fn walk(
    folder: &Path,
    prefix: &str,
    see: &mut dyn FnMut(&str, &fs::Metadata),
) -> Result<(), StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("reading", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("reading", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => walk(&entry.path(), &path, see)?,
            Ok(metadata) => see(&path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading", &entry.path())(error)),
        }
    }
    Ok(())
}
