//! What a channel serves: a folder made anew for each move, that appears whole and never changes.
//!
//! It has the indexes of its build as hard links, the Releases with the dates that a channel needs, and every index that
//! a client may hold from a build where the channel was of late: a client reads one build's Release and fetches by-hash
//! files a moment later, when the channel may have moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::channel::dating::{AHEAD, Dated, Dating, suite_of};
use crate::hash::Sha256;
use crate::manifest::Area;
use crate::mirror::{Held, read_some};
use crate::name::{BuildNumber, ChannelName, RelPath};
use crate::release::Release;
use crate::store::{Store, StoreError, sync_file_system, unique};

/// A thousand suites.
pub(super) const VIEW_MAX: u64 = 1 << 20;

pub(super) const VIEW: &str = "view.json";
pub(super) const SIGNATURE: &str = "view.json.sig";

/// Of the build, for whoever wants to know what is served here.
pub(super) const WORDS: [&str; 2] = ["build.json", "build.json.sig"];

const FORMAT: u32 = 1;

/// What a view says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    pub format: u32,
    pub channel: ChannelName,
    pub build: BuildNumber,
    /// Of the words about the build, so that a number stands for one build.
    pub words: Sha256,
    pub at: Timestamp,
    /// By their folders: `debian/dists/stable`.
    pub suites: BTreeMap<RelPath, SuiteView>,
    /// The newest date of each suite's folder that the channel ever served.
    pub dates: BTreeMap<String, Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteView {
    pub date: Timestamp,
    /// `InRelease`, `Release` and `Release.gpg`.
    pub files: BTreeMap<RelPath, Sha256>,
}

/// A view before it appears. Taken away when it is dropped.
struct Rising {
    folder: PathBuf,
}

impl Drop for Rising {
    fn drop(&mut self) {
        // After it appeared there is nothing of this name.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl View {
    pub(super) fn new(
        store: &Store,
        channel: &ChannelName,
        build: BuildNumber,
        dating: &Dating<'_>,
        dated: &[Dated],
    ) -> Result<Self, ChannelError> {
        let (at, served) = (dating.at, dating.served);
        let words = words_of(store, build)?;
        let (mut suites, mut dates) = (BTreeMap::new(), served.clone());
        for one in dated {
            let files = one.files.iter();
            let files = files.map(|(name, bytes)| Ok((RelPath::new(name)?, Sha256::of(bytes))));
            let files = files.collect::<Result<_, ChannelError>>()?;
            suites.insert(RelPath::new(&one.folder)?, SuiteView { date: one.date, files });
            let date = dates.entry(one.folder.clone()).or_insert(one.date);
            // One that a wrong clock has set ahead is forgotten with this move.
            *date = if *date > at + AHEAD { one.date } else { one.date.max(*date) };
        }
        Ok(Self { format: FORMAT, channel: channel.clone(), build, words, at, suites, dates })
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, ChannelError> {
        let text = serde_json::to_vec_pretty(self);
        text.map_err(|error| ChannelError::View { name: self.channel.clone(), found: error.to_string() })
    }

    pub(super) fn parse(name: &ChannelName, bytes: &[u8]) -> Result<Self, ChannelError> {
        let bad = |found: String| ChannelError::View { name: name.clone(), found };
        let view: Self = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if view.format != FORMAT {
            return Err(bad(format!("format {}, which this program does not know", view.format)));
        }
        if view.channel != *name {
            return Err(bad(format!("that of channel {}", view.channel)));
        }
        Ok(view)
    }

    /// Whether clients take every Release of it: none has expired or is older than what was served before.
    pub(super) fn is_taken(&self, folder: &Path, now: Timestamp) -> bool {
        self.suites.iter().all(|(suite, told)| {
            let text = fs::read(suite.below(folder).join("Release")).unwrap_or_default();
            let is_valid = Release::parse(&text).is_ok_and(|release| !release.is_expired(now));
            is_valid && self.dates.get(suite.as_str()).is_none_or(|newest| *newest <= told.date)
        })
    }

    /// The view that a channel serves now, and its folder.
    pub(super) fn current(
        store: &Store,
        name: &ChannelName,
    ) -> Result<Option<(Self, PathBuf)>, ChannelError> {
        let Some(number) = linked(store, name)? else { return Ok(None) };
        let folder = folder(store, name, number);
        let bytes = read_some(&folder.join(VIEW), VIEW_MAX)?;
        Ok(Some((Self::parse(name, &bytes)?, folder)))
    }
}

/// The hash of `build.json`.
pub(super) fn words_of(store: &Store, build: BuildNumber) -> Result<Sha256, StoreError> {
    let path = store.build(build).join(WORDS[0]);
    Ok(Sha256::of_file(&path).map_err(StoreError::io("reading", &path))?.0)
}

/// Which of its views a channel leads to.
pub(super) fn linked(store: &Store, name: &ChannelName) -> Result<Option<u64>, ChannelError> {
    let path = store.channel(name);
    let target = match fs::read_link(&path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(ChannelError::NotALink { name: name.clone(), found: "something else".to_owned() });
        }
        Err(error) => return Err(StoreError::io("reading", &path)(error).into()),
    };
    let file_name = target.strip_prefix("../views").ok().and_then(Path::to_str);
    let number = file_name.and_then(|file_name| number_of(file_name, name));
    let found = || target.display().to_string();
    number.map(Some).ok_or_else(|| ChannelError::NotALink { name: name.clone(), found: found() })
}

pub(super) fn folder(store: &Store, name: &ChannelName, number: u64) -> PathBuf {
    store.views().join(format!("{name}-{number}"))
}

fn number_of(file_name: &str, name: &ChannelName) -> Option<u64> {
    let (channel, number) = file_name.rsplit_once('-')?;
    number.parse().ok().filter(|_| channel == name.as_str())
}

/// All views of a channel that lie in a store.
pub(super) fn numbers(store: &Store, name: &ChannelName) -> Result<Vec<u64>, StoreError> {
    let folder = store.views();
    let mut numbers = Vec::new();
    for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
        let entry = entry.map_err(StoreError::io("reading", &folder))?;
        numbers.extend(entry.file_name().to_str().and_then(|file_name| number_of(file_name, name)));
    }
    Ok(numbers)
}

/// Everything that a view is made of.
pub(super) struct NewView<'a> {
    pub(super) view: &'a View,
    /// As they are written, and signed where there is a key.
    pub(super) json: Vec<u8>,
    pub(super) signature: Option<Vec<u8>>,
    pub(super) dated: &'a [Dated],
    pub(super) held: &'a Held,
    pub(super) neighbours: &'a BTreeSet<BuildNumber>,
}

impl NewView<'_> {
    /// Makes the view and leads the channel to it, in one moment.
    pub(super) fn serve(&self, store: &Store) -> Result<(), ChannelError> {
        let name = &self.view.channel;
        // A link that leads elsewhere is damage, which the new one mends.
        let before = match linked(store, name) {
            Err(ChannelError::NotALink { .. }) => None,
            before => before?,
        };
        let views = store.views();
        fs::create_dir_all(&views).map_err(StoreError::io("making", &views))?;
        let rising = Rising { folder: views.join(format!(".tmp-{name}-{}", unique())) };
        fs::create_dir(&rising.folder).map_err(StoreError::io("making", &rising.folder))?;
        self.fill(store, &rising.folder)?;
        let modified = modified(before.map(|number| folder(store, name, number)).as_deref(), self.view);
        self.releases(&rising.folder, modified)?;
        sync_file_system(store.root())?;
        let number = numbers(store, name)?.into_iter().max().map_or(1, |number| number + 1);
        store.appear(&rising.folder, &folder(store, name, number))?;
        lead(store, name, number)?;
        // A client whose request was on its way when the channel moved still finds the view from before.
        for old in numbers(store, name)?.into_iter().filter(|old| *old != number && Some(*old) != before) {
            let old = folder(store, name, old);
            fs::remove_dir_all(&old).map_err(StoreError::io("removing", &old))?;
        }
        Ok(())
    }

    fn fill(&self, store: &Store, folder: &Path) -> Result<(), StoreError> {
        let number = self.held.info.number;
        for name in WORDS {
            let from = store.build(number).join(name);
            if from.exists() {
                link(&from, &folder.join(name))?;
            }
        }
        for file in self.held.manifest.files() {
            if file.area == Area::Tree && suite_of(file).is_none() {
                link(&store.object(&file.hash), &file.path.below(folder))?;
            }
        }
        pools(self.held, folder)?;
        for neighbour in self.neighbours {
            // One that was purged serves nothing, and one whose list is broken cannot say what it would lend.
            let Ok(held) = Held::read(store, *neighbour) else { continue };
            for file in held.manifest.files() {
                let is_lent = file.area == Area::Tree && file.path.as_str().contains("/by-hash/");
                let object = store.object(&file.hash);
                // It may have lost an index; it could not have served it either.
                if is_lent && object.exists() {
                    link(&object, &file.path.below(folder))?;
                }
            }
            pools(&held, folder)?;
        }
        Ok(())
    }

    fn releases(&self, folder: &Path, modified: SystemTime) -> Result<(), StoreError> {
        for one in self.dated {
            for (name, bytes) in &one.files {
                write(&folder.join(&one.folder).join(name), bytes, modified)?;
            }
        }
        write(&folder.join(VIEW), &self.json, modified)?;
        match &self.signature {
            Some(signature) => write(&folder.join(SIGNATURE), signature, modified),
            None => Ok(()),
        }
    }
}

/// Web servers say "not modified" to whoever has a file of this time or a later one, so it must grow with every move, by
/// the second that HTTP knows.
fn modified(before: Option<&Path>, view: &View) -> SystemTime {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(view.at.as_second().unsigned_abs());
    let last = before.and_then(|folder| fs::metadata(folder.join(VIEW)).ok()?.modified().ok());
    last.map_or(now, |last| now.max(last + Duration::from_secs(1)))
}

fn write(path: &Path, bytes: &[u8], modified: SystemTime) -> Result<(), StoreError> {
    let write = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.set_modified(modified)
    };
    write().map_err(StoreError::io("writing", path))
}

fn pools(held: &Held, folder: &Path) -> Result<(), StoreError> {
    let files = held.manifest.files().iter().filter(|file| file.area == Area::Pool);
    let upstreams: BTreeSet<&str> =
        files.filter_map(|file| Some(file.path.as_str().split_once('/')?.0)).collect();
    for upstream in upstreams {
        let path = folder.join(upstream).join("pool");
        make(&path, || symlink(format!("../../../pool/{upstream}"), &path))?;
    }
    Ok(())
}

fn link(from: &Path, name: &Path) -> Result<(), StoreError> {
    make(name, || fs::hard_link(from, name))
}

/// Makes a name in a folder that may not be there yet. What two builds have in common is there already.
fn make(name: &Path, act: impl Fn() -> io::Result<()>) -> Result<(), StoreError> {
    let made = act().or_else(|error| match (error.kind(), name.parent()) {
        (io::ErrorKind::NotFound, Some(folder)) => {
            fs::create_dir_all(folder)?;
            act()
        }
        _ => Err(error),
    });
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::io("linking", name)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Swaps the link of the channel.
fn lead(store: &Store, name: &ChannelName, number: u64) -> Result<(), StoreError> {
    let temporary = store.channels().join(format!(".tmp-{name}-{}", unique()));
    symlink(format!("../views/{name}-{number}"), &temporary)
        .map_err(StoreError::io("linking", &temporary))?;
    let swapped = store.appear(&temporary, &store.channel(name));
    if swapped.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    swapped
}
