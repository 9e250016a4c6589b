//! Whether a store holds what its builds say: every file, its size, its content, its links, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::channel::{self, Trouble};
use crate::fetch::{Progress, Silent};
use crate::hash::Sha256;
use crate::lazy::{addresses, may_be_left};
use crate::manifest::{Area, FileEntry};
use crate::mirror::foreign::{Known, seek_foreign};
use crate::mirror::held::Held;
use crate::mirror::objects::{Lying, Objects};
use crate::mirror::parallel::each;
use crate::name::BuildNumber;
use crate::store::{Layout, Store, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Presence, sizes and links.
    Quick,
    /// Every object is read and hashed, once, however many names it has.
    Full,
}

/// Hashes only objects of one share, so that so many runs one after the other read everything once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub part: u32,
    pub of: u32,
}

impl Share {
    fn holds(self, hash: &Sha256) -> bool {
        let start = u32::from_be_bytes([hash.0[0], hash.0[1], hash.0[2], hash.0[3]]);
        start % self.of.max(1) == self.part % self.of.max(1)
    }
}

/// Whether files that belong to no build are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    Sought,
    Ignored,
}

#[derive(Debug, Clone, Copy)]
pub struct Scope {
    pub depth: Depth,
    pub share: Option<Share>,
    pub foreign: Foreign,
}

impl Scope {
    pub const QUICK: Self = Self { depth: Depth::Quick, share: None, foreign: Foreign::Ignored };
    pub const FULL: Self = Self { depth: Depth::Full, share: None, foreign: Foreign::Sought };
}

/// Paths in it are below the store's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub builds: Vec<BuildNumber>,
    pub files: u64,
    pub objects: u64,
    pub hashed: u64,
    pub hashed_bytes: u64,
    pub missing: Vec<Missing>,
    /// Package files that were left at their upstreams, under the names that they will have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Missing>,
    /// The builds that left them there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lazy: Vec<BuildNumber>,
    pub damaged: Vec<Damaged>,
    pub foreign: Vec<String>,
    /// Builds that cannot be read: as long as there are any, nobody can say what in the pool is foreign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<String>,
    pub links: Vec<BrokenLink>,
    /// Of what channels serve, where foreign files are sought.
    pub channels: Vec<Trouble>,
    /// Builds whose own list cannot be read, and why.
    pub lists: Vec<(BuildNumber, String)>,
    /// Those of the builds that something of this touches. What is foreign in the pool touches none.
    pub touched: Vec<BuildNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    pub path: String,
    pub hash: Sha256,
    pub size: u64,
}

/// A file that is not what it should be, under all of its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Damaged {
    pub hash: Sha256,
    pub size: u64,
    pub found: String,
    pub paths: Vec<String>,
}

/// A name that does not lead where it should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BrokenLink {
    pub path: String,
    pub expected: String,
    pub found: String,
}

impl Findings {
    /// Everything is here, and as it should be.
    pub fn is_good(&self) -> bool {
        self.is_sound() && self.left.is_empty()
    }

    /// Nothing is wrong with what is here, and nothing is missing but what was left at its upstream.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.damaged.is_empty()
            && self.foreign.is_empty()
            && self.links.is_empty()
            && self.channels.is_empty()
            && self.lists.is_empty()
    }

    /// What could not be found out, and why.
    pub fn caveat(&self) -> Option<String> {
        let builds = self.untold.join(", ");
        (!builds.is_empty()).then(|| format!("foreign files could not be told: {builds} cannot be read"))
    }

    /// One line that says what is wrong, with an example of each kind.
    pub fn why(&self) -> String {
        let mut parts = Vec::new();
        let mut say = |count: usize, what: &str, example: Option<&String>| {
            if let Some(example) = example {
                parts.push(format!("{count} {what} ({example})"));
            }
        };
        say(self.missing.len(), "missing", self.missing.first().map(|one| &one.path));
        say(self.damaged.len(), "damaged", self.damaged.first().and_then(|one| one.paths.first()));
        let links = if self.links.len() == 1 { "broken link" } else { "broken links" };
        say(self.links.len(), links, self.links.first().map(|one| &one.path));
        say(self.foreign.len(), "foreign", self.foreign.first());
        say(self.channels.len(), "wrong in channels", self.channels.first().map(|one| &one.path));
        let lists = if self.lists.len() == 1 { "unreadable list" } else { "unreadable lists" };
        say(self.lists.len(), lists, self.lists.first().map(|one| &one.1));
        if let Some(example) = self.left.first() {
            parts.push(format!("{} left upstream ({})", self.left.len(), example.path));
            let builds: Vec<String> =
                self.lazy.iter().map(|build| format!("`smith build fetch {build}`")).collect();
            let them = if self.left.len() == 1 { "it" } else { "them" };
            parts.push(format!("{} brings {them}", builds.join(", ")));
        }
        parts.extend(self.caveat());
        if parts.is_empty() { "good".to_owned() } else { parts.join(", ") }
    }
}

/// What was found of one name.
enum Seen {
    Left(Missing),
    Missing(Missing),
    Damaged(Damaged),
    Link(BrokenLink),
}

/// A name that a build gives an object.
struct Name<'a> {
    /// Below the store's folder.
    path: String,
    file: &'a FileEntry,
    presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Needed,
    /// It may be at its upstream.
    OnFirstUse,
}

/// Why these builds are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// Somebody wants to know of them.
    Named,
    /// They were there. One that a purge takes away meanwhile is no concern of anybody.
    Present,
}

/// Compares these builds with what lies there.
pub fn verify(store: &Store, builds: &[BuildNumber], scope: &Scope) -> Result<Findings, StoreError> {
    compare(store, builds, Meant::Named, (scope, &Silent))
}

/// The same, unless it is called off meanwhile: then nothing is known.
pub fn verify_unless(
    store: &Store,
    builds: &[BuildNumber],
    scope: &Scope,
    progress: &dyn Progress,
) -> Result<Option<Findings>, StoreError> {
    let findings = compare(store, builds, Meant::Named, (scope, progress))?;
    Ok(Some(findings).filter(|_| !progress.is_called_off()))
}

/// Compares all builds with what lies there. What is taken away meanwhile is not looked for.
pub fn verify_present(store: &Store, scope: &Scope) -> Result<Findings, StoreError> {
    compare(store, &store.builds_present()?, Meant::Present, (scope, &Silent))
}

fn compare(
    store: &Store,
    builds: &[BuildNumber],
    meant: Meant,
    (scope, progress): (&Scope, &dyn Progress),
) -> Result<Findings, StoreError> {
    let mut findings = Findings { builds: builds.to_vec(), ..Findings::default() };
    let folder = |number: &BuildNumber| inode_of(&store.build(*number));
    let folders: Vec<Option<u64>> = builds.iter().map(folder).collect();
    let mut held = read_lists(store, builds, &mut findings);
    let lying = Objects::list(store)?;
    let mut wanted: BTreeMap<Sha256, u64> = BTreeMap::new();
    for file in held.iter().flat_map(|held| held.manifest.files()) {
        wanted.insert(file.hash, file.size);
    }
    let names = names_of(store, &held);
    leave_out(store, &names, &lying, &mut wanted);
    findings.files = names.len() as u64;
    findings.objects = wanted.len() as u64;
    let mut bad = check_objects(store, (&wanted, &lying), (scope, progress), &mut findings);
    for name in &names {
        // The damage of an object is that of all its names that are links to it.
        if let Some(damaged) = bad.get_mut(&name.file.hash)
            && inode_of(&store.root().join(&name.path))
                == lying.by_hash.get(&name.file.hash).map(|one| one.inode)
        {
            damaged.paths.push(name.path.clone());
        }
    }
    let seen = each(&names, |name| look_at(store, name, &lying.by_hash, &bad, scope.depth));
    findings.damaged.extend(bad.into_values());
    for seen in seen {
        match seen {
            Seen::Left(one) => findings.left.push(one),
            Seen::Missing(one) => findings.missing.push(one),
            Seen::Damaged(one) => findings.damaged.push(one),
            Seen::Link(one) => findings.links.push(one),
        }
    }
    for held in &held {
        check_pool_links(store, held, &mut findings.links);
    }
    if scope.foreign == Foreign::Sought {
        (findings.foreign, findings.untold) = foreign(store, builds)?;
        findings.foreign.extend(lying.foreign.iter().cloned());
        findings.channels = channel_troubles(store)?;
    }
    let vanished = builds.iter().zip(&folders).filter(|(number, before)| match (before, folder(number)) {
        (Some(before), now) => now != Some(*before),
        (None, now) => now.is_none() && meant == Meant::Present,
    });
    let vanished: BTreeSet<BuildNumber> = vanished.map(|(number, _)| *number).collect();
    if !vanished.is_empty() {
        held.retain(|held| !vanished.contains(&held.info.number));
        findings.forget(store, &vanished, meant, &held);
    }
    findings.sort();
    findings.lazy = lazy(&held, &findings.left);
    findings.touched = touched(store, &held, &findings);
    Ok(findings)
}

/// What no build knows, and the builds for which that could not be told. What has come or gone while it was sought is looked
/// at again.
fn foreign(store: &Store, builds: &[BuildNumber]) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let mut known = Known::of(store, &store.lock_to_look()?)?;
    let mut foreign = seek_foreign(store, builds, &known)?;
    if !foreign.is_empty() {
        known = Known::of(store, &store.lock_to_look()?)?;
        foreign.retain(|path| known.is_foreign(store, path));
    }
    Ok((foreign, known.unreadable))
}

fn channel_troubles(store: &Store) -> Result<Vec<Trouble>, StoreError> {
    let mut troubles = Vec::new();
    for name in channel::names(store)? {
        match channel::inspect(store, &name) {
            Ok(found) => troubles.extend(found),
            Err(error) => troubles.push(Trouble {
                path: relative(store, &store.channel(&name)),
                expected: "a link to a view of a build".to_owned(),
                found: crate::fetch::chain(&error),
            }),
        }
    }
    Ok(troubles)
}

/// The builds that have a wrong file, or a file that is a link to a wrong object.
fn touched(store: &Store, held: &[Held], findings: &Findings) -> Vec<BuildNumber> {
    let mut touched: BTreeSet<BuildNumber> = findings.lists.iter().map(|(build, _)| *build).collect();
    let mut wrong: BTreeSet<&str> = findings.missing.iter().map(|one| one.path.as_str()).collect();
    wrong.extend(findings.damaged.iter().flat_map(|one| one.paths.iter().map(String::as_str)));
    wrong.extend(findings.links.iter().map(|one| one.path.as_str()));
    wrong.extend(findings.foreign.iter().map(String::as_str));
    if wrong.is_empty() {
        return touched.into_iter().collect();
    }
    for held in held {
        let build = held.info.number;
        let folder = format!("builds/{build}/");
        let is_wrong = |file: &FileEntry| {
            wrong.contains(relative(store, &file.below(store, build)).as_str())
                || wrong.contains(Layout::object_path(&file.hash).as_str())
        };
        if wrong.iter().any(|path| path.starts_with(&folder)) || held.manifest.files().iter().any(is_wrong) {
            touched.insert(build);
        }
    }
    touched.into_iter().collect()
}

fn read_lists(store: &Store, builds: &[BuildNumber], findings: &mut Findings) -> Vec<Held> {
    let mut held = Vec::with_capacity(builds.len());
    for number in builds {
        match Held::read(store, *number) {
            Ok(one) => held.push(one),
            Err(error) => findings.lists.push((*number, crate::fetch::chain(&error))),
        }
    }
    held
}

fn names_of<'a>(store: &Store, held: &'a [Held]) -> Vec<Name<'a>> {
    let mut pool = BTreeSet::new();
    let mut names = Vec::new();
    // What one build needs is not left out because another does not; so those that need all of theirs come first.
    let (lazy, whole): (Vec<&Held>, Vec<&Held>) = held.iter().partition(|held| held.info.lazy_count > 0);
    for held in whole.into_iter().chain(lazy) {
        let addresses = addresses(&held.info);
        for file in held.manifest.files() {
            // Builds share the pool, so most of its names come again with each.
            if file.area == Area::Tree || pool.insert((&file.path, file.hash)) {
                let presence = match may_be_left(&addresses, file) {
                    Some(_) => Presence::OnFirstUse,
                    None => Presence::Needed,
                };
                let path = relative(store, &file.below(store, held.info.number));
                names.push(Name { path, file, presence });
            }
        }
    }
    names
}

/// An object that nobody needs here and that has no name here was never brought. One that has a name was, and is lost.
fn leave_out(store: &Store, names: &[Name<'_>], lying: &Objects, wanted: &mut BTreeMap<Sha256, u64>) {
    let mut absent: BTreeMap<Sha256, Presence> = BTreeMap::new();
    for name in names.iter().filter(|name| !lying.by_hash.contains_key(&name.file.hash)) {
        let is_left = name.presence == Presence::OnFirstUse && !store.root().join(&name.path).exists();
        let presence = absent.entry(name.file.hash).or_insert(Presence::OnFirstUse);
        if !is_left {
            *presence = Presence::Needed;
        }
    }
    wanted.retain(|hash, _| absent.get(hash) != Some(&Presence::OnFirstUse));
}

/// The builds of which something is at its upstream.
fn lazy(held: &[Held], left: &[Missing]) -> Vec<BuildNumber> {
    let hashes: BTreeSet<Sha256> = left.iter().map(|one| one.hash).collect();
    let lacks = |held: &&Held| {
        held.info.lazy_count > 0 && held.manifest.files().iter().any(|file| hashes.contains(&file.hash))
    };
    held.iter().filter(lacks).map(|held| held.info.number).collect()
}

/// Presence and size of all, the content of those that are due. Answers the bad ones.
fn check_objects(
    store: &Store,
    (wanted, lying): (&BTreeMap<Sha256, u64>, &Objects),
    (scope, progress): (&Scope, &dyn Progress),
    findings: &mut Findings,
) -> HashMap<Sha256, Damaged> {
    let mut bad = HashMap::new();
    let mut due = Vec::new();
    let damaged = |hash: Sha256, size, found| {
        let paths = vec![Layout::object_path(&hash)];
        (hash, Damaged { hash, size, found, paths })
    };
    for (hash, size) in wanted {
        match lying.by_hash.get(hash) {
            None => {
                let path = Layout::object_path(hash);
                findings.missing.push(Missing { path, hash: *hash, size: *size });
            }
            Some(one) if one.size != *size => {
                bad.extend([damaged(*hash, *size, format!("{} bytes", one.size))]);
            }
            Some(_) => due.push((*hash, *size)),
        }
    }
    if scope.depth == Depth::Quick {
        return bad;
    }
    due.retain(|(hash, _)| scope.share.is_none_or(|share| share.holds(hash)));
    findings.hashed = due.len() as u64;
    findings.hashed_bytes = due.iter().map(|(_, size)| size).sum();
    bad.extend(each(&due, |(hash, size)| {
        if progress.is_called_off() {
            return None;
        }
        let found = wrong_content(&store.object(hash), hash)?;
        Some(damaged(*hash, *size, found))
    }));
    bad
}

/// What a file holds, if that is not this content.
fn wrong_content(path: &Path, hash: &Sha256) -> Option<String> {
    match Sha256::of_file(path) {
        Ok((found, _)) if found == *hash => None,
        Ok((found, size)) => Some(format!("sha256 {found} of {size} bytes")),
        Err(error) => Some(format!("nothing readable: {error}")),
    }
}

fn look_at(
    store: &Store,
    name: &Name<'_>,
    lying: &HashMap<Sha256, Lying>,
    bad: &HashMap<Sha256, Damaged>,
    depth: Depth,
) -> Option<Seen> {
    let (hash, size) = (name.file.hash, name.file.size);
    let path = store.root().join(&name.path);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            let missing = Missing { path: name.path.clone(), hash, size };
            return Some(match name.presence {
                Presence::Needed => Seen::Missing(missing),
                Presence::OnFirstUse => Seen::Left(missing),
            });
        }
        Err(error) => return Some(damaged_name(name, format!("nothing readable: {error}"))),
    };
    if !metadata.is_file() {
        return Some(damaged_name(name, "no plain file".to_owned()));
    }
    let object = lying.get(&hash);
    if object.is_some_and(|object| object.inode == metadata.ino()) {
        return None;
    }
    if metadata.len() != size {
        return Some(damaged_name(name, format!("{} bytes", metadata.len())));
    }
    if depth == Depth::Full
        && let Some(found) = wrong_content(&path, &hash)
    {
        return Some(damaged_name(name, found));
    }
    // Where the object is gone or bad, that is said of the object, and this name may be what mends it.
    if object.is_none() || bad.contains_key(&hash) {
        return None;
    }
    let expected = format!("a link to {}", Layout::object_path(&hash));
    Some(Seen::Link(BrokenLink { path: name.path.clone(), expected, found: "a file of its own".to_owned() }))
}

fn damaged_name(name: &Name<'_>, found: String) -> Seen {
    let paths = vec![name.path.clone()];
    Seen::Damaged(Damaged { hash: name.file.hash, size: name.file.size, found, paths })
}

/// Each upstream of a build that has packages leads to its pool.
fn check_pool_links(store: &Store, held: &Held, broken: &mut Vec<BrokenLink>) {
    for (link, expected) in pool_links(held) {
        let path = store.build(held.info.number).join(link);
        let found = match fs::read_link(&path) {
            Ok(target) if target == Path::new(&expected) => continue,
            Ok(target) => format!("a link to {}", target.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "nothing".to_owned(),
            Err(_) => "no link".to_owned(),
        };
        let expected = format!("a link to {expected}");
        broken.push(BrokenLink { path: relative(store, &path), expected, found });
    }
}

/// The links to the pool that a build has, by their path below it, and where they lead.
pub(super) fn pool_links(held: &Held) -> BTreeMap<String, String> {
    let pool = held.manifest.files().iter().filter(|file| file.area == Area::Pool);
    let upstreams = pool.filter_map(|file| file.path.as_str().split_once('/'));
    upstreams.map(|(name, _)| (format!("{name}/pool"), format!("../../../pool/{name}"))).collect()
}

pub(super) fn relative(store: &Store, path: &Path) -> String {
    path.strip_prefix(store.root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn inode_of(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

impl Findings {
    /// A build loses its name before anything of it is taken away. So what was found missing of one that has lost it, and of
    /// no other, says nothing.
    fn forget(&mut self, store: &Store, vanished: &BTreeSet<BuildNumber>, meant: Meant, staying: &[Held]) {
        let files =
            || staying.iter().flat_map(|held| held.manifest.files().iter().map(move |file| (held, file)));
        let hashes: BTreeSet<Sha256> = files().map(|(_, file)| file.hash).collect();
        let names: BTreeSet<String> =
            files().map(|(held, file)| relative(store, &file.below(store, held.info.number))).collect();
        let is_needed = |one: &Missing| match one.path == Layout::object_path(&one.hash) {
            true => hashes.contains(&one.hash),
            false => names.contains(&one.path),
        };
        self.missing.retain(is_needed);
        self.left.retain(is_needed);
        self.damaged.retain(|one| hashes.contains(&one.hash));
        let is_below = |path: &str| {
            let below = path.strip_prefix("builds/").and_then(|path| path.split('/').next()?.parse().ok());
            below.is_some_and(|number| vanished.contains(&number))
        };
        self.links.retain(|one| !is_below(&one.path));
        self.foreign.retain(|path| !is_below(path));
        self.lists.retain(|(number, _)| !vanished.contains(number));
        match meant {
            Meant::Named => {
                let why = "it was taken away while it was looked at".to_owned();
                self.lists.extend(vanished.iter().map(|number| (*number, why.clone())));
            }
            Meant::Present => self.builds.retain(|number| !vanished.contains(number)),
        }
    }

    fn sort(&mut self) {
        self.damaged.iter_mut().for_each(|one| one.paths.sort_unstable());
        self.missing.sort_unstable();
        self.left.sort_unstable();
        self.damaged.sort_unstable();
        self.links.sort_unstable();
        self.foreign.sort_unstable();
        self.foreign.dedup();
    }
}
