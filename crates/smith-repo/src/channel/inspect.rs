//! Whether a channel serves what its view and its build say, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::channel::dating::{Dated, Dating, How, When, suite_of};
use crate::channel::history::Move;
use crate::channel::standing::standing;
use crate::channel::switch::{recent, still};
use crate::channel::view::{NewView, SIGNATURE, VIEW, View, WORDS, folder as view_folder, numbers, words_of};
use crate::hash::Sha256;
use crate::manifest::Area;
use crate::mirror::{Held, walk};
use crate::name::ChannelName;
use crate::pgp::Signer;
use crate::store::{Store, StoreError};

/// One path below a store that is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trouble {
    pub path: String,
    pub expected: String,
    pub found: String,
}

/// What other stores have under this path, of which some may be right: `channels/prod/debian/dists/stable/InRelease`.
pub type Elsewhere<'a> = &'a dyn Fn(&str) -> Vec<Vec<u8>>;

/// What a name of a view should be.
enum Wanted {
    Content(Sha256),
    Link(String),
}

/// Every file of the view that the channel serves.
pub fn inspect(store: &Store, name: &ChannelName) -> Result<Vec<Trouble>, ChannelError> {
    let unknown = || ChannelError::Unknown { name: name.clone() };
    let standing = standing(store, name)?.ok_or_else(unknown)?;
    let (Some(view), Some(folder)) = (standing.view, standing.folder) else { return Ok(standing.damage) };
    let wanted = wanted(store, &view, &Held::read(store, view.build)?)?;
    let mut troubles = standing.damage;
    let mut trouble = |path: &str, expected: &str, found: String| {
        let path = folder.strip_prefix(store.root()).unwrap_or(&folder).join(path).display().to_string();
        troubles.push(Trouble { path, expected: expected.to_owned(), found });
    };
    for (path, wanted) in &wanted {
        let (expected, found) = compare(&folder.join(path), wanted);
        if expected != found {
            trouble(path, &expected, found);
        }
    }
    let words = words_of(store, view.build)?;
    if words != view.words {
        trouble(
            VIEW,
            &format!("build {} with words of sha256 {}", view.build, view.words),
            words.to_string(),
        );
    }
    let mut foreign = BTreeSet::new();
    walk(&folder, "", &mut |path, metadata| {
        let is_own = path == VIEW || path == SIGNATURE;
        // Ways to the pools of builds from before.
        let is_pool = metadata.is_symlink() && path.ends_with("/pool");
        if !is_own && !is_pool && !wanted.contains_key(path) {
            foreign.insert(path.to_owned());
        }
    })?;
    for path in foreign {
        // The index of a build from before, under the name of its content.
        let (folder_name, file_name) = path.rsplit_once('/').unwrap_or(("", &path));
        let hash = file_name.parse::<Sha256>().ok().filter(|_| folder_name.ends_with("by-hash/SHA256"));
        let expected = hash.map_or_else(|| "nothing".to_owned(), |hash| format!("sha256 {hash}"));
        let found = content(&folder.join(&path));
        if expected != found {
            trouble(&path, &expected, found);
        }
    }
    troubles.sort_unstable();
    Ok(troubles)
}

/// Makes the view anew. Releases that are damaged are sought by their hashes, here and elsewhere; where nobody has them, they
/// get a new date, for which there must be a key. Without it everything stays as it is.
pub fn mend(
    store: &Store,
    name: &ChannelName,
    at: Timestamp,
    signer: Option<&dyn Signer>,
    elsewhere: Elsewhere<'_>,
) -> Result<(), ChannelError> {
    // Others are asked before the store is locked.
    let (seen, releases) = releases(store, name, elsewhere)?;
    let _locked = store.lock_now()?;
    let (old, folder) = readable(store, name)?;
    if old != seen {
        // It has moved meanwhile, to a view that was made just now.
        return Ok(());
    }
    let held = still(store, name, old.build)?;
    let neighbours = recent(&standing_moves(store, name)?, None, old.build, at);
    let signer = match (releases, signer) {
        (Ok(dated), _) => {
            let signature = fs::read(folder.join(SIGNATURE)).ok();
            let (view, json, dated) = (&old, old.to_json()?, &dated[..]);
            return NewView { view, json, signature, dated, held: &held, neighbours: &neighbours }
                .serve(store);
        }
        (Err(suite), None) => return Err(ChannelError::NeedsKey { name: name.clone(), suite }),
        (Err(_), Some(signer)) => signer,
    };
    let dating = Dating { at, when: When::Needed, signer: Some(signer), served: &old.dates };
    let dated = dating.of(store, &held)?;
    let view = View::new(store, name, old.build, &dating, &dated)?;
    let json = view.to_json()?;
    let signature = Some(signer.sign_binary(&json, at)?);
    NewView { view: &view, json, signature, dated: &dated, held: &held, neighbours: &neighbours }.serve(store)
}

/// Whether the view could be made anew without a key. Changes nothing.
pub fn can_mend(store: &Store, name: &ChannelName, elsewhere: Elsewhere<'_>) -> Result<(), ChannelError> {
    let (view, releases) = releases(store, name, elsewhere)?;
    still(store, name, view.build)?;
    releases.map(drop).map_err(|suite| ChannelError::NeedsKey { name: name.clone(), suite })
}

/// A history that cannot be read names no neighbours; that it is damaged is said by itself.
fn standing_moves(store: &Store, name: &ChannelName) -> Result<Vec<Move>, ChannelError> {
    Ok(standing(store, name)?.map(|standing| standing.moves).unwrap_or_default())
}

/// What the channel says of itself, without which nobody knows what it should be.
fn readable(store: &Store, name: &ChannelName) -> Result<(View, PathBuf), ChannelError> {
    let unknown = || ChannelError::Unknown { name: name.clone() };
    let mut standing = standing(store, name)?.ok_or_else(unknown)?;
    match (standing.view.take(), standing.folder.take()) {
        (Some(view), Some(folder)) => Ok((view, folder)),
        (_, _) => Err(standing.damaged(name)),
    }
}

/// The view with the Releases of which it speaks, or the first suite of which not all can be found.
fn releases(
    store: &Store,
    name: &ChannelName,
    elsewhere: Elsewhere<'_>,
) -> Result<(View, Result<Vec<Dated>, String>), ChannelError> {
    let (view, folder) = readable(store, name)?;
    let views = numbers(store, name)?.into_iter().map(|number| view_folder(store, name, number));
    let folders: Vec<PathBuf> = [folder].into_iter().chain(views).collect();
    let mut all = Vec::with_capacity(view.suites.len());
    for (suite, told) in &view.suites {
        let mut files = BTreeMap::new();
        for (file, hash) in &told.files {
            let path = format!("{suite}/{file}");
            let is_it = |bytes: &Vec<u8>| Sha256::of(bytes) == *hash;
            let here = folders.iter().map(|folder| folder.join(&path)).chain([store.object(hash)]);
            let found = here.filter_map(|path| fs::read(path).ok()).find(is_it);
            let found =
                found.or_else(|| elsewhere(&format!("channels/{name}/{path}")).into_iter().find(is_it));
            let Some(bytes) = found else { return Ok((view.clone(), Err(suite.to_string()))) };
            files.insert(file.to_string(), bytes);
        }
        all.push(Dated { folder: suite.to_string(), date: told.date, how: How::AsBuilt, files });
    }
    Ok((view, Ok(all)))
}

fn wanted(store: &Store, view: &View, held: &Held) -> Result<BTreeMap<String, Wanted>, ChannelError> {
    let mut wanted = BTreeMap::new();
    for name in WORDS {
        let path = store.build(view.build).join(name);
        if path.exists() {
            let (hash, _) = Sha256::of_file(&path).map_err(StoreError::io("reading", &path))?;
            wanted.insert(name.to_owned(), Wanted::Content(hash));
        }
    }
    for file in held.manifest.files() {
        let path = file.path.as_str();
        match (file.area, path.split_once('/')) {
            (Area::Tree, _) if suite_of(file).is_none() => {
                wanted.insert(path.to_owned(), Wanted::Content(file.hash));
            }
            (Area::Pool, Some((upstream, _))) => {
                let target = format!("../../../pool/{upstream}");
                wanted.insert(format!("{upstream}/pool"), Wanted::Link(target));
            }
            (Area::Tree | Area::Pool, _) => {}
        }
    }
    for (folder, suite) in &view.suites {
        for (name, hash) in &suite.files {
            wanted.insert(format!("{folder}/{name}"), Wanted::Content(*hash));
        }
    }
    Ok(wanted)
}

/// What is expected at a path, and what is there, in the same words if they are the same.
fn compare(path: &Path, wanted: &Wanted) -> (String, String) {
    match wanted {
        Wanted::Content(hash) => (format!("sha256 {hash}"), content(path)),
        Wanted::Link(target) => {
            let found = fs::read_link(path).unwrap_or_else(|_| PathBuf::from("no link"));
            (format!("a link to {target}"), format!("a link to {}", found.display()))
        }
    }
}

fn content(path: &Path) -> String {
    match Sha256::of_file(path) {
        Ok((hash, _)) => format!("sha256 {hash}"),
        Err(error) => error.to_string(),
    }
}
